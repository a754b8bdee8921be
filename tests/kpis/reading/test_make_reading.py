"""A reading is put together from sums without a database."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from kpis.reading.context import EvaluationContext
from kpis.reading.goals import Goals
from kpis.reading.periods import Granularity, Range
from kpis.reading.query import KpiQuery
from kpis.reading.readings import KpiReading, make_reading
from kpis.reading.sums import KpiRow, Sums, SumTable
from kpis.registry import REGISTRY

RUNS = REGISTRY["workflow-success-rate"]
START = datetime(2026, 2, 10, tzinfo=UTC)
ONE_DAY = timedelta(days=1)
TWO_DAYS = Range(start=START, end=START + 2 * ONE_DAY, zone=ZoneInfo("UTC"))
QUERY = KpiQuery(
    kpis=[RUNS],
    environment="production",
    range=TWO_DAYS,
    granularity=Granularity.DAY,
    breakdown="workflow",
)
CONTEXT = EvaluationContext(
    environment="production",
    today=date(2026, 2, 15),
    computed_until=START + 5 * ONE_DAY,
    goals=Goals(targets=[], baselines=[]),
)


def make_row(numerator: int, denominator: int, *, dimension: str = "", value: str = "") -> KpiRow:
    return KpiRow("production", RUNS.slug, dimension, value, START, Sums(numerator, denominator))


def make(
    rows: Sequence[KpiRow], *, query: KpiQuery = QUERY, context: EvaluationContext = CONTEXT
) -> KpiReading:
    periods = query.periods(computed_until=context.computed_until)
    table = SumTable.from_rows(rows, periods=periods)
    return make_reading(RUNS, query=query, table=table, context=context)


def slices_of(count: int) -> list[KpiRow]:
    """Values w000, w001 and so on, the largest first."""
    return [make_row(1, 200 - number, dimension="workflow", value=f"w{number:03}") for number in range(count)]


def test_keeps_the_whole_its_breakdown_and_what_was_excluded_apart() -> None:
    reading = make(
        [
            make_row(5, 9),
            make_row(1, 3, dimension="workflow", value="a"),
            make_row(4, 6, dimension="workflow", value="b"),
            make_row(0, 7, dimension="excluded", value="no_start"),
        ]
    )

    assert (reading.total.numerator, reading.total.denominator) == (5, 9)
    assert [(part.value, part.total.denominator) for part in reading.slices] == [("b", 6), ("a", 3)]
    assert reading.excluded == {"no_start": 7}


@pytest.mark.parametrize(
    ("count", "shown", "left_out"),
    [
        pytest.param(99, 99, 0, id="below the limit"),
        pytest.param(100, 100, 0, id="at the limit"),
        pytest.param(102, 100, 2, id="above the limit"),
    ],
)
def test_limits_a_breakdown_to_its_100_largest_values(count: int, shown: int, left_out: int) -> None:
    reading = make(slices_of(count))

    assert [part.value for part in reading.slices] == [f"w{number:03}" for number in range(shown)]
    assert reading.slices_left_out == left_out


def test_limits_a_breakdown_to_as_many_values_as_the_query_wants() -> None:
    reading = make(slices_of(4), query=replace(QUERY, slice_limit=3))

    assert ([part.value for part in reading.slices], reading.slices_left_out) == (["w000", "w001", "w002"], 1)


def test_leaves_out_the_series_of_slices_where_the_query_wants_totals() -> None:
    rows = [make_row(5, 9), *slices_of(2)]

    with_series = make(rows)
    without = make(rows, query=replace(QUERY, has_slice_series=False))

    assert without.slices == tuple(replace(part, series=()) for part in with_series.slices)
    assert without.series == with_series.series


def test_has_no_slices_without_a_breakdown() -> None:
    reading = make(slices_of(2), query=replace(QUERY, breakdown=""))

    assert (reading.slices, reading.slices_left_out) == ((), 0)


def test_says_that_the_kpi_cannot_be_measured() -> None:
    reading = make(
        [make_row(5, 9), *slices_of(1)], context=replace(CONTEXT, unmeasurable=frozenset({RUNS.slug}))
    )

    evaluations = [reading.total, *reading.series, reading.slices[0].total]
    assert not reading.is_measurable
    assert {evaluation.reason for evaluation in evaluations} == {"not_measurable"}
