from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import Case, F, Sum, When

from telemetry.counters import ledger
from telemetry.models import Arrival, LedgerHour
from tests.builders import event, make_key, minutes, store, table
from workbench.fold import pending

HOUR = datetime(2026, 2, 2, 10, 0, tzinfo=UTC)


@dataclass
class Post:
    key_id: int
    received_at: datetime = HOUR
    accepted: int = 0
    duplicates: int = 0
    rejected: dict[str, int] = field(default_factory=dict)


def test_names_each_outcome_that_is_not_zero() -> None:
    assert ledger.outcomes(Post(1)) == []
    assert ledger.outcomes(Post(1, rejected={"bad_id": 0})) == []
    assert ledger.outcomes(Post(1, accepted=1, duplicates=2, rejected={"bad_id": 3, "too_long": 4})) == [
        ("accepted", "", 1),
        ("duplicate", "", 2),
        ("rejected", "bad_id", 3),
        ("rejected", "too_long", 4),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("received_at", "hour"),
    [
        (HOUR, HOUR),
        (HOUR + timedelta(minutes=59, seconds=59, microseconds=999_999), HOUR),
        (HOUR + timedelta(hours=1), HOUR + timedelta(hours=1)),
        (HOUR - timedelta(microseconds=1), HOUR - timedelta(hours=1)),
    ],
)
def test_an_hour_includes_its_start_and_not_its_end(received_at: datetime, hour: datetime) -> None:
    ledger.record(
        environment="production", arrivals=[Post(make_key().pk, received_at=received_at, accepted=1)]
    )

    assert table(LedgerHour, "hour", "events") == [(hour, 1)]


@pytest.mark.django_db
def test_adds_up_by_key_hour_outcome_and_reason_within_and_across_calls() -> None:
    web, app = make_key().pk, make_key(source="app").pk
    later = HOUR + timedelta(hours=1)
    ledger.record(
        environment="production",
        arrivals=[
            Post(web, accepted=1, rejected={"bad_id": 1}),
            Post(web, accepted=2, rejected={"bad_id": 1, "too_long": 5}),
            Post(app, accepted=4),
        ],
    )

    ledger.record(environment="production", arrivals=[Post(web, accepted=8), Post(web, later, duplicates=16)])

    assert table(LedgerHour, "key_id", "hour", "outcome", "reason", "events") == sorted(
        [
            (web, HOUR, "accepted", "", 11),
            (web, HOUR, "rejected", "bad_id", 2),
            (web, HOUR, "rejected", "too_long", 5),
            (web, later, "duplicate", "", 16),
            (app, HOUR, "accepted", "", 4),
        ],
        key=repr,
    )


@pytest.mark.django_db
def test_nothing_to_record_writes_nothing() -> None:
    ledger.record(environment="production", arrivals=[])

    ledger.record(environment="production", arrivals=[Post(make_key().pk)])

    assert table(LedgerHour) == []


def received_of(arrival: Arrival) -> int:
    return arrival.accepted + arrival.duplicates + sum(arrival.rejected.values())


@pytest.mark.django_db
def test_received_is_accepted_and_duplicates_and_rejected_for_each_key_and_hour(now: datetime) -> None:
    web, app = make_key(), make_key(source="app")
    posts: list[dict[str, Any]] = [
        {"key": web, "duplicates": 3, "rejected": {"bad_id": 2, "unknown_event": 1}},
        {"key": web, "rejected": {"bad_id": 4}},
        {"key": app, "duplicates": 1},
        {"key": app, "received_at": HOUR + timedelta(hours=1)},
    ]
    received: dict[tuple[int, datetime], int] = {}
    for number, post in enumerate(posts):
        arrival = store(
            event("workbench.chat_message_sent", minutes(number)), **{"received_at": HOUR, **post}
        )
        place = (arrival.key_id, arrival.received_at)
        received[place] = received.get(place, 0) + received_of(arrival)
    pending.fold_pending(now=now)

    sums = LedgerHour.objects.values_list("key_id", "hour").annotate(
        Sum("events"), accepted=Sum(Case(When(outcome="accepted", then=F("events")), default=0))
    )

    assert {(key, hour): events for key, hour, events, _ in sums} == received
    assert sum(accepted for *_, accepted in sums) == len(posts)
