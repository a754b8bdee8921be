"""Sums are added up without a database."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from kpis.histogram import Distribution, merge
from kpis.reading.periods import Period
from kpis.reading.sums import WORTH_KEEPING, KpiRow, Sums, SumTable, add_up, merge_days
from kpis.registry import REGISTRY

RUNS = REGISTRY["workflow-success-rate"]
OTHER = REGISTRY["approval-rate"]
START = datetime(2026, 2, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
PERIODS = [Period(start=START, end=START + HOUR), Period(start=START + HOUR, end=START + 2 * HOUR)]


def make_row(
    *,
    start: datetime = START,
    kpi: str = RUNS.slug,
    dimension: str = "",
    value: str = "",
    sums: tuple[int, int] = (1, 2),
) -> KpiRow:
    return KpiRow("production", kpi, dimension, value, start, Sums(*sums))


def make_table(*rows: KpiRow) -> SumTable:
    return SumTable.from_rows(rows, periods=PERIODS)


def test_adds_up_numerators_denominators_and_histograms() -> None:
    total = add_up([Sums(1, 2, ['{"3": 1}']), Sums(10, 20), Sums(100, 200, ['{"3": 4, "5": 1}'])])

    assert (total.numerator, total.denominator, total.histogram()) == (111, 222, {3: 5, 5: 1})


def test_leaves_what_it_adds_up() -> None:
    first = Sums(1, 2, ["{}"])

    add_up([first, Sums(3, 4, ["{}"])])

    assert first == Sums(1, 2, ["{}"])


def test_has_no_durations_without_rows() -> None:
    assert Sums().histogram() == {}


def test_puts_a_row_into_the_period_that_holds_its_start() -> None:
    table = make_table(
        make_row(start=START, sums=(1, 1)),
        make_row(start=START + HOUR - timedelta(minutes=15), sums=(10, 10)),
        make_row(start=START + HOUR, sums=(100, 100)),
    )

    assert table.by_period(RUNS) == [Sums(11, 11), Sums(100, 100)]


def test_keeps_kpis_dimensions_and_values_apart() -> None:
    table = make_table(
        make_row(sums=(1, 1)),
        make_row(kpi=OTHER.slug, sums=(2, 2)),
        make_row(dimension="workflow", value="triage", sums=(3, 3)),
        make_row(dimension="trigger", value="triage", sums=(4, 4)),
        make_row(dimension="workflow", value="report", sums=(5, 5)),
    )

    assert table.by_period(RUNS)[0] == Sums(1, 1)
    assert table.by_period(OTHER)[0] == Sums(2, 2)
    assert table.by_period(RUNS, dimension="workflow", value="triage")[0] == Sums(3, 3)


def test_has_empty_sums_where_nothing_is_stored() -> None:
    assert make_table().by_period(RUNS) == [Sums(), Sums()]


def test_counts_a_dimensions_values_over_all_periods_the_largest_first() -> None:
    table = make_table(
        make_row(dimension="workflow", value="b", sums=(0, 2)),
        make_row(dimension="workflow", value="a", sums=(0, 2)),
        make_row(dimension="workflow", value="c", sums=(0, 1)),
        make_row(dimension="workflow", value="c", sums=(0, 2), start=START + HOUR),
        make_row(dimension="trigger", value="user", sums=(0, 9)),
        make_row(kpi=OTHER.slug, dimension="workflow", value="d", sums=(0, 9)),
    )

    assert list(table.counts(RUNS, dimension="workflow").items()) == [("c", 3), ("a", 2), ("b", 2)]


# A number of rows on each side of where they are merged once and kept.
@pytest.mark.parametrize("rows", [0, 1, WORTH_KEEPING, WORTH_KEEPING + 1, WORTH_KEEPING + 2])
def test_the_histogram_of_many_rows_is_that_of_all_whichever_changes(rows: int) -> None:
    histograms = [{3: 1, number: 2} for number in range(rows)]
    for changed in [None, *range(rows)]:
        if changed is not None:
            histograms[changed] = {3: 50, 7: changed + 1}
        sums = Sums(histogram_texts=list(map(json.dumps, histograms)))

        assert sums.histogram() == merge(histograms)
        assert sums.distribution() == Distribution.from_histogram(merge(histograms))


def test_days_are_merged_in_any_order_and_the_newest_may_change() -> None:
    older = [("2026-02-10", '{"3": 1}'), ("2026-02-11", '{"3": 2, "5": 1}')]

    assert merge_days([*older, ("2026-02-12", '{"5": 1}')]) == {3: 3, 5: 2}
    assert merge_days([*older, ("2026-02-12", '{"5": 9}')]) == {3: 3, 5: 10}
    assert merge_days([("2026-02-12", '{"5": 9}'), *reversed(older)]) == {3: 3, 5: 10}
    assert merge_days([]) == {}
