"""The WSGI application behind granian's RSGI interface: everything that waits, waits outside of its threads.

Granian's WSGI interface hands a request to a thread before its body is there and has no deadline for it: as
many slow bodies as there are threads stop the server. Here the event loop receives the body, with a deadline
and a limit of memory, and a thread is taken only to compute the answer. Posts, probes and everything else have
threads of their own; /healthz needs none. Answers are complete when they are sent: this is not for endless
streams.
"""

import asyncio
import contextlib
import ctypes
import importlib
import io
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseFault
from django.db import connections as databases

# It sets Django up, which the modules below need.
from config import wsgi
from config.processes import file_modes, watch
from config.server import connections, garbage, patience, threads
from config.server.bodies import (
    KEPT_BYTES,
    KEPT_BYTES_OF_SPANS,
    Body,
    ByteBudget,
    IncompleteBody,
    TooManyBodies,
    TooManyChunks,
    drain,
)
from config.server.refusals import (
    CUT_OFF,
    NO_DATABASE,
    RECEIVE_SECONDS,
    SECURITY_HEADERS,
    TOO_BUSY,
    TOO_MANY_PIECES,
    TOO_MANY_SIGN_INS,
    TOO_SLOW,
    Answer,
    Refusal,
    Refused,
    wants_page,
)
from config.server.senders import KEYED_PATHS, KnownSenders, is_post
from config.server.sign_ins import SignInGate, is_gated
from config.server.threads import NoFreeThread, ThreadShare
from metrics import recorder
from metrics.requests import expect_posts, note_refusal
from telemetry.door.protocols.otlp import answers as otlp
from telemetry.plan.history import record_in_background
from web.errors import Unavailable
from web.tracing import start
from web.tracing.spans import RECEIVED_AT

# How long a refused body is read and dropped, so that its client gets to read the answer.
LINGER_SECONDS = 5
# So many at once. Under a flood of them the event loop has better things to do.
MOST_LINGERING = 16
# Of all web workers together; those whose sender is not known share the smaller one.
BODIES_BYTES = 64 * 1024 * 1024
UNKNOWN_BODIES_BYTES = 16 * 1024 * 1024
# Memory is given back when bodies have held as much as this.
TRIM_BYTES = 4 * 1024 * 1024

HEALTHY: Answer = (
    200,
    [("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store"), *SECURITY_HEADERS],
    b"ok\n",
)


class WithheldBody(io.RawIOBase):
    """A body that was not received. The door refuses its sender before it reads."""

    def readinto(self, buffer: Any) -> int:
        raise Unavailable(code="too_busy", message=TOO_BUSY.message)


