from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from kpis.reading import queries
from kpis.reading.evaluation import PERCENTILES, Evaluation
from kpis.reading.periods import Granularity, Period, Range, parse_range
from kpis.reading.queries import KpiReading, compare_kpi, compare_kpis, read_kpi
from kpis.registry import DEFINITIONS, REGISTRY, Kind
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


def make_range(start: str = "2026-02-09", end: str = "2026-02-12", zone: ZoneInfo = ZONE) -> Range:
    return parse_range(start=start, end=end, zone=zone, now=NOW)


def read(kpi: str = SUGGESTIONS, **asked: Any) -> KpiReading:
    return read_kpi(
        **{
            "kpi": REGISTRY[kpi],
            "environment": "production",
            "range": make_range(),
            "granularity": Granularity.DAY,
            "now": NOW,
            **asked,
        }
    )


def sums(evaluation: Evaluation) -> tuple[float, int]:
    return evaluation.numerator, evaluation.denominator


def verdict(kpi: str = SUGGESTIONS, **asked: Any) -> str | None:
    return read(kpi, **asked).total.verdict


# Values -----------------------------------------------------------------------------------------------


def test_reads_a_ratio_by_day_and_in_all() -> None:
    make_environment()
    make_bucket(numerator=3, denominator=11)
    make_bucket(numerator=1, denominator=4, period_start=DAY + ONE_DAY)
    answer = read()
    assert [(evaluation.period.start, evaluation.value) for evaluation in answer.series] == [
        (DAY - ONE_DAY, None),
        (DAY, 3 / 11),
        (DAY + ONE_DAY, 1 / 4),
    ]
    assert (sums(answer.total), answer.total.value) == ((4, 15), 4 / 15)


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
    make_bucket("workbench-adoption", dimension="origin", value="manual")
    assert sums(read().total) == (3, 10)


def test_gives_a_period_without_events_no_value_and_the_reason() -> None:
    make_environment()
    first = read().series[0]
    assert (sums(first), first.value, first.reason, first.verdict) == (
        (0, 0),
        None,
        "no_events",
        "too_few_events",
    )


def test_gives_a_ratio_over_nothing_no_value() -> None:
    make_environment()
    make_bucket(numerator=2, denominator=0)
    assert (sums(read().total), read().total.value, read().total.reason) == ((2, 0), None, "no_events")


def test_reads_percentiles_of_the_merged_durations() -> None:
    make_environment()
    make_durations(TIMES, [10, 20, 30])
    make_durations(TIMES, [1000, 2000], period_start=DAY + ONE_DAY)
    total = read(TIMES).total
    assert sums(total) == (3060, 5)
    assert total.mean == 612
    assert total.value == total.percentiles["p50"] == pytest.approx(30, rel=0.01)
    assert total.percentiles["p75"] == pytest.approx(1000, rel=0.01)
    assert list(total.percentiles) == ["p50", "p75", "p90", "p95", "p99"]


@pytest.mark.parametrize(
    "kpi", [kpi for kpi in DEFINITIONS if kpi.kind is Kind.DURATION], ids=lambda kpi: kpi.slug
)
def test_knows_the_percentile_that_is_a_kpis_value(kpi: Any) -> None:
    assert kpi.statistic in PERCENTILES.values()


def test_takes_the_percentile_that_the_kpi_names() -> None:
    make_environment()
    make_durations("workflow-duration", range(1, 101))
    assert read("workflow-duration").total.value == pytest.approx(95.05, rel=0.01)


def test_gives_durations_of_nothing_no_percentiles() -> None:
    make_environment()
    total = read(TIMES).total
    assert (total.value, total.mean, set(total.percentiles.values())) == (None, None, {None})


def test_reads_costs_in_dollars() -> None:
    make_environment()
    make_bucket("execution-cost", numerator=1_500_000, denominator=3)
    total = read("execution-cost").total
    assert (sums(total), total.value, total.mean) == ((1.5, 3), 1.5, 0.5)


def test_adds_up_to_the_same_total_in_every_granularity() -> None:
    make_environment()
    for number in range(10):
        make_bucket(numerator=number, period_start=DAY - number * ONE_DAY)
    whole = make_range("2026-02-01", "2026-02-12")
    coarse = [Granularity.DAY, Granularity.WEEK, Granularity.MONTH, Granularity.TOTAL]
    assert {sums(read(range=whole, granularity=each).total) for each in coarse} == {(45, 100)}


