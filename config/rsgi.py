"""The WSGI application behind granian's RSGI interface, so that slow clients wait outside of it.

Granian's WSGI interface hands a request to a thread before its body is there and has no deadline for it: as
many slow bodies as there are threads stop the server. Here the body is received by the event loop, with a
deadline, and a thread is taken only to compute the answer. Answers are complete when they are sent: this is
not for endless streams.
"""

import asyncio
import io
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from config.wsgi import application as wsgi_application

RECEIVE_SECONDS = 15
# The door takes 1 MiB. What is longer is received and dropped, so that the client hears the answer; the
# application sees the length that was announced, or more than it takes, and says 413.
KEPT_BYTES = 1024 * 1024 + 1
DRAINED_BYTES = 16 * 1024 * 1024
# They wait for the database most of the time, and the interpreter runs one of them at a time.
THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="request")

TOO_SLOW = msgspec.json.encode(
    {
        "code": "request_timeout",
        "message": f"The request's body did not arrive within {RECEIVE_SECONDS} seconds.",
        "detail": f"The request's body did not arrive within {RECEIVE_SECONDS} seconds.",
        "request_id": "",
    }
)


async def application(scope: Any, protocol: Any) -> None:
    """Answer one HTTP request (see granian's RSGI specification)."""
    try:
        async with asyncio.timeout(RECEIVE_SECONDS):
            body = await receive(protocol)
    except TimeoutError:
        protocol.response_bytes(
            408, [("content-type", "application/json"), ("connection", "close")], TOO_SLOW
        )
        return
    loop = asyncio.get_running_loop()
    status, headers, answer = await loop.run_in_executor(THREADS, respond, environ(scope, body=body))
    protocol.response_bytes(status, headers, answer)


async def receive(protocol: Any) -> bytes:
    """The first KEPT_BYTES of the body; the rest is read and dropped, up to DRAINED_BYTES."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in protocol:
        if size < KEPT_BYTES:
            chunks.append(chunk)
        size += len(chunk)
        if size > DRAINED_BYTES:
            break
    return b"".join(chunks)[:KEPT_BYTES]


def environ(scope: Any, *, body: bytes) -> dict[str, Any]:
    """The WSGI environment (PEP 3333) of a request whose body is here."""
    host, _, port = scope.server.rpartition(":")
    values: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": as_latin_1(scope.path),
        "QUERY_STRING": as_latin_1(scope.query_string),
        "SERVER_NAME": host or scope.server,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        add_header(values, name=name, value=value)
    values.pop("HTTP_TRANSFER_ENCODING", None)
    values.setdefault("CONTENT_LENGTH", str(len(body)))
    return values


def as_latin_1(text: str) -> str:
    """Its bytes as Latin-1, which is how PEP 3333 writes them."""
    return text.encode("utf-8", "replace").decode("latin-1")


def add_header(values: dict[str, Any], *, name: str, value: str) -> None:
    """A repeated header is one list. A name with an underscore would pass for the one with a dash: left out."""
    if "_" in name:
        return
    key = name.upper().replace("-", "_")
    if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
        key = f"HTTP_{key}"
    values[key] = f"{values[key]},{value}" if key in values else value


def respond(values: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
    """(status, headers, body) of the WSGI application's answer."""
    begun: list[tuple[int, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], error: Any = None) -> None:
        begun.append((int(status[:3]), headers))

    answer = wsgi_application(values, start_response)  # type: ignore[arg-type]
    try:
        body = b"".join(answer)
    finally:
        close = getattr(answer, "close", None)
        if close is not None:
            close()
    status, headers = begun[-1]
    return status, headers, body
