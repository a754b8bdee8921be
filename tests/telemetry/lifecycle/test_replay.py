"""Replays of quarantined events. The plan is changed by letting the key or the late window refuse them first."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Sum
from pytest_django import Settings

from kpis.compute.rollup import bring_up_to_date
from telemetry.intake.ingest import IngestResult, ingest_events
from telemetry.intake.privacy import pseudonymise
from telemetry.keys import change_key, revoke_key
from telemetry.lifecycle.replay import ReplayCounts, replay_rows
from telemetry.models import ApiKey, Arrival, LedgerHour, QuarantinedEvent, RawEvent, RejectionGroup
from tests.builders import NOW, make_key
from tests.telemetry.posts import event, raw

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(days=3)


@pytest.fixture
def key() -> ApiKey:
    """A key that may send no event of the workbench."""
    return make_key(allowed_events=["agent.*"])


def post(*documents: dict[str, Any], key: ApiKey, now: datetime = NOW, **options: Any) -> IngestResult:
    return ingest_events(list(map(raw, documents)), key=key, now=now, **options)


def allow(key: ApiKey) -> None:
    change_key(key=key, allowed_events=[], notes="")


def replay(*, now: datetime = LATER, dry_run: bool = False) -> tuple[int, int, int, int]:
    with transaction.atomic():
        counts: ReplayCounts = replay_rows(
            list(QuarantinedEvent.objects.filter(replayed_at=None).order_by("pk")), now=now, dry_run=dry_run
        )
    return counts.accepted, counts.duplicates, counts.rejected, counts.not_kept


def ledger() -> dict[str, int]:
    return dict(LedgerHour.objects.values_list("outcome").annotate(Sum("events")))


def test_a_replayed_event_is_stored_as_if_it_had_been_accepted(key: ApiKey) -> None:
    post(event(event_id="e-1"), key=key, client="app/1.2")
    allow(key)

    assert replay() == (1, 0, 0, 0)

    stored, row, arrival = (
        RawEvent.objects.get(),
        QuarantinedEvent.objects.get(),
        Arrival.objects.latest("pk"),
    )
    assert (stored.event_id, stored.occurred_at) == ("e-1", datetime(2026, 2, 15, 11, tzinfo=UTC))
    assert (row.replayed_at, row.outcome) == (LATER, "accepted")
    assert (arrival.key, arrival.received_at, arrival.accepted, arrival.client) == (key, LATER, 1, "app/1.2")


def test_the_arrival_of_a_replay_says_so(key: ApiKey) -> None:
    post(event(event_id="e-1"), key=key)
    allow(key)
    replay()

    assert list(Arrival.objects.order_by("pk").values_list("is_replay", flat=True)) == [False, True]


def test_a_second_replay_changes_nothing(key: ApiKey) -> None:
    post(event(event_id="e-1"), key=key)
    allow(key)
    replay()

    assert replay() == (0, 0, 0, 0)
    assert (RawEvent.objects.count(), Arrival.objects.count()) == (1, 2)


def test_a_stale_row_is_not_replayed_again(key: ApiKey) -> None:
    post(event(event_id="e-1"), key=key)
    allow(key)
    replay()

    with transaction.atomic():
        counts = replay_rows([QuarantinedEvent.objects.get()], now=LATER)

    assert counts == ReplayCounts()


AS_POSTED = {
    "with an id": ({"event_id": "e-1"}, {}),
    "without an id": ({}, {}),
    "with a corrected clock": ({"event_id": "e-1"}, {"sent_moments": [NOW - timedelta(days=9)]}),
    "without an id, with a corrected clock": ({}, {"sent_moments": [NOW - timedelta(days=9)]}),
    "without a timestamp": ({"event_id": "e-1"}, {"sent_moments": [None]}),
    "a CloudEvent": ({"event_id": "e-1"}, {"origins": ["/apps/web"]}),
    "a CloudEvent without a time": ({"event_id": "e-1"}, {"origins": [""], "sent_moments": [None]}),
    "with a person's id": ({"userId": "anna"}, {}),
}


@pytest.mark.parametrize("name", AS_POSTED)
def test_a_copy_that_the_client_sends_afterwards_is_a_duplicate(name: str, key: ApiKey) -> None:
    fields, delivery = AS_POSTED[name]
    document = event("workbench.session_started", **{"userId": "ben", **fields})
    post(document, key=key, **delivery)
    allow(key)
    assert replay() == (1, 0, 0, 0)

    again = post(document, key=key, now=LATER + timedelta(hours=1), **delivery)

    assert (again.accepted, again.duplicates) == (0, 1)


@pytest.mark.parametrize("name", AS_POSTED)
def test_a_copy_that_the_client_sent_before_makes_the_replay_a_duplicate(name: str, key: ApiKey) -> None:
    fields, delivery = AS_POSTED[name]
    document = event("workbench.session_started", **{"userId": "ben", **fields})
    post(document, key=key, **delivery)
    allow(key)
    post(document, key=key, now=NOW + timedelta(hours=1), **delivery)

    assert replay() == (0, 1, 0, 0)

    assert QuarantinedEvent.objects.get().outcome == "duplicate"
    assert RawEvent.objects.count() == 1


def test_of_two_rejected_copies_one_is_stored(key: ApiKey) -> None:
    post(event(event_id="e-1"), key=key)
    post(event(event_id="e-1"), key=key)
    allow(key)

    assert replay() == (1, 1, 0, 0)
    assert sorted(QuarantinedEvent.objects.values_list("outcome", flat=True)) == ["accepted", "duplicate"]


def test_an_event_that_is_still_rejected_stays_with_its_new_errors(key: ApiKey) -> None:
    post(event("workbench.draft_created", nodeCount=-1, source="chat"), key=key)
    change_key(key=key, allowed_events=["workbench.*"], notes="")

    assert replay() == (0, 0, 1, 0)

    row = QuarantinedEvent.objects.get()
    assert (row.code, [error["code"] for error in row.errors], row.replayed_at) == (
        "out_of_range",
        ["out_of_range"],
        None,
    )
    # Its first rejection is counted, and no second one.
    bring_up_to_date(now=LATER)
    assert ledger() == {"rejected": 1}
    assert sorted(RejectionGroup.objects.values_list("code", "events")) == [
        ("out_of_range", 0),
        ("unknown_event", 1),
    ]


@pytest.mark.parametrize(("seconds", "outcome"), [(0, (1, 0, 0, 0)), (1, (0, 0, 1, 0))])
def test_an_event_that_is_too_late_by_now_says_so(
    seconds: int, outcome: tuple[int, ...], key: ApiKey, settings: Settings
) -> None:
    occurred_at = NOW - timedelta(hours=1)
    post(event(at=occurred_at), key=key)
    allow(key)

    assert replay(now=occurred_at + timedelta(days=settings.LATE_WINDOW_DAYS, seconds=seconds)) == outcome

    codes = ["unknown_event"] if outcome[0] else ["timestamp_too_old"]
    assert [error["code"] for error in QuarantinedEvent.objects.get().errors] == codes


@pytest.mark.parametrize(("seconds", "outcome"), [(600, (1, 0, 0, 0)), (601, (0, 0, 1, 0))])
def test_an_event_that_was_ahead_of_the_clock_stays_rejected(
    seconds: int, outcome: tuple[int, ...], key: ApiKey
) -> None:
    post(event(at=NOW + timedelta(seconds=seconds)), key=key)
    allow(key)

    assert replay() == outcome


def test_a_late_event_is_replayed_when_the_late_window_has_grown(settings: Settings) -> None:
    key = make_key()
    post(event(at=NOW - timedelta(days=31)), key=key)
    settings.LATE_WINDOW_DAYS = 40

    assert replay() == (1, 0, 0, 0)


NOT_WHOLE = {
    "a text that is replaced by its length": {"draftId": "two words"},
    "an address": {"draftId": "anna@example.com"},
    "a value of an unknown property": {"flavour": "vanilla"},
    "a large number": {"nodeCount": 10**12},
    "a person's id that the door refuses": {"userId": "Anna Smith"},
    "a person's id that is too long": {"userId": "a" * 129},
}


@pytest.mark.parametrize("name", NOT_WHOLE)
def test_an_event_of_which_a_value_was_not_kept_is_never_replayed(name: str, key: ApiKey) -> None:
    post(event("workbench.draft_created", source="chat", **NOT_WHOLE[name]), key=key)
    allow(key)

    assert replay() == (0, 0, 0, 1)

    row = QuarantinedEvent.objects.get()
    assert (row.is_whole, row.replayed_at, row.code, RawEvent.objects.count()) == (
        False,
        None,
        "unknown_event",
        0,
    )


@pytest.mark.parametrize("origin", ["mailto:anna@example.com", "x" * 201, "a\0b"])
def test_an_event_whose_origin_may_not_be_kept_is_never_replayed(origin: str, key: ApiKey) -> None:
    post(event(event_id="e-1"), key=key, origins=[origin])
    allow(key)

    assert replay() == (0, 0, 0, 1)
    assert QuarantinedEvent.objects.get().delivery is None


def test_a_person_is_the_same_person_after_a_replay(key: ApiKey) -> None:
    post(event("workbench.session_started", userId="anna"), key=key)
    allow(key)

    replay()

    assert RawEvent.objects.get().properties["userId"] == pseudonymise("anna")


def test_the_key_of_the_first_delivery_counts_though_it_is_revoked(key: ApiKey) -> None:
    post(event(), key=key)
    allow(key)
    revoke_key(key=key, now=NOW)
    make_key(source="other")

    replay()

    assert (RawEvent.objects.get().source, Arrival.objects.latest("pk").key) == (key.source, key)


def test_without_its_arrival_a_key_of_its_source_stands_in(key: ApiKey) -> None:
    post(event(), key=key)
    allow(key)
    Arrival.objects.all().delete()

    assert replay() == (1, 0, 0, 0)
    assert Arrival.objects.get().key == key


def test_a_dry_run_says_the_same_and_writes_nothing(key: ApiKey) -> None:
    post(event(event_id="e-1"), event(event_id="e-2", nodeCount=-1, source="chat"), key=key)
    allow(key)
    before = list(QuarantinedEvent.objects.values())

    assert replay(dry_run=True) == (1, 0, 1, 0)

    assert list(QuarantinedEvent.objects.values()) == before
    assert (RawEvent.objects.count(), Arrival.objects.count()) == (0, 1)


def test_received_stays_the_sum_of_what_became_of_it(key: ApiKey) -> None:
    post(event(event_id="e-1"), event(event_id="e-2"), event(event_id="e-2"), event(draftId="a b"), key=key)
    allow(key)
    post(event(event_id="e-2"), event(event_id="e-3"), key=key)

    replay()
    bring_up_to_date(now=LATER)

    # Six came; of the four that were rejected, three came again by the replay.
    assert ledger() == {"accepted": 3, "duplicate": 2, "rejected": 4}
    assert RawEvent.objects.count() == 3
