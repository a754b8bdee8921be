from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from objectives.models import ObjectiveCount, ObjectiveLevel
from objectives.recording import GoodOfTotal, record_levels, record_states
from tests.builders import NOW, table

pytestmark = pytest.mark.django_db

POSTS = ("ingest-availability", "")
RUNS = ("workflow-success", "production")
MINUTE = timedelta(minutes=1)


def record(
    good: int, total: int, *, at: datetime = NOW, source: str = "a", begins_at_zero: bool = True
) -> None:
    record_levels({POSTS: GoodOfTotal(good, total)}, source=source, begins_at_zero=begins_at_zero, now=at)


def counts() -> list[tuple[object, ...]]:
    return table(ObjectiveCount, "start", "good", "total")


def test_what_was_counted_since_is_of_the_minute() -> None:
    record(9, 10)
    record(9, 10, at=NOW + timedelta(seconds=59))
    record(19, 22, at=NOW + timedelta(seconds=59, microseconds=999_999))
    record(20, 23, at=NOW + MINUTE)

    assert counts() == [(NOW, 19, 22), (NOW + MINUTE, 1, 1)]


def test_the_same_level_twice_counts_once() -> None:
    record(9, 10)
    record(9, 10, at=NOW + MINUTE)

    assert counts() == [(NOW, 9, 10)]


def test_a_level_that_comes_late_takes_nothing_back_and_counts_nothing_again() -> None:
    record(9, 10)
    record(4, 5, at=NOW + MINUTE)
    record(10, 11, at=NOW + 2 * MINUTE)

    assert counts() == [(NOW, 9, 10), (NOW + 2 * MINUTE, 1, 1)]


def test_sources_are_added_up() -> None:
    """Two replicas, or one that was started anew: its counters begin at zero with it."""
    record(9, 10, source="a")
    record(3, 5, source="b")

    assert counts() == [(NOW, 12, 15)]


def test_counters_that_are_older_than_their_recording_begin_where_they_are_found() -> None:
    record(900, 1000, begins_at_zero=False)
    record(905, 1006, at=NOW + MINUTE, begins_at_zero=False)

    assert counts() == [(NOW + MINUTE, 5, 6)]


def test_places_are_counted_apart() -> None:
    levels = {POSTS: GoodOfTotal(1, 2), RUNS: GoodOfTotal(3, 3)}

    record_levels(levels, source="a", begins_at_zero=True, now=NOW)

    assert table(ObjectiveCount, "objective", "environment", "good", "total") == [
        (*POSTS, 1, 2),
        (*RUNS, 3, 3),
    ]
    assert table(ObjectiveLevel, "source", "objective", "environment", "good", "total") == [
        ("a", *POSTS, 1, 2),
        ("a", *RUNS, 3, 3),
    ]


def test_nothing_is_written_when_nothing_happened() -> None:
    record(9, 10)

    with CaptureQueriesContext(connection) as queries:
        record(9, 10, at=NOW + MINUTE)

    assert [query["sql"].split()[0] for query in queries] == ["SELECT"]


def test_nothing_is_counted_where_the_transaction_ends_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the process is killed: the level and the count are one."""
    with monkeypatch.context() as patch:
        patch.setattr("objectives.recording.add_rows", lambda rows: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            record(9, 10)

    record(9, 10)

    assert counts() == [(NOW, 9, 10)]


def test_a_minute_is_good_or_not_once() -> None:
    place = ("kpi-freshness", "production")
    for state, at in ((True, NOW), (False, NOW + timedelta(seconds=30)), (False, NOW + MINUTE)):
        record_states({place: state}, now=at)

    assert counts() == [(NOW, 1, 1), (NOW + MINUTE, 0, 1)]
