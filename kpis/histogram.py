"""Mergeable histograms of durations, from which percentiles of any range are read.

A duration of d seconds falls into bin ceil(log(d) / log(GAMMA)); a bin's estimate is the value whose relative
distance to both its bounds is the same, so no estimate is more than RELATIVE_ERROR away from the truth (the
construction of DDSketch: Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile sketch with
relative-error guarantees", VLDB 2019). Merging adds counts, so the order of merges cannot change a percentile.
"""

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

RELATIVE_ERROR = 0.009
GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
LOG_GAMMA = math.log(GAMMA)
# Durations of zero have no logarithm; the shortest that can be measured, 1 microsecond, is in bin -767.
ZERO_BIN = -1000

Histogram = Mapping[int, int]


def bin_of(microseconds: int) -> int:
    """The bin of a duration; raises ValueError for a negative one."""
    if microseconds < 0:
        raise ValueError("a duration cannot be negative")
    if microseconds == 0:
        return ZERO_BIN
    return math.ceil(math.log(microseconds / 1_000_000) / LOG_GAMMA)


def estimate(bin_index: int) -> float:
    """Seconds that stand for every duration in the bin."""
    if bin_index == ZERO_BIN:
        return 0.0
    return float(2 * GAMMA**bin_index / (GAMMA + 1))


def merge(histograms: Iterable[Histogram]) -> dict[int, int]:
    """The histogram of all durations of the given ones."""
    merged: defaultdict[int, int] = defaultdict(int)
    for histogram in histograms:
        for bin_index, count in histogram.items():
            merged[bin_index] += count
    return dict(merged)


def percentiles(histogram: Histogram, fractions: Sequence[float]) -> list[float | None]:
    """Seconds at each fraction (0 to 1); None for every one of an empty histogram.

    Between two neighbours it interpolates linearly, as PostgreSQL's percentile_cont, numpy's default and
    statistics.median do: the median of an even number of durations is the mean of the middle two.
    """
    bins = sorted(histogram)
    seen = list(accumulate(map(histogram.__getitem__, bins)))
    if not seen or not seen[-1]:
        return [None] * len(fractions)
    return [_at_position(bins, seen, (seen[-1] - 1) * fraction) for fraction in fractions]


def _at_position(bins: Sequence[int], seen: Sequence[int], position: float) -> float:
    """Seconds at a position in the sorted durations, 0 the first; a broken one lies between two neighbours.

    `seen` counts the durations up to and including each bin.
    """
    lower = estimate(bins[bisect_right(seen, math.floor(position))])
    upper = estimate(bins[bisect_right(seen, math.ceil(position))])
    return lower + (upper - lower) * (position - math.floor(position))
