"""Clients that send slowly, read slowly, leave their bodies unfinished, or guess passwords."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from benchmarks.ingest_batch import DOOR
from faults.memory import watching_memory
from faults.requests import RawRequest, ask
from faults.stage import Stage

SLOW_CLIENTS = 80
UNFINISHED_BODIES = 900
READERS = 30
PIPELINED = 30
LARGE_FILE = "/static/admin/js/vendor/jquery/jquery.js"
# The portal gives up headers after 10 s, bodies after 15 s, and readers after 15 s without progress.
HEADER_SECONDS = 14
BODY_SECONDS = 20
READER_SECONDS = 40
GUESSING = 16
GUESS_SECONDS = 15
# 302, 400, 404 and 405: a wrong passkey, a second factor without a password, a provider that there is none of.
GUESS_ANSWERS = {200, 302, 400, 404, 405, 429, 503}
# Pages that a stranger may ask for, and what is posted to them.
GUESSES = (
    ("/login/", "username=admin&password=guess"),
    ("/login/passkey/", "credential={}"),
    ("/login/second-factor/", "code=123456"),
    ("/login/sso/", ""),
    ("/password/reset/", "email=admin@example.org"),
    ("/password/reset/1-guess/", "password1=guess&password2=guess"),
    ("/invitations/guess/", "username=guess&password1=guess&password2=guess"),
    ("/account/sessions/", ""),
)
CSRF_TOKEN = "a" * 32
SHORT_SHARE = 10
# linux/tcp.h
TCP_ESTABLISHED = 1


def be_slow(stage: Stage) -> None:
    """All three kinds at once: none of them may take from the others what ends it."""
    with ThreadPoolExecutor() as threads:
        for kind in [
            threads.submit(kind, stage) for kind in (send_headers_slowly, send_bodies_slowly, read_slowly)
        ]:
            kind.result()


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


def guess_passwords(stage: Stage) -> None:
    """Each guess has a connection of its own; the clients share the pages between them, asked for and posted to."""
    ended = threading.Event()
    guesses = [
        guess
        for path, form in GUESSES
        for guess in (posted_form(path, form), RawRequest(method="GET", path=path))
    ]

    def guess(request: RawRequest) -> None:
        while not ended.is_set():
            status = ask(request, port=stage.portal.port).status
            stage.expect(status in GUESS_ANSWERS, f"a guess is answered {status}")

    with ThreadPoolExecutor(GUESSING) as clients:
        for number in range(GUESSING):
            clients.submit(guess, guesses[number % len(guesses)])
        stage.hold(GUESS_SECONDS)
        ended.set()


def posted_form(path: str, form: str) -> RawRequest:
    return RawRequest(
        method="POST",
        path=path,
        headers={
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": f"csrftoken={CSRF_TOKEN}",
            "X-CSRFToken": CSRF_TOKEN,
        },
        body=form.encode(),
    )


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
