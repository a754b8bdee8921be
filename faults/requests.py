"""One request to a portal, as bad as it may be: nothing in it is checked or changed on its way."""

import contextlib
import os
import re
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

TIMEOUT_SECONDS = 15
MOST_BYTES = 1_000_000
CLIENT_PRIORITY = 10
# "100 Continue" comes before the answer.
INTERIM = re.compile(rb"^HTTP/1\.1 1\d\d .*?\r\n\r\n", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class RawRequest:
    """`path` goes onto the wire as it is, with its query."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def encode(self) -> bytes:
        headers = {"Host": "127.0.0.1", "Connection": "close", **self.headers}
        if self.body and "Transfer-Encoding" not in headers:
            headers["Content-Length"] = str(len(self.body))
        lines = [
            f"{self.method} {self.path} HTTP/1.1",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode("latin-1", errors="replace") + self.body


@dataclass(frozen=True)
class Answer:
    """`status` is 0 where the connection was closed without an answer, and -1 where nothing came in time."""

    status: int
    head: str = ""

    @property
    def is_allowed_to_anybody(self) -> bool:
        """A fault of the portal is none; a 503 says when to come again."""
        if self.status == 503:
            return "\r\nretry-after:" in self.head.lower()
        return 0 <= self.status < 500


def ask(request: RawRequest, *, port: int, sender: str = "127.0.0.1") -> Answer:
    """The portal's answer; `sender` is the address of this machine that the request comes from."""
    try:
        with socket.create_connection(
            ("127.0.0.1", port), timeout=TIMEOUT_SECONDS, source_address=(sender, 0)
        ) as connection:
            # A refused body may be answered before all of it was sent.
            with contextlib.suppress(ConnectionError):
                connection.sendall(request.encode())
            return read_answer(connection)
    except TimeoutError:
        return Answer(-1)
    except ConnectionError:
        return Answer(0)


def read_answer(connection: socket.socket) -> Answer:
    received = b""
    while len(received) < MOST_BYTES and (chunk := connection.recv(65_536)):
        received = INTERIM.sub(b"", received + chunk)
        if b"\r\n\r\n" in received:
            break
    head = received.partition(b"\r\n\r\n")[0].decode("latin-1")
    status = re.match(r"HTTP/1\.[01] (\d{3})", head)
    return Answer(int(status[1]) if status else 0, head)


def step_back() -> None:
    """Clients are on other machines: where they share the portal's, they leave it the processors (Linux: a thread)."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), CLIENT_PRIORITY)