def test_reads_hours_and_parts_of_days_from_base_rows() -> None:
    make_environment()
    make_bucket(numerator=100, denominator=100)
    for minutes in (0, 45, 60):
        make_base_bucket(numerator=1, denominator=2, period_start=DAY + timedelta(minutes=minutes))
    hours = read(range=make_range("2026-02-10", "2026-02-10T02:00:00Z"), granularity=Granularity.HOUR)
    assert [sums(evaluation) for evaluation in hours.series] == [(2, 4), (1, 2)]
    part = read(range=make_range("2026-02-10T00:45:00Z", "2026-02-10T01:00:00Z"))
    assert sums(part.total) == (1, 2)


def test_reads_days_of_the_reporting_zone(settings: Settings) -> None:
    settings.REPORTING_TIME_ZONE = "Europe/Berlin"
    make_environment()
    make_bucket(period_start=datetime(2026, 2, 9, 23, tzinfo=UTC))
    berlin = ZoneInfo("Europe/Berlin")
    answer = read(range=make_range("2026-02-10", "2026-02-11", berlin))
    assert [sums(evaluation) for evaluation in answer.series] == [(3, 10)]


# What is computed -------------------------------------------------------------------------------------


def test_shows_no_period_where_nothing_was_ever_computed() -> None:
    make_environment(computed_until=None)
    make_bucket()
    answer = read()
    assert (answer.computed_until, answer.series, sums(answer.total), answer.total.value) == (
        None,
        (),
        (0, 0),
        None,
    )


def test_shows_no_period_of_an_environment_without_freshness() -> None:
    assert read(environment="unheard-of").series == ()


@pytest.mark.parametrize(("seconds", "shown"), [(0, 1), (1, 2)])
def test_leaves_out_a_period_that_begins_where_computing_ended(seconds: int, shown: int) -> None:
    make_environment(computed_until=DAY + timedelta(seconds=seconds))
    make_bucket(period_start=DAY - ONE_DAY)
    make_bucket(period_start=DAY)
    answer = read()
    assert len(answer.series) == shown
    assert sums(answer.total) == (3 * shown, 10 * shown)


# Verdicts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [
        (30, 100, "on_target"),
        (299, 1000, "off_target"),
        (6, 20, "on_target"),
        (5, 20, "off_target"),
        (19, 19, "too_few_events"),
    ],
)
def test_judges_a_ratio_by_its_target(numerator: int, denominator: int, expected: str) -> None:
    make_environment()
    make_bucket(numerator=numerator, denominator=denominator)
    assert verdict() == expected


def test_shows_the_value_that_is_of_too_few_events() -> None:
    make_environment()
    make_bucket(numerator=3, denominator=10)
    assert (read().total.value, verdict()) == (0.3, "too_few_events")


@pytest.mark.parametrize(("seconds", "expected"), [(50, "on_target"), (60, "off_target")])
def test_judges_a_duration_by_the_factor_of_its_baseline(seconds: int, expected: str) -> None:
    make_environment()
    make_baseline(TIMES, "110", since=date(2026, 1, 1))
    make_durations(TIMES, [seconds] * 20)
    total = read(TIMES).total
    assert (total.goal.target, total.goal.baseline, total.verdict) == (55.0, 110.0, expected)


def test_has_no_target_and_verdict_without_a_baseline() -> None:
    make_environment()
    make_durations(TIMES, [10] * 20)
    total = read(TIMES).total
    assert (total.goal.target, total.verdict) == (None, None)


def test_takes_a_target_row_as_the_factor_of_a_baseline() -> None:
    make_environment()
    make_baseline(TIMES, "100", since=date(2026, 1, 1))
    make_target(TIMES, "0.25", since=date(2026, 1, 1))
    assert read(TIMES).total.goal.target == 25.0


def test_has_no_verdict_on_a_kpi_without_target() -> None:
    make_environment()
    make_bucket("approval-rate", numerator=50, denominator=100)
    total = read("approval-rate").total
    assert (total.value, total.goal.target, total.verdict) == (0.5, None, None)


