from datetime import datetime, timedelta

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from metrics import collector
from metrics.collector import Snapshot, SnapshotCache, take_snapshot
from metrics.families.stored import Exposed
from telemetry.counters.bridge import Increment, increase

pytestmark = pytest.mark.django_db


def retries(snapshot: Snapshot) -> list[float]:
    def values_of(family: Exposed) -> list[float]:
        return [sample.value for sample in family.samples]

    return next(values_of(family) for family in snapshot.workbench if family.name == "agent_retries")


def count_retry() -> None:
    increase([Increment("agent_retries_total", "production", ("planner",))])


def test_a_snapshot_is_kept_for_a_second(now: datetime) -> None:
    cache = SnapshotCache()
    count_retry()
    assert retries(cache.get(now=now)) == [1]

    count_retry()
    assert retries(cache.get(now=now + timedelta(microseconds=999_999))) == [1]
    assert retries(cache.get(now=now + timedelta(seconds=1))) == [2]


def test_a_kept_snapshot_asks_nothing(now: datetime) -> None:
    cache = SnapshotCache()
    cache.get(now=now)

    with CaptureQueriesContext(connection) as queries:
        cache.get(now=now)

    assert len(queries) == 0


def test_a_clock_that_was_set_back_does_not_keep_a_snapshot(now: datetime) -> None:
    cache = SnapshotCache()
    count_retry()
    cache.get(now=now)
    count_retry()

    assert retries(cache.get(now=now - timedelta(hours=1))) == [2]


def test_a_failure_is_kept_as_well_and_ends(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def fail() -> None:
        asked.append(1)
        raise OperationalError

    cache = SnapshotCache()
    with monkeypatch.context() as patch:
        patch.setattr(collector, "read_counters", fail)
        assert [cache.get(now=now).has_failed for _ in range(5)] == [True] * 5
    assert len(asked) == 1
    assert cache.get(now=now + timedelta(microseconds=5_999_999)).has_failed
    assert not cache.get(now=now + timedelta(seconds=6)).has_failed


@pytest.mark.postgres
@pytest.mark.only_on("postgresql")
@pytest.mark.django_db(transaction=True)
def test_a_statement_that_takes_too_long_is_ended(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(5)")

    monkeypatch.setattr(collector, "STATEMENT_TIMEOUT_MS", 50)
    monkeypatch.setattr(collector, "read_counters", sleep)
    assert take_snapshot(now=now).has_failed
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('statement_timeout')")
        assert cursor.fetchone() == ("0",)
