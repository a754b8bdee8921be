"""What a key can read of its own last events."""

from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from telemetry import keys
from telemetry.models import QuarantinedEvent, RawEvent
from tests.builders import make_secret
from tests.telemetry.door.test_views import fault
from tests.telemetry.posts import Answer, event, post, send


def recent(secret: str, *, limit: str = "") -> Answer:
    query = f"limit={limit}" if limit else ""
    return send(method="GET", path="/api/ingest/recent/", query=query, HTTP_AUTHORIZATION=f"Bearer {secret}")


def ids(secret: str, *, limit: str = "") -> list[str]:
    return [entry["id"] for entry in recent(secret, limit=limit).json()["events"]]


def test_shows_what_was_accepted_and_what_was_wrong(secret: str) -> None:
    post(event(event_id="e-1"), secret=secret)
    post(event(event_id="e-2", source="x"), secret=secret)
    rejected, accepted = recent(secret).json()["events"]

    message = rejected["errors"][0].pop("message")

    assert message
    assert rejected == {
        "status": "rejected",
        "received_at": "2026-02-15T12:00:00Z",
        "event": "workbench.draft_created",
        "id": "e-2",
        "timestamp": None,
        "errors": [{"code": "not_in_enum", "field": "properties.source"}],
    }
    assert accepted == {
        "status": "accepted",
        "received_at": "2026-02-15T12:00:00Z",
        "event": "workbench.draft_created",
        "id": "e-1",
        "timestamp": "2026-02-15T11:00:00Z",
        "errors": [],
    }


def test_nothing_was_sent_yet(secret: str) -> None:
    assert recent(secret).json() == {"events": []}


def test_the_newest_post_comes_first_and_its_rejected_events_before_the_others(secret: str) -> None:
    post(event(event_id="old"), secret=secret)
    batch = [
        event(event_id="a", at="2026-02-15T10:00:00Z"),
        event(event_id="bad", source="x"),
        event(event_id="b", at="2026-01-20T10:00:00Z"),
    ]

    post({"events": batch}, secret=secret)

    assert ids(secret) == ["bad", "a", "b", "old"]


def test_a_key_sees_its_own_events_alone(secret: str) -> None:
    others = [make_secret(), make_secret(source="other"), make_secret(environment="staging")]
    for other_secret in others:
        post(event(event_id="theirs"), secret=other_secret)

    post(event(event_id="mine", at="2026-02-15T09:00:00Z"), secret=secret)

    assert ids(secret) == ["mine"]


@pytest.mark.parametrize(("limit", "count"), [("1", 1), ("2", 2), ("200", 60), ("", 50)])
def test_lists_at_most_the_limit(limit: str, count: int, secret: str) -> None:
    post(
        {"events": [event(event_id=f"e-{n}", at=f"2026-02-15T10:00:{n:02}Z") for n in range(60)]},
        secret=secret,
    )

    assert ids(secret, limit=limit) == [f"e-{59 - n}" for n in range(count)]


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1.5", "%D9%A3", "9" * 5000])
def test_another_limit_is_400(limit: str, secret: str) -> None:
    assert fault(recent(secret, limit=limit)) == (400, "bad_parameter")


@pytest.mark.parametrize("scope", ["read", "metrics"])
def test_it_wants_an_ingest_key(scope: str, secret: str) -> None:
    assert fault(recent(make_secret(scope=scope))) == (403, "wrong_scope")
    assert fault(send(method="GET", path="/api/ingest/recent/")) == (401, "missing_key")


def test_what_is_no_longer_kept_is_not_listed(secret: str) -> None:
    post({"events": [event(event_id="e-1"), event(event_id="bad", source="x")]}, secret=secret)
    RawEvent.objects.all().delete()

    QuarantinedEvent.objects.all().delete()

    assert ids(secret) == []


def test_duplicates_hide_nothing(secret: str) -> None:
    for _ in range(5):
        post(event(event_id="e-1"), secret=secret)

    assert ids(secret, limit="1") == ["e-1"]


def test_it_costs_the_same_however_many_events_there_are(secret: str) -> None:
    def queries() -> int:
        # A known key is remembered for a moment; here it is asked for each time.
        keys.key_of.cache_clear()
        with CaptureQueriesContext(connection) as captured:
            recent(secret)
        return len(captured)

    post(event(event_id="e"), secret=secret)
    before = queries()

    for number in range(20):
        post({"events": [event(event_id=f"{number}-{n}") for n in range(20)]}, secret=secret)

    assert queries() == before


def verdicts(answer: Answer) -> list[tuple[Any, ...]]:
    return [
        (entry["index"], entry["id"], entry["status"], entry["code"]) for entry in answer.json()["results"]
    ]


def test_verbose_has_a_verdict_for_every_event(secret: str, clock: datetime) -> None:
    batch = {
        "events": [event(event_id="e-1"), event(event_id="e-2", source="x"), event(event_id="e-1"), event()]
    }

    expected = [
        (0, "e-1", "accepted", "accepted"),
        (1, "e-2", "rejected", "not_in_enum"),
        (2, "e-1", "duplicate", "duplicate"),
        (3, "", "accepted", "accepted"),
    ]

    assert verdicts(post(batch, secret=secret, query="dry_run=1&verbose=1")) == expected
    assert verdicts(post(batch, secret=secret, query="verbose=true")) == expected
    assert verdicts(post(batch, secret=secret, query="verbose=0")) == [
        (0, "e-1", "duplicate", "duplicate"),
        *expected[1:3],
        (3, "", "duplicate", "duplicate"),
    ]
