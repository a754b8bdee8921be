"""The steps that are killed: one post, and bringing the KPIs up to date."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any

from django.db.models import Sum

from kpis.compute.rollup import bring_up_to_date
from telemetry.intake.ingest import ingest_events
from telemetry.models import ApiKey, Arrival, LedgerHour, QuarantinedEvent, RawEvent
from telemetry.plan import get_plan
from tests.crash.harness import Scenario
from tests.oracle.streams import SPRING, Batch, deliveries, posted, realistic
from tests.oracle.system import Keys, clear_tables, find_keys, make_keys, tables
from workbench.models import EventCount

NOW = SPRING.now
BAD = b'{"event": "workbench.no_such_event"}'


def named(name: str) -> Scenario:
    return {"ingest": Ingest, "rollup": RollUp, "torn": Torn}[name]()


def message(number: int) -> bytes:
    document = {"event": "workbench.chat_message_sent", "properties": {"messageLength": number}}
    moment = NOW - timedelta(hours=number)
    post = posted(document, environment="", source="", session="s", moment=moment, event_id=f"e-{number}")
    return json.dumps(post.document).encode()


class WithKeys(Scenario):
    def load(self) -> None:
        get_plan()

    def set_up(self) -> None:
        make_keys(now=NOW)


class Ingest(WithKeys):
    """A post of two new events, one that is known, one that is there twice and a bad one."""

    earlier = [message(1)]
    documents = [message(2), message(1), BAD, message(30), message(30)]

    def prepare(self) -> None:
        clear_tables()
        self.post(self.earlier)

    def step(self) -> Any:
        return self.post(self.documents)

    def post(self, documents: Sequence[bytes]) -> tuple[int, int, int]:
        result = ingest_events(documents, key=ApiKey.objects.earliest("pk"), now=NOW)
        return result.accepted, result.duplicates, result.rejected

    def take_over(self, *, answer: Any) -> Any:
        """Check that the post is stored whole or not at all, send it again, and roll up."""
        posts = Arrival.objects.count()
        stored = [RawEvent.objects.count(), QuarantinedEvent.objects.count()]
        if stored != ([3, 1] if posts == 2 else [1, 0]):
            raise AssertionError(f"stored in part: {stored} after {posts} posts")
        if answer is not None and (posts != 2 or answer != (2, 2, 1)):
            raise AssertionError(f"answered {answer} with {posts} posts")
        again = self.step()
        if again != ((0, 4, 1) if posts == 2 else (2, 2, 1)):
            raise AssertionError(f"{again} for the resend after {posts} posts")
        bring_up_to_date(now=NOW)
        check_ledger(received=1 + 5 * posts)
        # The resend itself is counted: what was refused or known is there once a post.
        kept = ("RawEvent", "EventCount", "Session", "KpiBucket", "Freshness")
        return {name: rows for name, rows in tables().items() if name in kept}


class RollUp(WithKeys):
    """Folding and rolling up many posts, of which half come after the first numbers were computed."""

    def load(self) -> None:
        super().load()
        _ = self.batches

    @cached_property
    def batches(self) -> list[Batch]:
        posts = realistic(seed=5, now=NOW, sessions=4, days=3)
        return deliveries(posts, seed=5)

    def prepare(self) -> None:
        clear_tables()
        keys = find_keys()
        half = len(self.batches) // 2
        post_all(self.batches[:half], keys=keys)
        bring_up_to_date(now=NOW - timedelta(seconds=1))
        post_all(self.batches[half:], keys=keys)
        ingest_events([BAD], key=keys["staging", "web", 0], now=NOW)

    def step(self) -> Any:
        bring_up_to_date(now=NOW)

    def take_over(self, *, answer: Any) -> Any:
        bring_up_to_date(now=NOW)
        if Arrival.objects.filter(taken_at=None).exists():
            raise AssertionError("arrivals were left behind")
        check_ledger(received=1 + sum(len(batch.documents) for batch in self.batches))
        return tables()


def post_all(batches: Sequence[Batch], *, keys: Keys) -> None:
    for batch in batches:
        ingest_events(batch.documents, key=keys[batch.environment, batch.source, batch.key], now=NOW)


class Torn(Scenario):
    """What the harness must find fault with: a step of two commits that can't be repeated."""

    def set_up(self) -> None:
        pass

    def prepare(self) -> None:
        clear_tables()

    def step(self) -> Any:
        for event in ("first", "second"):
            EventCount.objects.create(
                environment="production", bucket_start=NOW, event=event, variant="", events=1
            )

    def take_over(self, *, answer: Any) -> Any:
        if not EventCount.objects.filter(event="first").exists():
            self.step()
        return tables(of=["workbench"])


def check_ledger(*, received: int) -> None:
    """Every received event is in the ledger once, and the accepted ones are those that are stored."""
    ledger = Counter(dict(LedgerHour.objects.values_list("outcome").annotate(Sum("events"))))
    if ledger.total() != received or ledger["accepted"] != RawEvent.objects.count():
        raise AssertionError(f"the ledger has {dict(ledger)} of {received} events")
