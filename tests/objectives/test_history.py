from datetime import timedelta

import pytest

from objectives import history
from objectives.history import LEVELS_KEPT, MARGIN, sum_up
from objectives.models import ObjectiveCount, ObjectiveLevel
from objectives.recording import GoodOfTotal, record_levels
from tests.builders import NOW, table
from tests.objectives.builders import COLUMNS, count

pytestmark = pytest.mark.django_db

# 10:00 of the day before: minutes before are summed up at NOW (12:00).
OLD = NOW - timedelta(hours=26)
MINUTE = timedelta(minutes=1)
QUARTER = timedelta(minutes=15)


def test_old_minutes_become_quarter_hours() -> None:
    for back, good in ((1, 1), (15, 2), (16, 4)):
        count("ingest-latency", start=OLD - back * MINUTE, good=good, total=10)
    count("ingest-latency", start=OLD, good=8, total=10)

    sum_up(now=NOW)

    assert set(table(ObjectiveCount, *COLUMNS)) == {
        ("ingest-latency", "", OLD - 2 * QUARTER, 15, 4, 10),
        ("ingest-latency", "", OLD - QUARTER, 15, 3, 20),
        ("ingest-latency", "", OLD, 1, 8, 10),
    }


def test_a_quarter_hour_is_summed_up_as_a_whole() -> None:
    count("ingest-latency", start=OLD, good=1, total=1)

    sum_up(now=NOW + timedelta(minutes=14))
    assert table(ObjectiveCount, "minutes") == [(1,)]

    sum_up(now=NOW + timedelta(minutes=15))
    assert table(ObjectiveCount, "minutes") == [(15,)]


def test_twice_and_in_small_steps_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "ROWS_A_STEP", 2)
    for back in range(1, 6):
        for environment in ("", "production"):
            count("workflow-success", start=OLD - back * MINUTE, good=1, total=2, environment=environment)

    sum_up(now=NOW)
    sum_up(now=NOW)

    assert table(ObjectiveCount, *COLUMNS) == [
        ("workflow-success", "", OLD - QUARTER, 15, 5, 10),
        ("workflow-success", "production", OLD - QUARTER, 15, 5, 10),
    ]


def test_a_count_that_comes_late_is_added_to_its_quarter_hour() -> None:
    count("ingest-latency", start=OLD - MINUTE, good=1, total=1)
    sum_up(now=NOW)
    count("ingest-latency", start=OLD - MINUTE, good=0, total=1)

    sum_up(now=NOW)

    assert table(ObjectiveCount, *COLUMNS) == [("ingest-latency", "", OLD - QUARTER, 15, 1, 2)]


def test_what_no_window_reaches_is_forgotten() -> None:
    oldest = NOW - timedelta(days=28) - MARGIN
    for start in (oldest - QUARTER, oldest):
        count("ingest-latency", start=start, good=1, total=1, minutes=15)
    for source, age in (("gone", LEVELS_KEPT + MINUTE), ("kept", LEVELS_KEPT)):
        ObjectiveLevel.objects.create(
            source=source, objective="ingest-latency", good=1, total=1, seen_at=NOW - age
        )

    sum_up(now=NOW)

    assert table(ObjectiveCount, "start") == [(oldest,)]
    assert table(ObjectiveLevel, "source") == [("kept",)]


def test_a_source_that_counts_nothing_for_long_but_is_still_there_is_not_forgotten() -> None:
    levels = {("ingest-latency", ""): GoodOfTotal(8, 10)}
    later = NOW + LEVELS_KEPT + MINUTE

    for now in (NOW, later):
        record_levels(levels, source="a", begins_at_zero=True, now=now)
    sum_up(now=later)
    record_levels(levels, source="a", begins_at_zero=True, now=later)

    assert table(ObjectiveCount, *COLUMNS) == [("ingest-latency", "", NOW, 15, 8, 10)]
