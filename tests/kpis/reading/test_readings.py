"""What is read of stored rows. Values, verdicts and goals have tests of their own, without a database."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from kpis.reading.evaluation import Evaluation
from kpis.reading.periods import Granularity, Range, parse_range
from kpis.reading.query import UnknownDimension
from kpis.reading.readings import Comparison, KpiReading, compare_kpi, compare_kpis, read_kpi
from kpis.registry import DEFINITIONS, REGISTRY
from tests.kpis.builders import (
    DAY,
    NOW,
    make_base_bucket,
    make_baseline,
    make_bucket,
    make_durations,
    make_environment,
    make_target,
)

pytestmark = pytest.mark.django_db

ZONE = ZoneInfo("UTC")
ONE_DAY = timedelta(days=1)
SUGGESTIONS = "template-suggestion-rate"
TIMES = "time-to-create-workflow"
WAITS = "approval-wait"
ADOPTION = "workbench-adoption"
RUNS = "workflow-success-rate"


def make_range(start: str = "2026-02-09", end: str = "2026-02-12", zone: ZoneInfo = ZONE) -> Range:
    return parse_range(start=start, end=end, zone=zone, now=NOW)


def read(kpi: str = SUGGESTIONS, **arguments: Any) -> KpiReading:
    """Of 9, 10 and 11 February by day, unless told otherwise."""
    return read_kpi(**reading_arguments(kpi) | arguments)


def compare(kpi: str = SUGGESTIONS, **arguments: Any) -> Comparison:
    return compare_kpi(**reading_arguments(kpi) | arguments)


def reading_arguments(kpi: str) -> dict[str, Any]:
    return {
        "kpi": REGISTRY[kpi],
        "environment": "production",
        "range": make_range(),
        "granularity": Granularity.DAY,
        "now": NOW,
    }


def sums(evaluation: Evaluation) -> tuple[float, int]:
    return evaluation.numerator, evaluation.denominator


# Rows ---------------------------------------------------------------------------------------------------


def test_reads_a_ratio_by_day_and_in_all() -> None:
    make_environment()
    make_bucket(numerator=3, denominator=11)
    make_bucket(numerator=1, denominator=4, period_start=DAY + ONE_DAY)

    reading = read()

    assert [(evaluation.period.start, evaluation.value) for evaluation in reading.series] == [
        (DAY - ONE_DAY, None),
        (DAY, 3 / 11),
        (DAY + ONE_DAY, 1 / 4),
    ]
    assert (sums(reading.total), reading.total.value) == ((4, 15), 4 / 15)


def test_reads_percentiles_of_the_merged_durations() -> None:
    make_environment()
    make_durations(TIMES, [10, 20, 30])
    make_durations(TIMES, [1000, 2000], period_start=DAY + ONE_DAY)

    total = read(TIMES).total

    assert (sums(total), total.mean) == ((3060, 5), 612)
    assert total.value == pytest.approx(30, rel=0.01)
    assert total.percentiles["p75"] == pytest.approx(1000, rel=0.01)


def test_takes_rows_from_the_start_of_the_range_and_not_from_its_end() -> None:
    make_environment()
    make_bucket(period_start=DAY - ONE_DAY)
    make_bucket(period_start=DAY - 2 * ONE_DAY)
    make_bucket(period_start=DAY + 2 * ONE_DAY)

    assert sums(read().total) == (3, 10)


def test_reads_only_the_environment_and_kpi_that_were_asked_for() -> None:
    make_environment()
    make_bucket()
    make_bucket(environment="staging")
    make_bucket("template-usage-rate")
    make_bucket(ADOPTION, dimension="origin", value="manual")

    assert sums(read().total) == (3, 10)


@pytest.mark.parametrize(
    "granularity", [Granularity.DAY, Granularity.WEEK, Granularity.MONTH, Granularity.TOTAL]
)
def test_adds_up_to_the_same_total_in_every_granularity(granularity: Granularity) -> None:
    make_environment()
    for number in range(10):
        make_bucket(numerator=number, period_start=DAY - number * ONE_DAY)

    reading = read(range=make_range("2026-02-01", "2026-02-12"), granularity=granularity)

    assert sums(reading.total) == (45, 100)


def test_gives_the_total_the_whole_range_as_its_period() -> None:
    make_environment()

    assert read().total.period == make_range()


def test_reads_hours_from_base_rows() -> None:
    make_environment()
    make_bucket(numerator=100, denominator=100)
    for minutes in (0, 45, 60):
        make_base_bucket(numerator=1, denominator=2, period_start=DAY + timedelta(minutes=minutes))

    hours = read(range=make_range("2026-02-10", "2026-02-10T02:00:00Z"), granularity=Granularity.HOUR)

    assert [sums(evaluation) for evaluation in hours.series] == [(2, 4), (1, 2)]


def test_reads_a_part_of_a_day_from_base_rows() -> None:
    make_environment()
    make_bucket(numerator=100, denominator=100)
    for minutes in (30, 45, 60):
        make_base_bucket(numerator=1, denominator=2, period_start=DAY + timedelta(minutes=minutes))

    part = read(range=make_range("2026-02-10T00:45:00Z", "2026-02-10T01:00:00Z"))

    assert sums(part.total) == (1, 2)


def test_reads_days_of_the_reporting_zone(settings: Settings) -> None:
    settings.REPORTING_TIME_ZONE = "Europe/Berlin"
    make_environment()
    make_bucket(period_start=datetime(2026, 2, 9, 23, tzinfo=UTC))

    reading = read(range=make_range("2026-02-10", "2026-02-11", ZoneInfo("Europe/Berlin")))

    assert [sums(evaluation) for evaluation in reading.series] == [(3, 10)]


def test_counts_what_was_excluded_by_reason() -> None:
    make_environment()
    excluded = {"dimension": "excluded", "numerator": 0}
    make_bucket(TIMES, value="no_creation", denominator=2, **excluded)
    make_bucket(TIMES, value="no_creation", denominator=1, period_start=DAY + ONE_DAY, **excluded)
    make_bucket(TIMES, value="created_after_acceptance", denominator=5, **excluded)

    reading = read(TIMES)

    assert reading.excluded == {"created_after_acceptance": 5, "no_creation": 3}
    assert sums(reading.total) == (0, 0)


# What is computed ---------------------------------------------------------------------------------------


def test_shows_no_period_where_nothing_was_ever_computed() -> None:
    make_environment(computed_until=None)
    make_bucket()

    reading = read()

    assert (reading.computed_until, reading.series) == (None, ())
    assert (sums(reading.total), reading.total.value) == ((0, 0), None)


def test_shows_no_period_of_an_environment_without_freshness() -> None:
    assert read(environment="unheard-of").series == ()


@pytest.mark.parametrize(("seconds", "shown"), [(0, 1), (1, 2)], ids=["up to its start", "a second into it"])
def test_leaves_out_a_period_that_begins_where_computing_ended(seconds: int, shown: int) -> None:
    make_environment(computed_until=DAY + timedelta(seconds=seconds))
    make_bucket(period_start=DAY - ONE_DAY)
    make_bucket(period_start=DAY)

    reading = read()

    assert len(reading.series) == shown
    assert sums(reading.total) == (3 * shown, 10 * shown)


# Goals --------------------------------------------------------------------------------------------------


def test_judges_every_period_by_the_target_of_its_time() -> None:
    make_environment()
    for days in (-1, 0, 1):
        make_bucket(numerator=40, denominator=100, period_start=DAY + days * ONE_DAY)
    make_target(SUGGESTIONS, "0.5", since=DAY.date())
    make_target(SUGGESTIONS, "0.35", since=DAY.date() + ONE_DAY)

    reading = read()

    assert [(evaluation.goal.target, evaluation.verdict) for evaluation in reading.series] == [
        (0.3, "on_target"),
        (0.5, "off_target"),
        (0.35, "on_target"),
    ]
    assert reading.total.goal.target == 0.35


@pytest.mark.parametrize(
    ("seconds", "verdict"), [(50, "on_target"), (60, "off_target")], ids=["below", "above"]
)
def test_judges_a_duration_by_the_factor_of_its_baseline(seconds: int, verdict: str) -> None:
    make_environment()
    baseline = make_baseline(TIMES, "110", since=date(2026, 1, 1))
    make_durations(TIMES, [seconds] * 20)

    total = read(TIMES).total

    assert (total.goal.target, total.goal.baseline, total.verdict) == (55.0, 110.0, verdict)
    assert total.goal.baseline_row == baseline


# Adoption -----------------------------------------------------------------------------------------------


def make_adoption() -> None:
    """The workbench's own part, which alone means nothing."""
    make_bucket(ADOPTION, numerator=40, denominator=50)
    make_bucket(ADOPTION, dimension="origin", value="workbench", numerator=40, denominator=40)


