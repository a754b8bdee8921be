"""One contract on both databases: what is new is stored once, and the arrival row says what became of the rest."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import DatabaseError, connection

from telemetry.intake.storage import EventRow, PostedRows, QuarantineRow, keys_already_stored, store_batch
from telemetry.models import ApiKey, Arrival, QuarantinedEvent, RawEvent
from tests.builders import make_key
from tests.telemetry.posts import batch_of, row
from tests.threads import run_together

AT = datetime(2026, 2, 14, 23, 59, 59, 999_999, tzinfo=UTC)
NEXT_DAY = AT + timedelta(microseconds=1)


def arrival_row() -> tuple[object, ...]:
    fields = ("accepted", "duplicates", "rejected", "first_day", "last_day", "taken_at")
    return Arrival.objects.order_by("-id").values_list(*fields)[0]


@pytest.mark.django_db
def test_stores_every_column_as_it_came(ingest_key: ApiKey, now: datetime) -> None:
    stored = store_batch(
        batch_of(
            row(at=AT, event_key="ab" * 16, event_id="é-1", properties='{"a":{"b":[1,2.5,true,null,"é"]}}')
        ),
        key=ingest_key,
        now=now,
    )

    assert (stored.accepted, stored.new_keys) == (1, None)

    event = RawEvent.objects.get()

    assert event.event_key.hex == "ab" * 16
    assert (event.environment, event.source, event.arrival_id) == ("production", "web", stored.arrival_id)
    assert (event.event, event.event_id, event.session_id) == ("workbench.draft_created", "é-1", "s-1")
    assert (event.day, event.occurred_at) == (date(2026, 2, 14), AT)
    assert event.properties == {"a": {"b": [1, 2.5, True, None, "é"]}}


@pytest.mark.django_db
def test_the_arrival_says_who_when_and_what(ingest_key: ApiKey, now: datetime) -> None:
    batch = PostedRows(
        rows=[row(at=NEXT_DAY), row(at=AT)], repeats=1, quarantined=[], rejected={"wrong_type": 2}
    )
    stored = store_batch(batch, key=ingest_key, now=now)

    arrival = Arrival.objects.get(pk=stored.arrival_id)

    assert (arrival.key, arrival.environment, arrival.source) == (ingest_key, "production", "web")
    assert arrival.received_at == now
    assert arrival_row() == (2, 1, {"wrong_type": 2}, date(2026, 2, 14), date(2026, 2, 15), None)


@pytest.mark.django_db
def test_what_is_there_already_is_a_duplicate(ingest_key: ApiKey, now: datetime) -> None:
    old, new = row(at=AT), row(at=NEXT_DAY)
    store_batch(batch_of(old), key=ingest_key, now=now)

    stored = store_batch(batch_of(new, old, repeats=1), key=ingest_key, now=now)

    assert (stored.accepted, stored.new_keys) == (1, frozenset({new[1]}))
    assert arrival_row() == (1, 2, {}, date(2026, 2, 15), date(2026, 2, 15), None)
    assert RawEvent.objects.count() == 2


@pytest.mark.django_db
def test_a_post_of_duplicates_alone_has_an_arrival_without_days(ingest_key: ApiKey, now: datetime) -> None:
    old = row(at=AT)
    store_batch(batch_of(old), key=ingest_key, now=now)

    stored = store_batch(batch_of(old), key=ingest_key, now=now)

    assert (stored.accepted, stored.new_keys) == (0, frozenset())
    assert arrival_row() == (0, 1, {}, None, None, None)


@pytest.mark.django_db
def test_stores_rejected_events_beside_the_good_ones(ingest_key: ApiKey, now: datetime) -> None:
    errors = [{"code": "wrong_type", "field": "a", "message": "é"}]
    payload = {"event": "x", "properties": {"a": [1, "b"]}}
    bad = QuarantineRow(3, "x", "e-1", "wrong_type", json.dumps(errors), json.dumps(payload))
    stored = store_batch(
        batch_of(row(at=AT), quarantined=[bad, bad._replace(position=4)]), key=ingest_key, now=now
    )

    first, second = QuarantinedEvent.objects.order_by("position")

    assert (first.position, second.position) == (3, 4)
    assert (first.arrival_id, first.environment, first.source) == (stored.arrival_id, "production", "web")
    assert (first.event, first.event_id, first.code) == ("x", "e-1", "wrong_type")
    assert (first.errors, first.payload, first.received_at) == (errors, payload, now)


@pytest.mark.django_db
def test_a_post_of_rejected_events_alone_has_an_arrival(ingest_key: ApiKey, now: datetime) -> None:
    bad = QuarantineRow(0, "", "", "wrong_type", "[]", "{}")
    batch = PostedRows(rows=[], repeats=0, quarantined=[bad], rejected={"wrong_type": 1})

    stored = store_batch(batch, key=ingest_key, now=now)

    assert (stored.accepted, stored.new_keys) == (0, None)
    assert arrival_row() == (0, 0, {"wrong_type": 1}, None, None, None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("properties", ["not json", ""])
def test_a_row_that_the_database_refuses_leaves_nothing_behind(properties: str, now: datetime) -> None:
    key = make_key()

    with pytest.raises(DatabaseError):
        store_batch(batch_of(row(at=AT), row(at=AT, properties=properties)), key=key, now=now)
    assert not RawEvent.objects.exists()
    assert not Arrival.objects.exists()


@pytest.mark.django_db
def test_tells_which_keys_are_stored(ingest_key: ApiKey, now: datetime) -> None:
    rows = [row(at=AT), row(at=NEXT_DAY), row(at=NEXT_DAY)]

    store_batch(batch_of(*rows[:2]), key=ingest_key, now=now)

    assert keys_already_stored(rows) == {rows[0][1], rows[1][1]}
    assert keys_already_stored([]) == frozenset()


@pytest.mark.django_db
def test_stores_the_largest_batch(ingest_key: ApiKey, now: datetime) -> None:
    rows = [row(at=AT + timedelta(minutes=index)) for index in range(2_500)]

    assert store_batch(batch_of(*rows), key=ingest_key, now=now).accepted == 2_500
    assert len(keys_already_stored(rows)) == 2_500


@pytest.mark.django_db(transaction=True)
def test_one_round_trip_stores_a_batch_on_postgresql(
    now: datetime, django_assert_num_queries: Callable[..., object]
) -> None:
    key = make_key()
    expected = 1 if connection.vendor == "postgresql" else 5
    with django_assert_num_queries(expected):  # type: ignore[attr-defined]
        store_batch(batch_of(row(at=AT)), key=key, now=now)


# Posts at the same time -----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_overlapping_posts_at_the_same_time_store_each_event_once(now: datetime) -> None:
    key = make_key()
    rows: list[EventRow] = [row(at=AT + timedelta(minutes=index)) for index in range(120)]
    accepted: list[int] = []

    def post(start: int, step: int) -> Callable[[], None]:
        # Half of the posts bring their events in the opposite order.
        part = [rows[(start + offset) % 120] for offset in range(60)][::step]

        def job() -> None:
            accepted.extend(store_batch(batch_of(*part), key=key, now=now).accepted for _ in range(5))

        return job

    assert run_together(post(0, 1), post(30, -1), post(60, 1), post(90, -1)) == []
    assert (sum(accepted), RawEvent.objects.count()) == (120, 120)

    counts = Arrival.objects.values_list("accepted", "duplicates")

    assert sum(accepted for accepted, _ in counts) == 120
    assert all(accepted + duplicates == 60 for accepted, duplicates in counts)
