"""Whether two values differ by more than noise."""

import math

from kpis.statistics.intervals import Interval


def difference_interval(
    first: float, *, interval: Interval, second: float, second_interval: Interval
) -> Interval | None:
    """The interval of first - second, from the intervals of both; None where one of them has an open end.

    Squares and adds how far the ends are from the values. For Wilson's intervals of two proportions this is Newcombe's
    hybrid score interval, for other intervals the method of variance estimates recovery. The two values must come
    from different events.

    Sources: R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of
    eleven methods", Statistics in Medicine 17 (1998) 873-890, method 10; G. Y. Zou and A. Donner, "Construction of
    confidence limits about effect measures: a general approach", Statistics in Medicine 27 (2008) 1693-1702.
    """
    if interval.low is None or interval.high is None:
        return None
    if second_interval.low is None or second_interval.high is None:
        return None
    below = math.hypot(first - interval.low, second_interval.high - second)
    above = math.hypot(interval.high - first, second - second_interval.low)
    return Interval(low=first - second - below, high=first - second + above)


def is_wholly_above(upper: Interval, lower: Interval) -> bool:
    """Whether all of the one interval is above all of the other. An open end reaches everything on its side.

    It needs no distribution: if both were intervals of the same value, one of them would have to miss it. It calls
    fewer differences than a test at the level of the intervals would, so what it calls is rarely noise.

    Source: N. Schenker and J. F. Gentleman, "On judging the significance of differences by examining the overlap
    between confidence intervals", The American Statistician 55 (2001) 182-186.
    """
    return lower.high is not None and upper.is_above(lower.high)
