"""The database queries that read stored sums."""

from datetime import UTC, datetime, timedelta

import pytest

from kpis.models import StoredGranularity
from kpis.reading.spans import Span
from kpis.reading.stored_rows import moment_of, read_rows
from kpis.reading.sums import add_up
from kpis.registry import REGISTRY
from tests.kpis.builders import DAY, make_bucket, make_durations

RUNS, WAITS = REGISTRY["workflow-success-rate"], REGISTRY["approval-wait"]
ONE_DAY = timedelta(days=1)
SPANS = [Span(start=DAY, end=DAY + 3 * ONE_DAY, granularity=StoredGranularity.DAY)]
MOMENT = datetime(2026, 2, 10, 13, 15, tzinfo=UTC)


# As PostgreSQL and SQLite write it, and as another zone would.
@pytest.mark.parametrize(
    "text", ["2026-02-10 13:15:00+00", "2026-02-10 13:15:00", "2026-02-10T14:15:00+01:00"]
)
def test_reads_the_moment_that_either_database_writes(text: str) -> None:
    assert moment_of(text) == MOMENT
    assert moment_of(text).tzinfo is UTC


@pytest.mark.django_db
def test_rows_of_one_period_may_come_added_up() -> None:
    for day in range(-1, 4):
        make_bucket(RUNS.slug, period_start=DAY + day * ONE_DAY, numerator=day + 2, denominator=10)

    def rows(*, is_one_period: bool) -> list[tuple[datetime, int, int]]:
        found = read_rows(
            SPANS,
            dimensions=[""],
            environments=["production"],
            kpis=[RUNS],
            is_one_period=is_one_period,
        )
        return sorted((row.start, row.sums.numerator, row.sums.denominator) for row in found)

    assert rows(is_one_period=False) == [(DAY + day * ONE_DAY, day + 2, 10) for day in range(3)]
    assert rows(is_one_period=True) == [(DAY, 2 + 3 + 4, 30)]


@pytest.mark.django_db
def test_durations_of_one_period_keep_their_histograms() -> None:
    make_durations(WAITS.slug, [60] * 3)
    make_durations(WAITS.slug, [60] * 4, period_start=DAY + ONE_DAY)

    rows = read_rows(SPANS, dimensions=[""], environments=["production"], kpis=[WAITS], is_one_period=True)

    assert add_up(row.sums for row in rows).distribution().count == 7
