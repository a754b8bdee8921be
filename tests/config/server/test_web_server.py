"""The web server outlives its workers, whichever of them die and however soon."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.servers import free_port
from config.server import web_server

GOOD = """
import os

async def application(scope, protocol):
    protocol.response_bytes(200, [("connection", "close")], str(os.getpid()).encode())
"""
DYING = "import os\n\nos._exit(3)\n"
Server = subprocess.Popen[bytes]
Start = Callable[[str], tuple[Server, int]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Runs the server with two workers of an application; returns it and its port."""
    servers = []

    def run(source: str) -> tuple[Server, int]:
        (tmp_path / "small_app.py").write_text(source)
        port = free_port()
        options = ["--interface=rsgi", "--workers=2", f"--port={port}", "--workers-kill-timeout=2"]
        command = [sys.executable, "-P", web_server.__file__, *options, "small_app:application"]
        servers.append(subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL))
        return servers[-1], port

    yield run
    for server in servers:
        server.terminate()
        server.wait(10)


def children(pid: int) -> set[int]:
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def answer(port: int) -> str:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            return client.recv(1000).decode().rpartition("\r\n")[2]
    except OSError:
        return ""


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def both_answer(server: Server, port: int) -> bool:
    workers = children(server.pid)
    return len(workers) == 2 and {answer(port) for _ in range(20)} == set(map(str, workers))


@pytest.mark.processes
def test_workers_that_die_twice_or_together_are_replaced(start: Start) -> None:
    server, port = start(GOOD)

    for _ in range(3):
        wait_for(lambda: both_answer(server, port))
        for worker in children(server.pid):
            os.kill(worker, signal.SIGKILL)

    wait_for(lambda: both_answer(server, port))
    assert server.poll() is None


@pytest.mark.processes
def test_a_server_whose_workers_cannot_live_ends(start: Start) -> None:
    server, _ = start(DYING)

    assert isinstance(server.wait(30), int)
