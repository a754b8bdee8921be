"""Both ways to run in production work as the README has them, but for the addresses of this machine."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.config.test_portal import environment, free_port, wait_until
from tests.config.test_production import kill_group
from tests.conftest import new_postgres_database

pytestmark = [pytest.mark.processes, pytest.mark.redis, pytest.mark.postgres]

ROOT = Path(__file__).resolve().parents[2]
SECTION = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Run it in production")[2]
# Installing is `make test`'s own first step.
_, SETTINGS, ONE_COMMAND, OWN_PROCESSES, POST, READ = re.findall(
    r"^```sh\n(.*?)^```$", SECTION.partition("\n## ")[0], flags=re.MULTILINE | re.DOTALL
)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def database_url() -> Iterator[str]:
    """Each way begins with a database in which nothing was counted."""
    with new_postgres_database() as url:
        yield url


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A Redis server of the test's own: no other test's worker takes its messages."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--save", "", "--dir", str(tmp_path)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    server.wait(timeout=10)


@pytest.fixture
def shell(
    tmp_path: Path, database_url: str, redis_url: str, port: int
) -> Callable[[str], subprocess.Popen[str]]:
    """Starts bash with the README's settings and a block of it, in the virtual environment."""
    addresses = {
        "postgresql://postgres@127.0.0.1:5432/portal": database_url,
        "redis://127.0.0.1:6379/0": redis_url,
        "127.0.0.1:8000": f"127.0.0.1:{port}",
        "--port 8000": f"--port {port}",
    }
    own = environment(tmp_path, port=port)
    own["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{own['PATH']}"

    def start(block: str) -> subprocess.Popen[str]:
        script = SETTINGS + block
        for written, here in addresses.items():
            script = script.replace(written, here)
        return subprocess.Popen(
            ["bash", "-c", script], cwd=ROOT, env=own, text=True, stdout=subprocess.PIPE, process_group=0
        )

    return start


@contextmanager
def running(start: Callable[[str], subprocess.Popen[str]], block: str) -> Iterator[None]:
    """The block's processes, which end together."""
    process = start(block)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.communicate(timeout=20)
        finally:
            kill_group(process)


def answer(start: Callable[[str], subprocess.Popen[str]], block: str) -> dict[str, Any]:
    """The JSON that the block prints; empty while nothing answers."""
    printed, _ = start(block).communicate(timeout=30)
    return dict(json.loads(printed or "{}"))


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def is_counted(kpi: dict[str, Any]) -> bool:
    return bool(kpi["total"]["denominator"] == 1)


@pytest.mark.parametrize("block", [ONE_COMMAND, OWN_PROCESSES], ids=["one command", "processes of their own"])
def test_a_posted_event_is_read_after_pasting(
    shell: Callable[[str], subprocess.Popen[str]], block: str, port: int
) -> None:
    with running(shell, block):
        wait_until(lambda: is_ready(port), seconds=90)

        verdict = answer(shell, POST)

        assert verdict == {"accepted": 1, "duplicates": 0, "rejected": 0, "results": []}
        wait_until(lambda: is_counted(answer(shell, READ)), seconds=120)