def make_other_origin(**fields: Any) -> None:
    defaults = {"dimension": "origin", "value": "manual", "numerator": 0, "denominator": 10}
    make_bucket(ADOPTION, **defaults | fields)


def test_cannot_measure_adoption_where_no_other_origin_was_ever_reported() -> None:
    make_environment()
    make_adoption()

    reading = read(ADOPTION)

    verdicts = {
        (evaluation.value, evaluation.reason, evaluation.verdict)
        for evaluation in (reading.total, *reading.series)
    }
    assert not reading.is_measurable
    assert verdicts == {(None, "not_measurable", "not_measurable")}


@pytest.mark.parametrize(
    "fields", [{"environment": "staging"}, {"denominator": 0}], ids=["another environment's", "none counted"]
)
def test_cannot_measure_adoption_by_an_origin_that_does_not_count(fields: dict[str, Any]) -> None:
    make_environment()
    make_adoption()
    make_other_origin(**fields)

    assert read(ADOPTION).total.verdict == "not_measurable"


def test_measures_adoption_once_another_origin_was_reported_at_any_time() -> None:
    make_environment()
    make_adoption()
    make_other_origin(period_start=datetime(2025, 1, 1, tzinfo=UTC))

    total = read(ADOPTION).total

    assert (total.value, total.verdict) == (0.8, "on_target")


