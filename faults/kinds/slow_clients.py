"""Clients that send slowly, read slowly, or leave their bodies unfinished."""

import contextlib
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.ingest_batch import DOOR
from faults.memory import watching_memory
from faults.stage import Stage

SLOW_CLIENTS = 100
UNFINISHED_BODIES = 900
READERS = 30
PIPELINED = 30
LARGE_FILE = "/static/admin/js/vendor/jquery/jquery.js"
# The portal gives up headers after 10 s, bodies after 15 s, and readers after 15 s without progress.
HEADER_SECONDS = 14
BODY_SECONDS = 20
READER_SECONDS = 40
SHORT_SHARE = 10
# linux/tcp.h
TCP_ESTABLISHED = 1


def send_headers_slowly(stage: Stage) -> None:
    with connections(stage, count(stage, SLOW_CLIENTS)) as clients:
        drip(
            clients, first=b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", drop=b"a", seconds=HEADER_SECONDS
        )
        stage.expect(not any(map(is_open, clients)), "slow headers are not given up")


def send_bodies_slowly(stage: Stage) -> None:
    """Every other one has a good key."""
    key = stage.portal.prepared["visitors"]["ingest"]["Authorization"]
    with connections(stage, count(stage, SLOW_CLIENTS)) as clients:
        for number, client in enumerate(clients):
            send(client, post_head(key if number % 2 else "", length=1000) + b"{")
        drip(clients, first=b"", drop=b" ", seconds=BODY_SECONDS)
        stage.expect(not any(map(is_open, clients)), "slow bodies are not given up")


def read_slowly(stage: Stage) -> None:
    """Each asks for a large file so often that no buffer holds the answers, and reads none of them."""
    request = f"GET {LARGE_FILE} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with connections(stage, count(stage, READERS)) as clients:
        for client in clients:
            send(client, request * PIPELINED)
        deadline = time.monotonic() + READER_SECONDS
        while any(map(is_open, clients)) and time.monotonic() < deadline:
            time.sleep(0.5)
        stage.expect(not any(map(is_open, clients)), "slow readers are not given up")


def leave_bodies_unfinished(stage: Stage) -> None:
    """They have no key, and send most of a megabyte."""
    body = post_head("", length=1_000_000) + b"[" * 900_000
    with watching_memory(stage), connections(stage, count(stage, UNFINISHED_BODIES)) as clients:
        for client in clients:
            send(client, body)
        stage.hold(5)


def post_head(authorization: str, *, length: int) -> bytes:
    key = f"Authorization: {authorization}\r\n" if authorization else ""
    return f"POST {DOOR} HTTP/1.1\r\nHost: localhost\r\n{key}Content-Length: {length}\r\n\r\n".encode()


def count(stage: Stage, many: int) -> int:
    return many // SHORT_SHARE if stage.is_short else many


@contextmanager
def connections(stage: Stage, number: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        address = ("127.0.0.1", stage.portal.port)
        opened = []
        for _ in range(number):
            client = stack.enter_context(socket.create_connection(address, timeout=10))
            client.setblocking(False)
            opened.append(client)
        yield opened


def drip(clients: list[socket.socket], *, first: bytes, drop: bytes, seconds: float) -> None:
    """Send the first bytes, and then a drop each second, until the time is over or nobody listens."""
    for client in clients:
        send(client, first)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(map(is_open, clients)):
        for client in clients:
            send(client, drop)
        time.sleep(1)


def send(client: socket.socket, text: bytes) -> None:
    """As much as the other side takes."""
    with contextlib.suppress(OSError):
        client.send(text)


def is_open(client: socket.socket) -> bool:
    """Whether the portal still holds the connection; asks the kernel and reads nothing."""
    return client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TCP_ESTABLISHED
