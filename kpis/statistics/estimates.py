"""The interval of a KPI's value, by what the KPI's definition declares."""

from dataclasses import dataclass
from enum import StrEnum

from kpis.histogram import Distribution, bin_bounds
from kpis.registry import Kind, Kpi
from kpis.statistics.counts import ratio_of_counts
from kpis.statistics.intervals import Interval
from kpis.statistics.proportions import wilson
from kpis.statistics.ranks import quantile_ranks


@dataclass(frozen=True, slots=True)
class Estimate:
    """A KPI's value in its unit, on how many things it rests, and its interval."""

    value: float | None
    sample: int
    interval: Interval | None


class IntervalMethod(StrEnum):
    WILSON = "wilson"
    TWO_COUNTS = "two_counts"
    ORDER_STATISTICS = "order_statistics"


def method_of(kpi: Kpi) -> IntervalMethod | None:
    """None for a sum. It is the whole of what was spent, no estimate; and how much single amounts differ, which an
    interval would need, is not stored.
    """
    match kpi.kind:
        case Kind.RATIO:
            return IntervalMethod.WILSON if kpi.is_proportion else IntervalMethod.TWO_COUNTS
        case Kind.DURATION:
            return IntervalMethod.ORDER_STATISTICS
        case Kind.SUM:
            return None


def estimate_ratio(kpi: Kpi, *, numerator: int, denominator: int) -> Estimate:
    """Without value and interval where the denominator is 0."""
    if not denominator:
        return Estimate(value=None, sample=0, interval=None)
    return Estimate(
        value=numerator / denominator,
        sample=denominator,
        interval=interval_of_ratio(kpi, numerator=numerator, denominator=denominator),
    )


def interval_of_ratio(kpi: Kpi, *, numerator: int, denominator: int) -> Interval:
    """Of two counts, the second of which is not 0."""
    if kpi.is_proportion:
        return wilson(numerator, trials=denominator)
    return ratio_of_counts(numerator, per=denominator)


def interval_of_percentile(distribution: Distribution, *, fraction: float) -> Interval | None:
    """Seconds; None where there are too few durations for either end.

    Each end is the outer bound of its bin, so that what a histogram rounds away makes no interval narrower.
    """
    low, high = quantile_ranks(distribution.count, fraction)
    if low is None and high is None:
        return None
    return Interval(
        low=None if low is None else bin_bounds(distribution.bin_at(low - 1))[0],
        high=None if high is None else bin_bounds(distribution.bin_at(high - 1))[1],
    )
