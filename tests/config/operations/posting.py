"""Clients that post while something is done to a portal, and keep a record of every answer."""

import json
import ssl
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

# The denominator of the template suggestion rate is one for each of them.
EVENT = "workbench.chat_message_sent"
# Between two posts of a client: without it the machine would do nothing else.
PAUSE_SECONDS = 0.02


@dataclass
class Poster:
    """Posts single events, each of a session of its own, until it is told to stop."""

    address: str
    key: str
    # Of an https address: whose certificates are believed.
    tls: ssl.SSLContext | None = None
    # Session → event, in the order in which they were accepted; appending is atomic.
    accepted: dict[str, dict[str, Any]] = field(default_factory=dict)
    # Status and Retry-After of every answer that was not 200; 0 is no answer.
    refusals: list[tuple[int, str | None]] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.stopping.wait(PAUSE_SECONDS):
            self.deliver(new_event())

    def deliver(self, event: dict[str, Any]) -> None:
        """Send the event until it is answered for good, as the portal's clients do."""
        while True:
            status, retry_after = self.post([event])
            if status == 200:
                self.accepted[event["sessionId"]] = event
                return
            self.refusals.append((status, retry_after))
            if self.stopping.wait(0.2):
                return

    def post(self, events: list[dict[str, Any]]) -> tuple[int, str | None]:
        request = urllib.request.Request(
            f"{self.address}/api/workbench/telemetry",
            data=json.dumps({"events": events}).encode(),
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=20, context=self.tls) as answer:
                verdict = json.loads(answer.read())
                assert verdict["rejected"] == 0, verdict
                return answer.status, None
        except urllib.error.HTTPError as error:
            error.close()
            return error.code, error.headers["Retry-After"]
        except OSError:
            return 0, None


def new_event() -> dict[str, Any]:
    return {
        "event": EVENT,
        "id": str(uuid.uuid4()),
        "sessionId": f"s-{uuid.uuid4()}",
        "timestamp": datetime.now(UTC).isoformat(),
        "properties": {},
    }


@contextmanager
def posting(poster: Poster, *, threads: int = 2) -> Iterator[None]:
    """Begins when the first events are accepted; at the end nobody posts any more."""
    clients = [threading.Thread(target=poster.run) for _ in range(threads)]
    for client in clients:
        client.start()
    try:
        deadline = time.monotonic() + 30
        while len(poster.accepted) < 20:
            assert time.monotonic() < deadline, poster.refusals
            time.sleep(0.05)
        yield
    finally:
        poster.stopping.set()
        for client in clients:
            client.join()


def batches(events: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Lists of at most 500."""
    rest = list(events)
    while rest:
        yield rest[:500]
        rest = rest[500:]
