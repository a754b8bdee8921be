"""Whether a KPI changed against the range before, or whether the difference may be noise."""

from dataclasses import dataclass

from kpis.registry import Kind, Kpi
from kpis.statistics.differences import difference_interval, is_wholly_above
from kpis.statistics.estimates import Estimate
from kpis.statistics.intervals import Interval

UP = "up"
DOWN = "down"
WITHIN_NOISE = "within_noise"
TOO_FEW_TO_COMPARE = "too_few_events"


@dataclass(frozen=True, kw_only=True)
class ValueChange:
    """The current value and the previous one, in the KPI's unit, and what can be said of their difference.

    The judgement is `up` or `down` where the difference is more than noise, `within_noise` where it may be none,
    `too_few_events` where one of the two has fewer than the KPI's minimum sample, and None for a sum, of which nothing
    can be said. `interval` is that of a ratio's difference.
    """

    current: float
    previous: float
    judgement: str | None
    interval: Interval | None = None

    @property
    def difference(self) -> float:
        return self.current - self.previous


def judge_change(kpi: Kpi, *, current: Estimate, previous: Estimate) -> ValueChange | None:
    """None where one of the two has no value. The two must not have an event in common.

    A ratio changed if the interval of the difference does not hold 0; a percentile, if the two intervals have nothing
    in common, which is the more careful rule. See kpis/statistics/differences.py.
    """
    if current.value is None or previous.value is None:
        return None
    interval = None
    if kpi.kind is Kind.RATIO and current.interval and previous.interval:
        interval = difference_interval(
            current.value, interval=current.interval, second=previous.value, second_interval=previous.interval
        )
    return ValueChange(
        current=current.value,
        previous=previous.value,
        judgement=_judgement(kpi, current=current, previous=previous, difference=interval),
        interval=interval,
    )


def _judgement(kpi: Kpi, *, current: Estimate, previous: Estimate, difference: Interval | None) -> str | None:
    if kpi.kind is Kind.SUM:
        return None
    if min(current.sample, previous.sample) < kpi.minimum_sample:
        return TOO_FEW_TO_COMPARE
    if difference:
        is_up, is_down = difference.is_above(0), difference.is_below(0)
    elif current.interval and previous.interval:
        is_up = is_wholly_above(current.interval, previous.interval)
        is_down = is_wholly_above(previous.interval, current.interval)
    else:
        return WITHIN_NOISE
    if is_up:
        return UP
    return DOWN if is_down else WITHIN_NOISE
