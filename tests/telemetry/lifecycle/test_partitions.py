"""Partitions of the raw events by UTC day; only PostgreSQL has them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from telemetry import tasks
from telemetry.intake import storage
from telemetry.lifecycle import partitions
from telemetry.models import ApiKey, RawEvent
from tests.telemetry.posts import batch_of, row
from tests.threads import run_together

TODAY = date(2026, 2, 15)

postgresql_only = pytest.mark.only_on("postgresql")


@pytest.fixture(autouse=True)
def _few_days(settings: Settings) -> None:
    settings.LATE_WINDOW_DAYS = 2


def partition_of(event_key: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tableoid::regclass::text FROM telemetry_rawevent WHERE event_key = %s::uuid", [event_key]
        )
        return str(cursor.fetchone()[0])


def store(key: ApiKey, *days: date) -> list[str]:
    rows = [row(at=datetime(day.year, day.month, day.day, 23, 59, tzinfo=UTC)) for day in days]
    storage.store_batch(batch_of(*rows), key=key, now=datetime(2026, 2, 15, 12, tzinfo=UTC))
    return [stored[1] for stored in rows]


@pytest.mark.django_db
@pytest.mark.only_on("sqlite")
def test_other_databases_have_no_partitions_to_make() -> None:
    assert partitions.ensure_partitions(today=TODAY) == []


@postgresql_only
@pytest.mark.django_db
def test_makes_every_day_from_the_late_window_to_a_week_ahead() -> None:
    made = partitions.ensure_partitions(today=TODAY)

    assert made == [TODAY + timedelta(days=offset) for offset in range(-2, 8)]
    assert partitions.partition_days() == set(made)


@postgresql_only
@pytest.mark.django_db
def test_the_next_day_makes_one_more_and_a_repeat_none() -> None:
    partitions.ensure_partitions(today=TODAY)

    assert partitions.ensure_partitions(today=TODAY) == []
    assert partitions.ensure_partitions(today=TODAY + timedelta(days=1)) == [TODAY + timedelta(days=8)]


@postgresql_only
@pytest.mark.django_db
def test_events_go_to_the_partition_of_their_day(ingest_key: ApiKey) -> None:
    partitions.ensure_partitions(today=TODAY)

    first, last, outside = store(ingest_key, TODAY - timedelta(days=2), TODAY, TODAY - timedelta(days=3))

    assert partition_of(first) == "telemetry_rawevent_20260213"
    assert partition_of(last) == "telemetry_rawevent_20260215"
    assert partition_of(outside) == "telemetry_rawevent_default"


@postgresql_only
@pytest.mark.django_db
def test_events_that_the_default_partition_caught_move_and_stay_unique(ingest_key: ApiKey) -> None:
    caught = row(at=datetime(2026, 2, 15, 10, tzinfo=UTC))
    now = datetime(2026, 2, 15, 12, tzinfo=UTC)
    storage.store_batch(batch_of(caught), key=ingest_key, now=now)

    partitions.ensure_partitions(today=TODAY)

    assert partition_of(caught[1]) == "telemetry_rawevent_20260215"

    again = storage.store_batch(batch_of(caught), key=ingest_key, now=now)

    assert (again.accepted, RawEvent.objects.count()) == (0, 1)


@postgresql_only
@pytest.mark.django_db
def test_a_partition_has_the_indexes_of_the_table(ingest_key: ApiKey) -> None:
    partitions.ensure_partitions(today=TODAY)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_indexes WHERE tablename = 'telemetry_rawevent_20260215'")
        # Its key; those of the fold, of sessions, and of what only events count.
        assert cursor.fetchone()[0] == 4


@postgresql_only
@pytest.mark.django_db(transaction=True)
def test_several_processes_may_make_them_at_once() -> None:
    made: list[date] = []

    def make() -> None:
        made.extend(partitions.ensure_partitions(today=TODAY))

    try:
        assert run_together(make, make, make) == []
        assert sorted(made) == [TODAY + timedelta(days=offset) for offset in range(-2, 8)]
    finally:
        drop_partitions()


def drop_partitions() -> None:
    with connection.cursor() as cursor:
        for day in partitions.partition_days():
            cursor.execute(f"DROP TABLE {partitions.partition_name(day)}")


@pytest.mark.django_db
def test_the_task_makes_today_and_tomorrow(clock: datetime) -> None:
    tasks.make_partitions()
    if connection.vendor == "postgresql":
        assert {TODAY, TODAY + timedelta(days=1)} <= partitions.partition_days()
