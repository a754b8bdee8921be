"""Clients that cost little: they share the machine with what they measure."""

import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import msgspec

TIMEOUT_SECONDS = 60
MAXIMUM_HEAD_BYTES = 64 * 1024

# Serves the lines of a file as bodies, each once; the requests are made before the clock starts.
WRK_SCRIPT = """
local requests, sent = {}, 0
function init(arguments)
  for line in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("POST", nil, nil, line)
  end
end
function request()
  sent = sent + 1
  return requests[sent]
end
"""


class UnexpectedAnswer(Exception):
    """The server did not do what is measured."""


class Connection:
    """A keep-alive HTTP/1.1 connection over a plain socket; it knows answers with a Content-Length alone."""

    def __init__(self, *, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> bytes:
        """The body of the answer. Raises UnexpectedAnswer for any status but 200."""
        self.socket.sendall(request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self.receive()
        head, _, body = received.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise UnexpectedAnswer((head + b"\n" + body).decode(errors="replace")[:1000])
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if length is None:
            raise UnexpectedAnswer("an answer without Content-Length")
        while len(body) < int(length[1]):
            body += self.receive()
        return body

    def receive(self) -> bytes:
        chunk = self.socket.recv(MAXIMUM_HEAD_BYTES)
        if not chunk:
            raise UnexpectedAnswer("the server closed the connection")
        return chunk


@contextmanager
def connected(count: int, *, port: int) -> Iterator[list[Connection]]:
    connections = [Connection(port=port) for _ in range(count)]
    try:
        yield connections
    finally:
        for connection in connections:
            connection.socket.close()


def post_request(path: str, *, body: bytes, key: str, content_type: str = "application/json") -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def get_request(path: str, **headers: str) -> bytes:
    """Names of headers are written with an underscore for each hyphen."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items() if value)
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}\r\n".encode()


def accepted_by_door(answer: bytes) -> int:
    accepted: int = msgspec.json.decode(answer)["accepted"]
    return accepted


def post_all(
    requests: Sequence[bytes],
    *,
    port: int,
    connections: int,
    accepted_of: Callable[[bytes], int] = accepted_by_door,
) -> tuple[float, int]:
    """(seconds until the last answer, events that were accepted) of prepared posts."""
    waiting = iter(requests)
    lock = threading.Lock()

    def take() -> bytes | None:
        with lock:
            return next(waiting, None)

    def work(connection: Connection) -> int:
        accepted = 0
        while request := take():
            accepted += accepted_of(connection.ask(request))
        return accepted

    with connected(connections, port=port) as opened, ThreadPoolExecutor(connections) as threads:
        began_at = time.perf_counter()
        accepted = sum(threads.map(work, opened))
        return time.perf_counter() - began_at, accepted


def requests_per_second(
    path: str, bodies: Sequence[bytes], *, port: int, key: str, seconds: float, connections: int
) -> float:
    """Answers a second to posts of one body each, none of them twice; by wrk where that is installed.

    wrk knows whole seconds only.

    Raises UnexpectedAnswer when anything but 200 was answered, or when the bodies ran out.
    """
    measure = by_wrk if seconds >= 1 and shutil.which("wrk") else by_sockets
    return measure(path, bodies, port=port, key=key, seconds=seconds, connections=connections)


def by_wrk(
    path: str, bodies: Sequence[bytes], *, port: int, key: str, seconds: float, connections: int
) -> float:
    with tempfile.TemporaryDirectory() as folder:
        script, lines = Path(folder, "post.lua"), Path(folder, "bodies")
        script.write_text(WRK_SCRIPT, encoding="ascii")
        lines.write_bytes(b"\n".join(bodies) + b"\n")
        headers = (f"Authorization: Bearer {key}", "Content-Type: application/json")
        words = [f"--{word}" for word in (f"connections={connections}", "threads=1", "timeout=30s")]
        command = ["wrk", *words, f"--duration={max(1, round(seconds))}s", f"--script={script}"]
        command += [f"--header={header}" for header in headers]
        command += [f"http://127.0.0.1:{port}{path}", "--", str(lines)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    rate = re.search(r"Requests/sec: +([\d.]+)", done.stdout)
    if rate is None or done.stderr or "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise UnexpectedAnswer(done.stdout + done.stderr)
    return float(rate[1])


def by_sockets(
    path: str, bodies: Sequence[bytes], *, port: int, key: str, seconds: float, connections: int
) -> float:
    requests = iter([post_request(path, body=body, key=key) for body in bodies])
    lock = threading.Lock()

    def take() -> bytes:
        with lock:
            request = next(requests, None)
        if request is None:
            raise UnexpectedAnswer("the bodies ran out")
        return request

    def work(connection: Connection) -> int:
        answers = 0
        while time.perf_counter() < deadline:
            connection.ask(take())
            answers += 1
        return answers

    with connected(connections, port=port) as opened, ThreadPoolExecutor(connections) as threads:
        began_at = time.perf_counter()
        deadline = began_at + seconds
        answers = sum(threads.map(work, opened))
        return answers / (time.perf_counter() - began_at)


def scrape(*, port: int) -> bytes:
    """What /metrics says."""
    with connected(1, port=port) as (connection,):
        return connection.ask(get_request("/metrics"))