def test_judges_every_period_by_the_target_of_its_time() -> None:
    make_environment()
    for days in (-1, 0, 1):
        make_bucket(numerator=40, denominator=100, period_start=DAY + days * ONE_DAY)
    make_target(SUGGESTIONS, "0.5", since=DAY.date())
    make_target(SUGGESTIONS, "0.35", since=DAY.date() + ONE_DAY)
    answer = read()
    assert [(evaluation.goal.target, evaluation.verdict) for evaluation in answer.series] == [
        (0.3, "on_target"),
        (0.5, "off_target"),
        (0.35, "on_target"),
    ]
    assert answer.total.goal.target == 0.35


def test_judges_a_week_by_the_target_of_its_last_day() -> None:
    make_environment()
    make_target(SUGGESTIONS, "0.5", since=date(2026, 2, 8))
    make_target(SUGGESTIONS, "0.7", since=date(2026, 2, 9))
    week = read(range=make_range("2026-02-02", "2026-02-09"), granularity=Granularity.WEEK)
    assert week.series[0].goal.target == 0.5


def test_does_not_judge_by_a_target_of_tomorrow() -> None:
    make_environment()
    make_target(SUGGESTIONS, "0.5", since=NOW.date())
    make_target(SUGGESTIONS, "0.7", since=NOW.date() + ONE_DAY)
    month = read(range=make_range("2026-02-01", "2026-03-01"), granularity=Granularity.MONTH)
    assert month.series[0].goal.target == 0.5


def test_prefers_the_environments_own_target() -> None:
    make_environment()
    make_target(SUGGESTIONS, "0.5", since=date(2026, 1, 1), environment="production")
    make_target(SUGGESTIONS, "0.6", since=date(2026, 1, 2))
    make_target(SUGGESTIONS, "0.7", since=date(2026, 1, 3), environment="staging")
    assert read().total.goal.target == 0.5


# Adoption ---------------------------------------------------------------------------------------------


def make_adoption(**fields: Any) -> None:
    make_bucket(ADOPTION, numerator=40, denominator=50)
    make_bucket(ADOPTION, dimension="origin", value="workbench", numerator=40, denominator=40)
    if fields:
        make_bucket(ADOPTION, dimension="origin", **{"numerator": 0, "denominator": 10, **fields})


def test_cannot_measure_adoption_where_no_other_origin_was_ever_reported() -> None:
    make_environment()
    make_adoption()
    answer = read(ADOPTION)
    shown = [answer.total, *answer.series]
    assert {(each.value, each.reason, each.verdict) for each in shown} == {
        (None, "not_measurable", "not_measurable")
    }


def test_cannot_measure_adoption_by_what_another_environment_reported() -> None:
    make_environment()
    make_adoption(value="manual", environment="staging")
    assert verdict(ADOPTION) == "not_measurable"


def test_measures_adoption_once_another_origin_was_reported_at_any_time() -> None:
    make_environment()
    make_adoption(value="manual", period_start=datetime(2025, 1, 1, tzinfo=UTC))
    assert (read(ADOPTION).total.value, verdict(ADOPTION)) == (0.8, "on_target")


# Breakdown, exclusions, comparison --------------------------------------------------------------------


def test_breaks_down_by_a_dimension_the_largest_first() -> None:
    make_environment()
    make_bucket("workflow-success-rate", numerator=5, denominator=9)
    make_bucket("workflow-success-rate", dimension="workflow", value="a", numerator=1, denominator=3)
    make_bucket("workflow-success-rate", dimension="workflow", value="b", numerator=4, denominator=6)
    make_bucket("workflow-success-rate", dimension="trigger", value="user", numerator=5, denominator=9)
    answer = read("workflow-success-rate", breakdown="workflow")
    assert [(part.value, sums(part.total), len(part.series)) for part in answer.slices] == [
        ("b", (4, 6), 3),
        ("a", (1, 3), 3),
    ]
    assert sums(answer.total) == (5, 9)


def test_limits_a_breakdown_to_100_values() -> None:
    make_environment()
    for number in range(102):
        make_bucket("execution-cost", dimension="workflow", value=f"w{number:03}", denominator=200 - number)
    answer = read("execution-cost", breakdown="workflow")
    assert (len(answer.slices), answer.slices[-1].value, answer.slices_left_out) == (100, "w099", 2)


def test_refuses_a_dimension_that_the_kpi_does_not_have() -> None:
    with pytest.raises(queries.UnknownDimension):
        read(breakdown="workflow")


