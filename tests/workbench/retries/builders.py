"""Runs that failed, requests to run them again, and a receiver of the test's own."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from people.models import Role
from tests.builders import NOW
from tests.people.builders import make_person
from tests.rows import environment
from workbench.models import RetryRequest, WorkflowRun
from workbench.retries.requesting import request_retry

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD_SECRET = "whsec_" + "b2xk" * 8


def set_up_webhook(settings: Any, *, url: str = "http://127.0.0.1:9/retry") -> None:
    settings.RETRY_WEBHOOK_URL, settings.RETRY_WEBHOOK_SECRET = url, SECRET
    settings.RETRY_WEBHOOK_OLD_SECRET = ""


def make_run(run_id: str = "r-1", *, place: str = "production", **fields: Any) -> WorkflowRun:
    environment(place)
    defaults = {"status": "failed", "workflow_id": "w-1", "trace_id": "t-1"}
    return WorkflowRun.objects.create(environment=place, run_id=run_id, **defaults | fields)


def make_operator(**fields: Any) -> User:
    return make_person("ada", role=Role.OPERATOR, **fields)


def make_request(*, now: datetime = NOW, **fields: Any) -> RetryRequest:
    """A request that was committed at `now`; the fields are changed afterwards."""
    operator = User.objects.filter(username="ada").first() or make_operator()
    made = request_retry(run=make_run(), person=operator, now=now)
    RetryRequest.objects.filter(pk=made.pk).update(**fields)
    made.refresh_from_db()
    return made


@dataclass
class ScriptedReceiver:
    """Answers each connection with the next of the texts, the last one again and again; notes what it was sent."""

    answers: list[bytes]
    posts: list[bytes] = field(default_factory=list)
    # It writes its answers a byte at a time.
    drips: bool = False
    # It does not hang up after an answer.
    hangs: bool = False
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/retry?team=a"

    @property
    def ids(self) -> list[str]:
        return [header(post, "webhook-id") for post in self.posts]

    def take(self, connection: socket.socket, *, is_over: threading.Event) -> None:
        text = b""
        while b"\r\n\r\n" not in text or len(text.partition(b"\r\n\r\n")[2]) < int(
            header(text, "Content-Length")
        ):
            read = connection.recv(65536)
            if not read:
                return
            text += read
        self.posts.append(text)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not self.drips:
            connection.sendall(answer)
        for byte in answer if self.drips else b"":
            if is_over.wait(0.02):
                return
            connection.sendall(bytes([byte]))
        if self.hangs:
            is_over.wait(5)


def header(text: bytes, name: str) -> str:
    lines = text.partition(b"\r\n\r\n")[0].decode().splitlines()[1:]
    return dict(line.lower().split(": ", 1) for line in lines).get(name.lower(), "0")


def answer(status: int, *headers: str, body: str = "") -> bytes:
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", *headers, "", body]
    return "\r\n".join(lines).encode()


@contextlib.contextmanager
def receiving(
    *answers: bytes, drips: bool = False, hangs: bool = False, wrap: Any = None
) -> Iterator[ScriptedReceiver]:
    """`wrap` makes a TLS connection of a plain one."""
    receiver = ScriptedReceiver(list(answers), drips=drips, hangs=hangs)
    is_over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    receiver.port = listener.getsockname()[1]

    def serve() -> None:
        while True:
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                if is_over.is_set():
                    connection.close()
                    return
                with contextlib.suppress(OSError), wrap(connection) if wrap else connection as taken:
                    receiver.take(taken, is_over=is_over)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        is_over.set()
        # Closing a listener does not wake who waits for it. The address needs no DNS, which a test may have changed.
        with socket.socket() as last:
            last.connect(("127.0.0.1", receiver.port))
        thread.join()
        listener.close()
