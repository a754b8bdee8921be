"""What `make test` runs: all tests on SQLite, and those that use a database on PostgreSQL too if one answers.

    python -m tests.run [pytest arguments]

Tests that start processes or a browser wait more than they compute, so they run beside all others.
With CI=true a service that is not found is an error.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests import services

NOTHING_COLLECTED = 5
SHARED_MEMORY = Path("/dev/shm")
ROOM = 256 * 1024 * 1024
ROOT = Path(__file__).resolve().parent.parent
# Of each of the two runs that go on at a time, on two cores.
WORKERS = "2"
# They start processes of their own and choose their database themselves: once is enough.
ONCE = "processes or browser or prometheus or alertmanager or sdks"
PROCESSES, SQLITE, POSTGRES = "processes and browsers", "SQLite", "PostgreSQL"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run of pytest ended; what it printed, unless that was shown at once."""

    status: int
    seconds: float
    printed: str = ""


def main(arguments: list[str]) -> int:
    missing = services.missing()
    if missing and os.environ.get("CI") == "true":
        say(f"Not found: {', '.join(missing)}. CI=true wants all of them.")
        return 1
    outcomes = run_all(arguments)
    for name, outcome in outcomes.items():
        say(f"{name}: {'passed' if outcome.status == 0 else 'FAILED'} in {outcome.seconds:.0f} s")
    if missing:
        say(f"Not found, so the tests that need them were skipped: {', '.join(missing)}.")
    return status_of([outcome.status for outcome in outcomes.values()])


def run_all(arguments: list[str]) -> dict[str, Outcome]:
    """Processes and browsers beside SQLite and then PostgreSQL; what the first prints comes last."""
    outcomes = {}
    with ThreadPoolExecutor(max_workers=1) as pool:
        beside = pool.submit(run, [*arguments, "-m", ONCE], database_url="", is_shown=False)
        others = [*arguments, "-m", f"not ({ONCE})"]
        outcomes[SQLITE] = run(others, database_url="")
        if services.has_postgres():
            outcomes[POSTGRES] = run([*others, "--needs-database"], database_url=services.POSTGRES_URL)
        outcomes[PROCESSES] = beside.result()
    say(outcomes[PROCESSES].printed.rstrip())
    return outcomes


def status_of(statuses: list[int]) -> int:
    """The worst of them. The arguments may name tests of one run only: the others then collect nothing."""
    collected = [status for status in statuses if status != NOTHING_COLLECTED]
    return max(collected, default=NOTHING_COLLECTED)


def run(arguments: list[str], *, database_url: str, is_shown: bool = True) -> Outcome:
    """pytest on one database, free of the settings of whoever runs it."""
    started_at = time.monotonic()
    with tempfile.TemporaryDirectory(dir=memory()) as data_dir:
        environment = clean_environment() | {"DATA_DIR": data_dir, "DATABASE_URL": database_url}
        command = [sys.executable, "-m", "pytest", "-n", WORKERS, "--dist", "loadgroup", *arguments]
        output = None if is_shown else subprocess.PIPE
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            check=False,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    return Outcome(status=done.returncode, seconds=time.monotonic() - started_at, printed=done.stdout or "")


def clean_environment() -> dict[str, str]:
    """What is set, but for settings of the portal. Hundreds of processes start: they keep what they compile."""
    left_out = setting_names() | {"PYTHONDONTWRITEBYTECODE"}
    return {name: value for name, value in os.environ.items() if name not in left_out}


def memory() -> str | None:
    """A directory in memory, if there is room: no test needs its data after a power cut. None: the usual one."""
    has_room = SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free >= ROOM
    return str(SHARED_MEMORY) if has_room else None


def setting_names() -> set[str]:
    """The variables that .env.example lists."""
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    return set(re.findall(r"^#?\s?([A-Z][A-Z_]+)=", example, flags=re.MULTILINE))


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