# Breakdown ----------------------------------------------------------------------------------------------


def test_breaks_down_by_a_dimension_the_largest_first() -> None:
    make_environment()
    make_bucket(RUNS, numerator=5, denominator=9)
    make_bucket(RUNS, dimension="workflow", value="a", numerator=1, denominator=3)
    make_bucket(RUNS, dimension="workflow", value="b", numerator=4, denominator=6)
    make_bucket(RUNS, dimension="trigger", value="user", numerator=5, denominator=9)

    reading = read(RUNS, breakdown="workflow")

    assert [(part.value, sums(part.total), len(part.series)) for part in reading.slices] == [
        ("b", (4, 6), 3),
        ("a", (1, 3), 3),
    ]
    assert sums(reading.total) == (5, 9)


def test_refuses_a_dimension_that_the_kpi_does_not_have() -> None:
    with pytest.raises(UnknownDimension):
        read(breakdown="workflow")


# Comparison ---------------------------------------------------------------------------------------------


def test_compares_with_the_range_before() -> None:
    make_environment()
    make_bucket(numerator=4)
    make_bucket(numerator=1, period_start=DAY - 3 * ONE_DAY)

    comparison = compare()

    assert comparison.current == read()
    assert comparison.previous.range == replace(make_range(), start=DAY - 4 * ONE_DAY, end=DAY - ONE_DAY)
    assert (sums(comparison.current.total), sums(comparison.previous.total)) == ((4, 10), (1, 10))


@pytest.mark.parametrize(
    ("is_by_period", "values"), [(True, [None, 0.1, None]), (False, [0.1])], ids=["by period", "in all"]
)
def test_reads_the_range_before_by_period_when_asked(is_by_period: bool, values: list[float | None]) -> None:
    make_environment()
    make_bucket(numerator=1, period_start=DAY - 3 * ONE_DAY)

    previous = compare(is_previous_by_period=is_by_period).previous

    assert [evaluation.value for evaluation in previous.series] == values
    assert previous.total.value == 0.1


def test_compares_with_the_totals_of_the_largest_slices() -> None:
    make_environment()
    for number in range(4):
        make_durations(WAITS, [60] * (9 - number), dimension="approved", value=f"v{number}")

    current = compare(WAITS, breakdown="approved", slices=3, has_slice_series=False).current

    whole = read(WAITS, breakdown="approved").slices
    assert current.slices == tuple(replace(part, series=()) for part in whole[:3])
    assert current.slices_left_out == 1


def test_compares_each_slice_with_itself() -> None:
    """Also where others were the largest before; what was not there before has no change."""
    make_environment()
    rows = [("a", 5, 10, 0), ("b", 20, 20, 0), ("a", 30, 30, -3), ("c", 40, 40, -3)]
    for value, numerator, denominator, day in rows:
        make_bucket(
            RUNS,
            dimension="workflow",
            value=value,
            numerator=numerator,
            denominator=denominator,
            period_start=DAY + day * ONE_DAY,
        )

    comparison = compare(RUNS, breakdown="workflow", slices=2)

    assert [part.value for part in comparison.previous.slices] == ["b", "a"]
    assert [change and change.difference for change in comparison.slice_changes] == [None, -0.5]


def make_parts(kpi: str, dimension: str, *counts: tuple[int, int], **fields: Any) -> None:
    """A row for each of the values v0, v1 and so on, with numerator and denominator."""
    for number, (numerator, denominator) in enumerate(counts):
        make_bucket(
            kpi,
            dimension=dimension,
            value=f"v{number}",
            numerator=numerator,
            denominator=denominator,
            **fields,
        )


