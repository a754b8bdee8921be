"""What `make test` runs: all tests on SQLite, then those that use a database on PostgreSQL if one answers.

    python -m tests.run [pytest arguments]

With CI=true a service that is not found is an error.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests import services

NOTHING_COLLECTED = 5
SHARED_MEMORY = Path("/dev/shm")
ROOM = 256 * 1024 * 1024
ROOT = Path(__file__).resolve().parent.parent
# One more than the two cores: many tests wait for a process or a browser.
WORKERS = "3"
# They start processes of their own and choose their database themselves: once is enough.
ONCE = "processes or browser or prometheus or alertmanager or sdks"


def main(arguments: list[str]) -> int:
    missing = services.missing()
    if missing and os.environ.get("CI") == "true":
        say(f"Not found: {', '.join(missing)}. CI=true wants all of them.")
        return 1
    outcomes = {"SQLite": run(arguments, database_url="")}
    if services.has_postgres():
        others = [*arguments, "-m", f"not ({ONCE})", "--needs-database"]
        status, seconds = run(others, database_url=services.POSTGRES_URL)
        # The arguments may name only tests that have run already.
        outcomes["PostgreSQL"] = (0 if status == NOTHING_COLLECTED else status), seconds
    for database, (status, seconds) in outcomes.items():
        say(f"{database}: {'passed' if status == 0 else 'FAILED'} in {seconds:.0f} s")
    if missing:
        say(f"Not found, so the tests that need them were skipped: {', '.join(missing)}.")
    return max(status for status, _ in outcomes.values())


def run(arguments: list[str], *, database_url: str) -> tuple[int, float]:
    """(status, seconds) of pytest on one database, free of the settings of whoever runs it."""
    started_at = time.monotonic()
    with tempfile.TemporaryDirectory(dir=memory()) as data_dir:
        environment = {name: value for name, value in os.environ.items() if name not in setting_names()}
        environment |= {"DATA_DIR": data_dir, "DATABASE_URL": database_url}
        command = [sys.executable, "-m", "pytest", "-n", WORKERS, "--dist", "loadgroup", *arguments]
        status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    return status, time.monotonic() - started_at


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
