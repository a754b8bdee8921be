"""What a query asks for, without a database."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from kpis.models import StoredGranularity
from kpis.reading.periods import Granularity, Range, TooManyPeriods
from kpis.reading.query import KpiQuery, UnknownDimension, UnknownKpi, find_kpi
from kpis.reading.spans import Span
from kpis.registry import DEFINITIONS, REGISTRY, Kpi

START = datetime(2026, 2, 10, tzinfo=UTC)
ONE_DAY = timedelta(days=1)
THREE_DAYS = Range(start=START, end=START + 3 * ONE_DAY, zone=ZoneInfo("UTC"))
RUNS = REGISTRY["workflow-success-rate"]


def make_query(
    *,
    kpis: Sequence[Kpi] = (RUNS,),
    range: Range = THREE_DAYS,
    granularity: Granularity = Granularity.DAY,
    breakdown: str = "",
) -> KpiQuery:
    return KpiQuery(
        kpis=kpis, environment="production", range=range, granularity=granularity, breakdown=breakdown
    )


def test_finds_a_kpi_by_its_slug() -> None:
    assert find_kpi(RUNS.slug) is RUNS


def test_refuses_a_kpi_that_does_not_exist() -> None:
    with pytest.raises(UnknownKpi):
        find_kpi("happiness")


def test_refuses_a_dimension_that_the_kpi_does_not_have() -> None:
    with pytest.raises(UnknownDimension):
        make_query(breakdown="agent")


def test_refuses_a_dimension_that_one_of_the_kpis_does_not_have() -> None:
    with pytest.raises(UnknownDimension):
        make_query(kpis=DEFINITIONS, breakdown="workflow")


@pytest.mark.parametrize(
    ("breakdown", "dimensions"),
    [("", {"", "excluded"}), ("workflow", {"", "excluded", "workflow"})],
    ids=["without a breakdown", "with a breakdown"],
)
def test_reads_the_whole_what_was_excluded_and_the_breakdown(breakdown: str, dimensions: set[str]) -> None:
    assert set(make_query(breakdown=breakdown).dimensions) == dimensions


@pytest.mark.parametrize(
    ("computed_until", "count"),
    [
        pytest.param(None, 0, id="nothing is computed"),
        pytest.param(START, 0, id="computed up to the start"),
        pytest.param(START + timedelta(seconds=1), 1, id="computed into the first period"),
        pytest.param(START + ONE_DAY, 1, id="computed up to the second period"),
        pytest.param(START + 9 * ONE_DAY, 3, id="computed beyond the end"),
    ],
)
def test_has_the_periods_that_begin_before_computing_ended(
    computed_until: datetime | None, count: int
) -> None:
    periods = make_query().periods(computed_until=computed_until)

    assert [period.start for period in periods] == [START + n * ONE_DAY for n in range(count)]


def test_refuses_too_many_periods_even_where_nothing_is_computed() -> None:
    decade = Range(start=START - 3650 * ONE_DAY, end=START, zone=ZoneInfo("UTC"))

    with pytest.raises(TooManyPeriods):
        make_query(range=decade).periods(computed_until=None)


def test_reads_the_rows_of_its_periods_and_no_others() -> None:
    query = make_query()

    spans = query.spans(query.periods(computed_until=START + ONE_DAY))

    assert spans == (Span(start=START, end=START + ONE_DAY, granularity=StoredGranularity.DAY),)


def test_asks_for_the_totals_of_the_same_kpis_over_the_previous_range() -> None:
    query = replace(make_query(breakdown="workflow"), top=5)

    before = query.before(computed_until=None, granularity=Granularity.TOTAL)

    previous = Range(start=START - 3 * ONE_DAY, end=START, zone=THREE_DAYS.zone)
    wanted = make_query(range=previous, granularity=Granularity.TOTAL, breakdown="workflow")
    assert before == replace(wanted, has_slice_series=False)


def test_compares_a_range_that_is_not_over_with_the_same_part_of_the_one_before() -> None:
    before = make_query().before(
        computed_until=START + 2 * ONE_DAY + timedelta(hours=6), granularity=Granularity.TOTAL
    )

    assert before.range.end == START - ONE_DAY + timedelta(hours=6, minutes=15)
