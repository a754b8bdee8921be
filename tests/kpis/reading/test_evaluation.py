"""Sums are evaluated against goals without a database."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter

import pytest

from kpis.histogram import bin_of
from kpis.reading.evaluation import (
    PERCENTILES,
    Evaluation,
    Yardstick,
    evaluate,
    evaluate_slice,
    judge,
)
from kpis.reading.goals import Goal
from kpis.reading.periods import Period
from kpis.reading.sums import Sums
from kpis.registry import DEFINITIONS, REGISTRY, Kind, Kpi
from kpis.statistics.counts import ratio_of_counts
from kpis.statistics.proportions import wilson

START = datetime(2026, 2, 10, tzinfo=UTC)
ONE_DAY = timedelta(days=1)
DAY = Period(start=START, end=START + ONE_DAY)
NO_GOAL = Goal(target=None, baseline=None)
SUGGESTIONS = REGISTRY["template-suggestion-rate"]
TIMES = REGISTRY["time-to-create-workflow"]
FAILURES = REGISTRY["agent-failure-rate"]
COSTS = REGISTRY["execution-cost"]
APPROVALS = REGISTRY["approval-rate"]


def sums_of_seconds(seconds: Iterable[float]) -> Sums:
    """What is stored of durations."""
    durations = [round(duration * 1_000_000) for duration in seconds]
    return Sums(sum(durations), len(durations), [json.dumps(Counter(map(bin_of, durations)))])


def evaluated(kpi: Kpi, sums: Sums, *, target: float | None = None, is_measurable: bool = True) -> Evaluation:
    goal = Goal(target=target, baseline=None)
    return evaluate(kpi, sums=sums, period=DAY, goal=goal, is_measurable=is_measurable)


# One period -------------------------------------------------------------------------------------------


def test_divides_a_ratio() -> None:
    assert evaluated(SUGGESTIONS, Sums(3, 11), target=0.3) == Evaluation(
        period=DAY,
        numerator=3,
        denominator=11,
        value=3 / 11,
        reason=None,
        verdict="too_few_events",
        goal=Goal(target=0.3, baseline=None),
        interval=ratio_of_counts(3, per=11),
    )


@pytest.mark.parametrize("numerator", [0, 2])
def test_gives_a_ratio_over_nothing_no_value_and_the_reason(numerator: int) -> None:
    evaluation = evaluated(SUGGESTIONS, Sums(numerator, 0), target=0.3)

    assert (evaluation.numerator, evaluation.denominator) == (numerator, 0)
    assert (evaluation.value, evaluation.reason, evaluation.verdict) == (None, "no_events", "too_few_events")


def test_reads_the_percentiles_of_durations_in_seconds() -> None:
    evaluation = evaluated(TIMES, sums_of_seconds([10, 20, 30, 1000, 2000]))

    assert (evaluation.numerator, evaluation.denominator, evaluation.mean) == (3060, 5, 612)
    assert list(evaluation.percentiles) == ["p50", "p75", "p90", "p95", "p99"]
    assert evaluation.value == evaluation.percentiles["p50"] == pytest.approx(30, rel=0.01)
    assert evaluation.percentiles["p75"] == pytest.approx(1000, rel=0.01)


def test_takes_the_percentile_that_the_kpi_names() -> None:
    evaluation = evaluated(REGISTRY["workflow-duration"], sums_of_seconds(range(1, 101)))

    assert evaluation.value == evaluation.percentiles["p95"] == pytest.approx(95.05, rel=0.01)


@pytest.mark.parametrize(
    "kpi", [kpi for kpi in DEFINITIONS if kpi.kind is Kind.DURATION], ids=attrgetter("slug")
)
def test_knows_the_percentile_that_is_a_kpis_value(kpi: Kpi) -> None:
    assert kpi.statistic in PERCENTILES.values()


def test_gives_no_durations_no_percentiles() -> None:
    evaluation = evaluated(TIMES, Sums())

    assert (evaluation.value, evaluation.mean, set(evaluation.percentiles.values())) == (None, None, {None})


def test_reads_costs_in_dollars() -> None:
    evaluation = evaluated(COSTS, Sums(1_500_000, 3))

    assert (evaluation.numerator, evaluation.denominator) == (1.5, 3)
    assert (evaluation.value, evaluation.mean) == (1.5, 0.5)


def test_says_that_a_kpi_cannot_be_measured_whatever_its_sums() -> None:
    evaluation = evaluated(SUGGESTIONS, Sums(40, 50), target=0.3, is_measurable=False)

    assert (evaluation.numerator, evaluation.denominator) == (40, 50)
    assert (evaluation.value, evaluation.reason, evaluation.verdict) == (
        None,
        "not_measurable",
        "not_measurable",
    )


# Verdicts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kpi", "value", "sample", "expected"),
    [
        pytest.param(SUGGESTIONS, 0.3, 100, "on_target", id="at least, at its target"),
        pytest.param(SUGGESTIONS, 0.299, 1000, "off_target", id="at least, below"),
        pytest.param(SUGGESTIONS, 0.301, 1000, "on_target", id="at least, above"),
        pytest.param(FAILURES, 0.3, 100, "on_target", id="at most, at its target"),
        pytest.param(FAILURES, 0.299, 1000, "on_target", id="at most, below"),
        pytest.param(FAILURES, 0.301, 1000, "off_target", id="at most, above"),
        pytest.param(SUGGESTIONS, 1.0, 20, "on_target", id="the smallest sample"),
        pytest.param(SUGGESTIONS, 1.0, 19, "too_few_events", id="below the smallest sample"),
        pytest.param(SUGGESTIONS, None, 100, "too_few_events", id="no value"),
    ],
)
def test_judges_a_value_by_its_target(kpi: Kpi, value: float | None, sample: int, expected: str) -> None:
    assert judge(kpi, value=value, sample=sample, target=0.3) == expected


def test_gives_no_verdict_without_a_target() -> None:
    assert judge(SUGGESTIONS, value=0.5, sample=100, target=None) is None


def test_needs_no_target_to_say_that_a_kpi_cannot_be_measured() -> None:
    verdict = judge(SUGGESTIONS, value=None, sample=0, target=None, is_measurable=False)

    assert verdict == "not_measurable"


# Intervals --------------------------------------------------------------------------------------------


def test_a_share_has_wilsons_interval() -> None:
    assert evaluated(FAILURES, Sums(3, 11)).interval == wilson(3, trials=11)


def test_a_percentile_has_an_interval_of_measured_durations() -> None:
    interval = evaluated(TIMES, sums_of_seconds(range(1, 21))).interval

    assert interval is not None
    assert (interval.low, interval.high) == (pytest.approx(6, rel=0.02), pytest.approx(15, rel=0.02))


@pytest.mark.parametrize(
    ("kpi", "sums", "is_measurable"),
    [
        pytest.param(COSTS, Sums(1_500_000, 300), True, id="a sum"),
        pytest.param(SUGGESTIONS, Sums(0, 0), True, id="no events"),
        pytest.param(FAILURES, Sums(40, 50), False, id="not measurable"),
        pytest.param(TIMES, sums_of_seconds([60] * 5), True, id="five durations"),
    ],
)
def test_what_is_no_estimate_has_no_interval(kpi: Kpi, sums: Sums, *, is_measurable: bool) -> None:
    assert evaluated(kpi, sums, is_measurable=is_measurable).interval is None


LOW, HIGH = wilson(30, trials=100).low or 0, wilson(30, trials=100).high or 0


@pytest.mark.parametrize(
    ("kpi", "target", "verdict", "call"),
    [
        pytest.param(APPROVALS, LOW, "on_target", "on_target", id="at least, at the low end"),
        pytest.param(APPROVALS, LOW + 1e-9, "on_target", "too_close_to_call", id="at least, just within"),
        pytest.param(APPROVALS, 0.3, "on_target", "too_close_to_call", id="at least, at the value"),
        pytest.param(APPROVALS, HIGH, "off_target", "too_close_to_call", id="at least, at the high end"),
        pytest.param(APPROVALS, HIGH + 1e-9, "off_target", "off_target", id="at least, beyond"),
        pytest.param(FAILURES, HIGH, "on_target", "on_target", id="at most, at the high end"),
        pytest.param(FAILURES, HIGH - 1e-9, "on_target", "too_close_to_call", id="at most, just within"),
        pytest.param(FAILURES, LOW, "off_target", "too_close_to_call", id="at most, at the low end"),
        pytest.param(FAILURES, LOW - 1e-9, "off_target", "off_target", id="at most, beyond"),
        pytest.param(FAILURES, None, None, None, id="no target"),
    ],
)
def test_calls_no_verdict_that_may_be_noise(
    kpi: Kpi, target: float | None, verdict: str | None, call: str | None
) -> None:
    evaluation = evaluated(kpi, Sums(30, 100), target=target)

    assert (evaluation.verdict, evaluation.call) == (verdict, call)


def test_an_open_end_reaches_every_target() -> None:
    """The 95th percentile of 30 durations has no upper end."""
    durations = sums_of_seconds([60] * 30)

    assert evaluated(REGISTRY["workflow-duration"], durations, target=600).call == "too_close_to_call"
    assert evaluated(REGISTRY["workflow-duration"], durations, target=50).call == "off_target"


@pytest.mark.parametrize(
    ("kpi", "sums", "call"),
    [
        pytest.param(APPROVALS, Sums(6, 19), "too_few_events", id="too few events"),
        pytest.param(COSTS, Sums(300_000, 100), "off_target", id="a sum"),
    ],
)
def test_calls_what_has_no_verdict_or_no_interval_as_before(kpi: Kpi, sums: Sums, call: str) -> None:
    assert evaluated(kpi, sums, target=0.299).call == call


# Several periods --------------------------------------------------------------------------------------


def make_yardstick(kpi: Kpi, *, targets: Sequence[float | None]) -> Yardstick:
    """A day for each target; the total has the last one's goal."""
    goals = [Goal(target=target, baseline=None) for target in targets]
    periods = [
        Period(start=START + number * ONE_DAY, end=START + (number + 1) * ONE_DAY)
        for number in range(len(targets))
    ]
    return Yardstick(
        kpi=kpi,
        total_period=Period(start=START - ONE_DAY, end=START + 30 * ONE_DAY),
        total_goal=goals[-1] if goals else NO_GOAL,
        periods=periods,
        goals=goals,
    )


