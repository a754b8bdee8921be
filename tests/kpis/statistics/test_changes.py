"""Which changes are called."""

from random import Random

import pytest

from kpis.registry import REGISTRY, Kpi
from kpis.statistics.changes import ValueChange, judge_change
from kpis.statistics.estimates import Estimate, estimate_ratio
from kpis.statistics.intervals import Interval

SUGGESTIONS = REGISTRY["template-suggestion-rate"]
APPROVALS = REGISTRY["approval-rate"]
WAITS = REGISTRY["approval-wait"]
COSTS = REGISTRY["execution-cost"]


def judged(kpi: Kpi, *, current: Estimate, previous: Estimate) -> str | None:
    change = judge_change(kpi, current=current, previous=previous)
    assert change is not None
    return change.judgement


def share(numerator: int, denominator: int, *, kpi: Kpi = APPROVALS) -> Estimate:
    return estimate_ratio(kpi, numerator=numerator, denominator=denominator)


def wait(low: float | None, high: float | None, *, sample: int = 100) -> Estimate:
    return Estimate(value=60.0, sample=sample, interval=Interval(low, high))


def test_a_change_has_the_interval_of_its_difference() -> None:
    """Newcombe's example: 56 of 70 against 48 of 80."""
    change = judge_change(APPROVALS, current=share(56, 70), previous=share(48, 80))

    assert change == ValueChange(
        current=0.8,
        previous=0.6,
        judgement="up",
        interval=Interval(pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5)),
    )
    assert change.difference == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("current", "previous", "expected"),
    [
        pytest.param(share(56, 70), share(48, 80), "up", id="more than noise"),
        pytest.param(share(48, 80), share(56, 70), "down", id="less, by more than noise"),
        pytest.param(share(52, 70), share(48, 80), "within_noise", id="it may be none"),
        pytest.param(share(50, 100), share(50, 100), "within_noise", id="the same"),
        pytest.param(share(19, 19), share(0, 80), "too_few_events", id="too few now"),
        pytest.param(share(80, 80), share(0, 19), "too_few_events", id="too few before"),
        pytest.param(share(20, 20), share(0, 20), "up", id="just enough"),
    ],
)
def test_a_proportion_changed_if_no_change_is_out_of_the_interval(
    current: Estimate, previous: Estimate, expected: str
) -> None:
    assert judged(APPROVALS, current=current, previous=previous) == expected


def test_a_ratio_above_one_is_judged_by_its_counts() -> None:
    before, little, much = (share(count, 100, kpi=SUGGESTIONS) for count in (120, 150, 220))

    assert judged(SUGGESTIONS, current=little, previous=before) == "within_noise"
    assert judged(SUGGESTIONS, current=much, previous=before) == "up"


@pytest.mark.parametrize(
    ("current", "previous", "expected"),
    [
        pytest.param(wait(61, 70), wait(50, 60), "up", id="above"),
        pytest.param(wait(50, 60), wait(61, 70), "down", id="below"),
        pytest.param(wait(60, 70), wait(50, 60), "within_noise", id="they touch"),
        pytest.param(wait(61, None), wait(50, 60), "up", id="open away from the other"),
        pytest.param(wait(50, None), wait(61, 70), "within_noise", id="open towards the other"),
        pytest.param(wait(61, 70, sample=19), wait(50, 60), "too_few_events", id="too few now"),
    ],
)
def test_a_percentile_changed_if_the_intervals_have_nothing_in_common(
    current: Estimate, previous: Estimate, expected: str
) -> None:
    assert judged(WAITS, current=current, previous=previous) == expected


def test_nothing_is_said_of_the_change_of_a_sum() -> None:
    current, previous = (Estimate(value=value, sample=1000, interval=None) for value in (900.0, 10.0))

    assert judge_change(COSTS, current=current, previous=previous) == ValueChange(
        current=900.0, previous=10.0, judgement=None
    )


@pytest.mark.parametrize("kpi", [APPROVALS, WAITS, COSTS])
def test_without_both_values_there_is_no_change(kpi: Kpi) -> None:
    known, unknown = Estimate(value=1.0, sample=50, interval=None), Estimate(None, 0, None)

    assert judge_change(kpi, current=known, previous=unknown) is None
    assert judge_change(kpi, current=unknown, previous=known) is None


@pytest.mark.parametrize(("kpi", "rate"), [(APPROVALS, 0.1), (APPROVALS, 0.8), (SUGGESTIONS, 0.37)])
def test_noise_is_called_a_change_in_5_of_100_cases_at_most(kpi: Kpi, rate: float) -> None:
    random = Random(3)
    counts = [sum(random.random() < rate for _ in range(200)) for _ in range(2_000)]

    judgements = [
        judged(kpi, current=share(current, 200, kpi=kpi), previous=share(previous, 200, kpi=kpi))
        for current, previous in zip(counts[::2], counts[1::2], strict=True)
    ]

    # 1,000 cases themselves have a noise of 0.7 points.
    assert judgements.count("within_noise") > 935