def test_all_values_beyond_the_top_are_one_ratio_of_their_sums() -> None:
    make_environment()
    make_parts(RUNS, "workflow", (50, 50), (30, 40), (1, 10), (9, 9))
    make_parts(RUNS, "workflow", (0, 0), (0, 0), (3, 4), (0, 4), period_start=DAY + ONE_DAY)

    current = compare(RUNS, breakdown="workflow", has_slice_series=False, top=2).current

    assert [(part.value, len(part.series)) for part in current.slices] == [
        ("v0", 3),
        ("v1", 3),
        ("v2", 0),
        ("v3", 0),
    ]
    assert current.other is not None
    assert [evaluation.value for evaluation in current.other.series] == [None, 10 / 19, 3 / 8]
    assert (current.other_count, current.other.total.value) == (2, 13 / 27)


def test_the_percentile_of_all_other_values_is_that_of_their_durations() -> None:
    make_environment()
    for value, seconds in {"v0": [1] * 40, "v1": [10] * 18, "v2": [1000] * 2}.items():
        make_durations(WAITS, seconds, dimension="approved", value=value)

    other = compare(WAITS, breakdown="approved", top=1).current.other

    assert other is not None
    # p90 of 20 durations: the first 18 are 10 s, so it lies just above them; the mean of two p90s would be 505 s.
    assert other.total.percentiles["p50"] == pytest.approx(10, rel=0.01)
    assert other.total.value == pytest.approx(109, rel=0.02)


@pytest.mark.parametrize(("top", "count"), [(0, 0), (1, 1), (2, 0)])
def test_there_are_no_others_where_the_top_is_all(top: int, count: int) -> None:
    make_environment()
    make_parts(RUNS, "workflow", (5, 5), (3, 4))

    current = compare(RUNS, breakdown="workflow", top=top).current

    assert (current.other_count, current.other is not None) == (count, bool(count))


def test_of_a_sum_the_highest_value_is_the_largest() -> None:
    make_environment()
    make_parts("execution-cost", "workflow", (2_000_000, 9), (5_000_000, 1), (2_000_000, 9))

    slices = compare("execution-cost", breakdown="workflow").current.slices

    assert [part.value for part in slices] == ["v1", "v0", "v2"]


def test_judges_the_change_of_the_totals() -> None:
    make_environment()
    make_bucket(RUNS, numerator=56, denominator=70)
    make_bucket(RUNS, numerator=48, denominator=80, period_start=DAY - 2 * ONE_DAY)

    change = compare(RUNS).change

    assert change is not None
    assert (change.current, change.previous, change.judgement) == (0.8, 0.6, "up")


def test_without_a_previous_value_there_is_no_change() -> None:
    make_environment()
    make_bucket(RUNS, numerator=56, denominator=70)

    assert compare(RUNS).change is None


def test_compares_every_kpi_at_once() -> None:
    make_environment()
    make_bucket(numerator=4)

    comparisons = compare_kpis(environment="production", range=make_range(), now=NOW)

    assert [comparison.current.kpi for comparison in comparisons] == list(DEFINITIONS)
    assert comparisons[0] == compare()


# Cost ---------------------------------------------------------------------------------------------------


def fill_days(days: int) -> None:
    for number in range(days):
        for kpi in DEFINITIONS:
            make_bucket(kpi.slug, period_start=DAY - number * ONE_DAY)


@pytest.mark.parametrize("days", [1, 40])
@pytest.mark.parametrize(
    ("kpi", "breakdown", "queries"),
    [
        pytest.param(SUGGESTIONS, "", 4, id="a KPI by itself"),
        pytest.param(ADOPTION, "origin", 5, id="a KPI that compares origins"),
    ],
)
def test_reads_a_kpi_in_a_fixed_number_of_queries(
    days: int,
    kpi: str,
    breakdown: str,
    queries: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    make_environment()
    fill_days(days)

    with django_assert_num_queries(queries):
        read(kpi, breakdown=breakdown)


@pytest.mark.parametrize("days", [1, 40])
def test_compares_a_kpi_in_one_query_more(
    days: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_environment()
    fill_days(days)

    with django_assert_num_queries(6):
        compare(ADOPTION, breakdown="origin")


@pytest.mark.parametrize("days", [1, 40])
def test_compares_every_kpi_in_six_queries(
    days: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_environment()
    fill_days(days)

    with django_assert_num_queries(6):
        compare_kpis(environment="production", range=make_range(), now=NOW)
