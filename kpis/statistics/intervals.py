"""Confidence intervals, and what all of them share: the level.

An interval of 95% means: of many such intervals, 95 in 100 hold the value that would be found if there were no limit
to the number of events. All methods here take the events to be independent of each other.
"""

from dataclasses import dataclass
from statistics import NormalDist

LEVEL = 0.95
# What may lie beyond either end.
TAIL = (1 - LEVEL) / 2
# 1.96: the normal distribution has TAIL beyond it.
Z = NormalDist().inv_cdf(1 - TAIL)


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`, both included. None is an open end: there are too few events to give one."""

    low: float | None
    high: float | None

    def is_above(self, value: float) -> bool:
        return self.low is not None and self.low > value

    def is_below(self, value: float) -> bool:
        return self.high is not None and self.high < value
