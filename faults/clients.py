"""Clients that post made-up events, and remember which of them the portal said it has."""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice

from benchmarks.events import make_bodies, make_events
from benchmarks.ingest_batch import DOOR

SENDERS = 2
EVENTS_A_POST = 25
PAUSE_SECONDS = 0.1
RETRY_SECONDS = 0.3
TIMEOUT_SECONDS = 10
# A batch that is still unanswered so long after the fault is given up, and the row is red.
PATIENCE_SECONDS = 60
# A client sends these again; after any other refusal its events would be lost.
PASSING = {"408", "429", "503", "none"}


@dataclass
class Sender:
    """One client. It sends each batch until it is answered 200, and then the next one."""

    port: int
    key: str
    seed: int
    answers: Counter[str] = field(default_factory=Counter)
    # Ids of the events that were answered accepted or duplicate.
    settled: set[str] = field(default_factory=set)
    complaints: set[str] = field(default_factory=set)
    settled_at: float = 0.0
    # Ask it to finish its batch, and to leave it unfinished.
    stopping: threading.Event = field(default_factory=threading.Event)
    giving_up: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        now = datetime.now(UTC)
        # Without an end: a client that has nothing more to post looks like a portal that does not recover.
        events = make_events(None, seed=self.seed, start=now - timedelta(hours=3), end=now)
        while not self.stopping.is_set():
            batch = list(islice(events, EVENTS_A_POST))
            self.deliver(make_bodies(iter(batch), size=EVENTS_A_POST)[0], count=len(batch))
            self.stopping.wait(PAUSE_SECONDS)

    def deliver(self, body: bytes, *, count: int) -> None:
        while not self.giving_up.is_set():
            status, answer, retry_after = self.post(body)
            self.answers[status] += 1
            if status == "200":
                self.settle(body, answer=answer, count=count)
                return
            if status not in PASSING:
                self.complaints.add(f"a post was answered {status}")
                return
            if status == "503" and not retry_after:
                self.complaints.add("503 without Retry-After")
            self.giving_up.wait(RETRY_SECONDS)
        self.complaints.add(f"a post was not answered within {PATIENCE_SECONDS} s after the fault")

    def post(self, body: bytes) -> tuple[str, bytes, str]:
        """(status or "none", body, Retry-After)."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("POST", DOOR, body=body, headers=headers)
            answer = connection.getresponse()
            return str(answer.status), answer.read(), answer.headers.get("Retry-After", "")
        except (OSError, http.client.HTTPException):
            return "none", b"", ""
        finally:
            connection.close()

    def settle(self, body: bytes, *, answer: bytes, count: int) -> None:
        verdicts = json.loads(answer)
        if verdicts["accepted"] + verdicts["duplicates"] != count:
            self.complaints.add(f"{verdicts['rejected']} good events were rejected")
            return
        self.settled |= {event["id"] for event in json.loads(body)["events"]}
        self.settled_at = time.monotonic()


@dataclass(frozen=True)
class Crowd:
    """The senders of one fault."""

    senders: list[Sender]

    @property
    def settled(self) -> set[str]:
        return set().union(*(sender.settled for sender in self.senders))

    @property
    def answers(self) -> Counter[str]:
        return sum((sender.answers for sender in self.senders), Counter())

    @property
    def complaints(self) -> list[str]:
        return sorted(set().union(*(sender.complaints for sender in self.senders)))

    def all_settled_since(self, moment: float) -> bool:
        """Whether each has had a batch accepted since then (time.monotonic())."""
        return all(sender.settled_at > moment for sender in self.senders)


@contextmanager
def posting(*, port: int, key: str, seed: int) -> Iterator[Crowd]:
    """Clients that post; in the end all of their batches are answered, or PATIENCE_SECONDS have passed."""
    crowd = Crowd([Sender(port=port, key=key, seed=seed * SENDERS + number) for number in range(SENDERS)])
    threads = [threading.Thread(target=sender.run, daemon=True) for sender in crowd.senders]
    for thread in threads:
        thread.start()
    try:
        yield crowd
        for sender in crowd.senders:
            sender.stopping.set()
        deadline = time.monotonic() + PATIENCE_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
    finally:
        for sender in crowd.senders:
            sender.stopping.set()
            sender.giving_up.set()
        for thread in threads:
            thread.join(TIMEOUT_SECONDS)
