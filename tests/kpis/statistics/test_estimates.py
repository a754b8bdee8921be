"""Which interval a KPI has, and how often it holds the truth."""

from collections import Counter
from dataclasses import replace
from math import exp, inf
from operator import attrgetter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpis.histogram import Distribution, bin_of
from kpis.registry import DEFINITIONS, REGISTRY, Kpi
from kpis.statistics.counts import ratio_of_counts
from kpis.statistics.estimates import Estimate, estimate_ratio, interval_of_percentile, method_of
from kpis.statistics.intervals import Interval
from kpis.statistics.proportions import wilson

SUGGESTIONS = REGISTRY["template-suggestion-rate"]
APPROVALS = REGISTRY["approval-rate"]
METHODS = {
    "template-suggestion-rate": "two_counts",
    "time-to-create-workflow": "order_statistics",
    "workbench-adoption": "wilson",
    "template-usage-rate": "wilson",
    "workflow-success-rate": "wilson",
    "workflow-duration": "order_statistics",
    "approval-wait": "order_statistics",
    "approval-rate": "wilson",
    "agent-failure-rate": "wilson",
    "execution-cost": None,
}


def distribution_of(seconds: list[float]) -> Distribution:
    return Distribution.from_histogram(Counter(bin_of(round(number * 1_000_000)) for number in seconds))


def test_each_kpi_has_the_interval_that_its_definition_declares() -> None:
    assert {kpi.slug: method_of(kpi) for kpi in DEFINITIONS} == METHODS


@pytest.mark.parametrize("kpi", DEFINITIONS, ids=attrgetter("slug"))
def test_a_ratio_and_nothing_else_says_whether_it_is_a_proportion(kpi: Kpi) -> None:
    wrong = None if kpi.is_proportion is not None else True

    with pytest.raises(ValueError, match="is_proportion"):
        replace(kpi, is_proportion=wrong)


def test_a_proportion_and_a_ratio_of_counts_have_intervals_of_their_own() -> None:
    assert estimate_ratio(APPROVALS, numerator=31, denominator=100) == Estimate(
        value=0.31, sample=100, interval=wilson(31, trials=100)
    )
    assert estimate_ratio(SUGGESTIONS, numerator=131, denominator=100) == Estimate(
        value=1.31, sample=100, interval=ratio_of_counts(131, per=100)
    )


def test_a_ratio_over_nothing_has_no_interval() -> None:
    assert estimate_ratio(SUGGESTIONS, numerator=2, denominator=0) == Estimate(
        value=None, sample=0, interval=None
    )


@given(st.lists(st.floats(0, 100_000), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.95]))
def test_the_interval_of_a_percentile_holds_the_percentile(seconds: list[float], fraction: float) -> None:
    distribution = distribution_of(seconds)

    interval = interval_of_percentile(distribution, fraction=fraction)

    value = distribution.percentiles([fraction])[0]
    assert value is not None
    assert interval is None or not (interval.is_above(value) or interval.is_below(value))


def test_the_interval_of_a_percentile_ends_at_measured_durations() -> None:
    """Of 20 durations the median is between the 6th and the 15th, whose bins are within 1.8% of them."""
    interval = interval_of_percentile(distribution_of([*range(1, 21)]), fraction=0.5)

    assert interval is not None
    assert 6 / 1.019 < (interval.low or 0) < 6
    assert 15 <= (interval.high or 0) < 15 * 1.019


def test_of_few_durations_an_end_is_open_and_of_fewer_both_are() -> None:
    assert interval_of_percentile(distribution_of([0] * 20), fraction=0.95) == Interval(0.0, None)
    assert interval_of_percentile(distribution_of([60] * 5), fraction=0.5) is None


@pytest.mark.parametrize(("fraction", "deviations"), [(0.5, 0.0), (0.9, 1.2815515655446004)])
def test_the_interval_of_a_percentile_holds_the_true_one_in_95_of_100_cases(
    fraction: float, deviations: float
) -> None:
    """Durations are mostly lognormal; the median of these is 1 s. Binning widens the intervals a little."""
    random = Random(12)
    truth = exp(deviations)
    held = 0
    for _ in range(400):
        distribution = distribution_of([random.lognormvariate(0, 1) for _ in range(100)])
        interval = interval_of_percentile(distribution, fraction=fraction)
        held += interval is not None and (interval.low or 0) <= truth <= (interval.high or inf)

    # 400 cases themselves have a noise of 1.1 points.
    assert held / 400 > 0.93