def test_judges_every_period_by_its_own_goal_and_the_total_by_its_own() -> None:
    yardstick = make_yardstick(SUGGESTIONS, targets=[0.3, 0.5, 0.35])

    whole = evaluate_slice(yardstick, sums=[Sums(40, 100)] * 3)

    assert [(evaluation.goal.target, evaluation.verdict) for evaluation in whole.series] == [
        (0.3, "on_target"),
        (0.5, "off_target"),
        (0.35, "on_target"),
    ]
    assert (whole.total.value, whole.total.goal.target, whole.total.verdict) == (0.4, 0.35, "on_target")


def test_divides_the_sums_of_the_total_and_not_its_periods_values() -> None:
    whole = evaluate_slice(make_yardstick(SUGGESTIONS, targets=[None] * 2), sums=[Sums(1, 1), Sums(0, 9)])

    assert (whole.total.value, whole.total.period) == (
        0.1,
        Period(start=START - ONE_DAY, end=START + 30 * ONE_DAY),
    )


def test_takes_the_percentiles_of_the_total_from_all_durations() -> None:
    yardstick = make_yardstick(TIMES, targets=[None] * 2)

    whole = evaluate_slice(yardstick, sums=[sums_of_seconds([10]), sums_of_seconds([1000, 1000, 1000])])

    assert whole.total.value == pytest.approx(1000, rel=0.01)


@pytest.mark.parametrize("sums", [Sums(), sums_of_seconds([60, 70, 80])], ids=["empty", "durations"])
def test_evaluates_the_total_of_one_period_as_that_period(sums: Sums) -> None:
    yardstick = make_yardstick(TIMES, targets=[65.0])

    with_series = evaluate_slice(yardstick, sums=[sums])
    without_series = evaluate_slice(yardstick, sums=[sums], has_series=False)

    assert with_series.total == replace(with_series.series[0], period=yardstick.total_period)
    assert with_series.total == without_series.total


def test_leaves_out_the_series_where_only_the_total_is_wanted() -> None:
    yardstick = make_yardstick(SUGGESTIONS, targets=[0.3] * 2)
    sums = [Sums(1, 2), Sums(3, 4)]

    part = evaluate_slice(yardstick, sums=sums, value="triage", has_series=False)

    assert part == replace(evaluate_slice(yardstick, sums=sums, value="triage"), series=())


def test_has_a_total_without_any_period() -> None:
    whole = evaluate_slice(make_yardstick(SUGGESTIONS, targets=[]), sums=[])

    assert (whole.series, whole.total.value, whole.total.reason) == ((), None, "no_events")