@dataclass
class Application:
    """Answers HTTP requests (see granian's RSGI specification)."""

    # They wait for the database most of the time, and the interpreter runs one of them at a time.
    posts: ThreadShare = field(
        default_factory=lambda: ThreadShare("posts", threads=2, queue=256, database_seconds=3)
    )
    others: ThreadShare = field(
        default_factory=lambda: ThreadShare("others", threads=2, queue=128, database_seconds=7)
    )
    probes: ThreadShare = field(
        default_factory=lambda: ThreadShare("probes", threads=2, queue=64, database_seconds=2)
    )
    # A guessed password costs a third of a second. Guesses take no thread of the pages, and hardly a turn of theirs.
    sign_ins: ThreadShare = field(
        default_factory=lambda: ThreadShare("sign_ins", threads=1, queue=16, database_seconds=3)
    )
    sign_in_gate: SignInGate = field(default_factory=SignInGate)
    senders: KnownSenders = field(
        default_factory=lambda: KnownSenders(
            ThreadShare("keys", threads=1, queue=64, database_seconds=3),
        )
    )
    bodies: ByteBudget = field(default_factory=lambda: ByteBudget(BODIES_BYTES // settings.WEB_WORKERS))
    unknown_bodies: ByteBudget = field(
        default_factory=lambda: ByteBudget(UNKNOWN_BODIES_BYTES // settings.WEB_WORKERS)
    )
    lingering: int = 0

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Granian calls this in each worker before the first request."""
        file_modes.keep_files_private()
        threads.take_short_turns()
        # The views are imported now; the first requests would else wait for it, and the probes with them.
        importlib.import_module(settings.ROOT_URLCONF)
        patience.bound_waits(databases.settings["default"])
        connections.start_watching(also=self.give_memory_back)
        record_in_background(process="web")
        expect_posts()
        recorder.record_in_background()
        watch.watch_in_background()
        garbage.spare_what_is_loaded()

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Granian calls this in each worker after the last request."""
        start.stop()

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        if scope.path == "/healthz" and scope.method in {"GET", "HEAD"}:
            protocol.response_bytes(*HEALTHY)
            return
        try:
            answer, is_received = await self.answer(scope, protocol)
        except Refused as refused:
            is_page = wants_page(path=scope.path, accept=scope.headers.get("accept", ""))
            answer, is_received = refused.refusal.answer(is_page=is_page), False
            if is_for_spans(scope.path):
                answer = as_status(
                    answer, refused.refusal, content_type=scope.headers.get("content-type", "")
                )
            note_refusal(path=scope.path, method=scope.method, status=answer[0])
        protocol.response_bytes(*answer)
        if not is_received and self.lingering < MOST_LINGERING:
            self.lingering += 1
            try:
                await linger(protocol)
            finally:
                self.lingering -= 1

    __call__ = __rsgi__

    async def answer(self, scope: Any, protocol: Any) -> tuple[Answer, bool]:
        """The answer, and whether the request's body was received. Raises Refused."""
        values = environ(scope) | {RECEIVED_AT: time.time_ns()}
        if is_gated(scope.path) and not self.sign_in_gate.admits(values, now=time.monotonic()):
            await self.sign_in_gate.pause()
            raise Refused(TOO_MANY_SIGN_INS)
        try:
            if not has_body(values):
                return await self.share_of(scope).run(respond, values), True
            is_known = await self.senders.has_key(values)
            if scope.path in KEYED_PATHS and not is_known:
                return await self.answer_unknown(scope, values=values), False
            return await self.answer_with_body(scope, protocol, values=values, is_known=is_known), True
        except (NoFreeThread, TooManyBodies):
            raise Refused(TOO_BUSY) from None
        except DatabaseFault:
            raise Refused(NO_DATABASE) from None

    async def answer_unknown(self, scope: Any, *, values: dict[str, Any]) -> Answer:
        """What the application says of the key; it gets no body."""
        values["wsgi.input"] = WithheldBody()
        status, headers, content = await self.share_of(scope).run(respond, values)
        return status, [*headers, ("connection", "close")], content

    async def answer_with_body(
        self, scope: Any, protocol: Any, *, values: dict[str, Any], is_known: bool
    ) -> Answer:
        budgets = (self.bodies,) if is_known else (self.bodies, self.unknown_bodies)
        body = Body(budgets, limit=KEPT_BYTES_OF_SPANS if is_for_spans(scope.path) else KEPT_BYTES)
        try:
            content = await receive(protocol, body=body, length=length_of(values))
            values["wsgi.input"] = io.BytesIO(content)
            values["CONTENT_LENGTH"] = values.get("CONTENT_LENGTH") or str(len(content))
            values.pop("HTTP_TRANSFER_ENCODING", None)
            return await self.share_of(scope).run(respond, values)
        finally:
            body.release()

    def share_of(self, scope: Any) -> ThreadShare:
        if scope.path == "/readyz":
            return self.probes
        if is_gated(scope.path):
            return self.sign_ins
        return self.posts if is_post(scope.method, scope.path) else self.others

    def give_memory_back(self) -> None:
        """The C library keeps what large bodies have used; called now and then, in any thread."""
        if self.bodies.peak >= TRIM_BYTES and self.bodies.used < TRIM_BYTES:
            self.bodies.peak = 0
            trim_memory()


application = Application()


def is_for_spans(path: str) -> bool:
    return path.rstrip("/") == "/v1/traces"


def as_status(answer: Answer, refusal: Refusal, *, content_type: str) -> Answer:
    """The answer with the body that exporters read."""
    status, headers, _ = answer
    content, answered = otlp.status_body(
        refusal.status,
        code=refusal.code,
        message=refusal.message,
        content_type=content_type.partition(";")[0],
    )
    others = [(name, value) for name, value in headers if name != "content-type"]
    return status, [("content-type", answered), *others], content


async def receive(protocol: Any, *, body: Body, length: int | None) -> bytes:
    """The body's content. Raises Refused when it is late or cut off, and TooManyBodies."""
    try:
        async with asyncio.timeout(RECEIVE_SECONDS):
            return await body.receive(protocol, length=length)
    except TimeoutError:
        raise Refused(TOO_SLOW) from None
    except TooManyChunks:
        raise Refused(TOO_MANY_PIECES) from None
    except IncompleteBody:
        raise Refused(CUT_OFF) from None


async def linger(protocol: Any) -> None:
    """Read what the client still sends: it reads no answer before it has sent all."""
    # A RuntimeError of granian's says that there is nothing left to read.
    with contextlib.suppress(TimeoutError, RuntimeError):
        async with asyncio.timeout(LINGER_SECONDS):
            await drain(protocol)


def trim_memory() -> None:
    """Tell glibc to give free memory back to the system; other C libraries do that themselves."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def length_of(values: Mapping[str, Any]) -> int | None:
    """The announced length; None for a body in chunks."""
    length = values.get("CONTENT_LENGTH", "")
    return int(length) if length.isdecimal() else None


def has_body(values: Mapping[str, Any]) -> bool:
    return "HTTP_TRANSFER_ENCODING" in values or values.get("CONTENT_LENGTH", "0") != "0"


def environ(scope: Any) -> dict[str, Any]:
    """The WSGI environment (PEP 3333) of a request; its body is empty."""
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
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        add_header(values, name=name, value=value)
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

    answer = wsgi.application(values, start_response)  # type: ignore[arg-type]  # Nobody calls its `write`.
    try:
        body = b"".join(answer)
    finally:
        close = getattr(answer, "close", None)
        if close is not None:
            close()
    status, headers = begun[-1]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        # One that was opened while SQLite's file could only be read stays like that; the next request gets another.
        databases.close_all()
    return status, headers, body