def test_counts_what_was_excluded_by_reason() -> None:
    make_environment()
    excluded = {"dimension": "excluded", "numerator": 0}
    make_bucket(TIMES, value="no_creation", denominator=2, **excluded)
    make_bucket(TIMES, value="no_creation", denominator=1, period_start=DAY + ONE_DAY, **excluded)
    make_bucket(TIMES, value="created_after_acceptance", denominator=5, **excluded)
    answer = read(TIMES)
    assert answer.excluded == {"created_after_acceptance": 5, "no_creation": 3}
    assert sums(answer.total) == (0, 0)


def test_compares_with_the_range_before() -> None:
    make_environment()
    make_bucket(numerator=4)
    make_bucket(numerator=1, period_start=DAY - 3 * ONE_DAY)
    comparison = compare_kpi(
        kpi=REGISTRY[SUGGESTIONS],
        environment="production",
        range=make_range(),
        granularity=Granularity.DAY,
        now=NOW,
    )
    assert comparison.current == read()
    assert comparison.previous.range == replace(make_range(), start=DAY - 4 * ONE_DAY, end=DAY - ONE_DAY)
    assert (sums(comparison.current.total), sums(comparison.previous.total)) == ((4, 10), (1, 10))


@pytest.mark.parametrize(("by_period", "values"), [(True, [None, 0.1, None]), (False, [0.1])])
def test_reads_the_range_before_by_period_when_asked(by_period: bool, values: list[float | None]) -> None:
    make_environment()
    make_bucket(numerator=1, period_start=DAY - 3 * ONE_DAY)
    comparison = compare_kpi(
        kpi=REGISTRY[SUGGESTIONS],
        environment="production",
        range=make_range(),
        granularity=Granularity.DAY,
        now=NOW,
        is_previous_by_period=by_period,
    )
    assert [evaluation.value for evaluation in comparison.previous.series] == values
    assert comparison.previous.total.value == 0.1


def test_compares_with_the_totals_of_the_largest_slices() -> None:
    make_environment()
    for number in range(4):
        make_durations(WAITS, [60] * (9 - number), dimension="approved", value=f"v{number}")
    comparison = compare_kpi(
        kpi=REGISTRY[WAITS],
        environment="production",
        range=make_range(),
        granularity=Granularity.DAY,
        now=NOW,
        breakdown="approved",
        slices=3,
    )
    whole = read(WAITS, breakdown="approved").slices
    assert comparison.current.slices == tuple(replace(part, series=()) for part in whole[:3])
    assert comparison.current.slices_left_out == 1


def test_takes_the_total_of_one_period_from_it() -> None:
    make_environment()
    make_durations(WAITS, [60, 70, 80])
    answer = read(WAITS, granularity=Granularity.TOTAL)
    assert answer.total == replace(answer.series[0], period=answer.range)
    assert answer.total.percentiles == read(WAITS).total.percentiles


def test_compares_every_kpi_at_once() -> None:
    make_environment()
    make_bucket(numerator=4)
    comparisons = compare_kpis(environment="production", range=make_range(), now=NOW)
    assert [comparison.current.kpi for comparison in comparisons] == list(DEFINITIONS)
    assert comparisons[0].current == read()


# Cost -------------------------------------------------------------------------------------------------


def fill_days(days: int) -> None:
    for number in range(days):
        for kpi in DEFINITIONS:
            make_bucket(kpi.slug, period_start=DAY - number * ONE_DAY)


@pytest.mark.parametrize("days", [1, 40])
def test_reads_a_kpi_in_a_fixed_number_of_queries(
    days: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_environment()
    fill_days(days)
    with django_assert_num_queries(4):
        read(breakdown="")
    with django_assert_num_queries(5):
        read(ADOPTION, breakdown="origin")


@pytest.mark.parametrize("days", [1, 40])
def test_compares_every_kpi_in_six_queries(
    days: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_environment()
    fill_days(days)
    with django_assert_num_queries(6):
        compare_kpis(environment="production", range=make_range(), now=NOW)


def test_refuses_a_kpi_that_there_is_not() -> None:
    with pytest.raises(queries.UnknownKpi):
        queries.find_kpi("happiness")


def test_gives_the_total_the_whole_range_as_its_period() -> None:
    make_environment()
    whole = make_range()
    assert read().total.period == whole
    assert isinstance(whole, Period)
