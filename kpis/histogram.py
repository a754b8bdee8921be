"""Histograms of durations that can be merged, and percentiles read from them.

A duration of d seconds falls into the bin with the index ceil(log(d) / log(GAMMA)). One estimate stands for all
durations of a bin: the value that is relatively as far from the bin's lower bound as from its upper one. So no
estimate is more than RELATIVE_ERROR away from the true duration. Merging adds counts, so the order of merges
cannot change a percentile.

Source: DDSketch (Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
guarantees", VLDB 2019).
"""

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

RELATIVE_ERROR = 0.009
GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
LOG_GAMMA = math.log(GAMMA)
# Zero has no logarithm. The shortest duration above zero, 1 microsecond, is in bin -767.
ZERO_BIN = -1000

Histogram = Mapping[int, int]


def bin_of(microseconds: int) -> int:
    """The index of the bin that a duration falls into. Raises ValueError for a negative duration."""
    if microseconds < 0:
        raise ValueError("a duration cannot be negative")
    if microseconds == 0:
        return ZERO_BIN
    return math.ceil(math.log(microseconds / 1_000_000) / LOG_GAMMA)


def estimate(bin_index: int) -> float:
    """The seconds that stand for every duration in the bin: 2 * GAMMA ** index / (GAMMA + 1)."""
    if bin_index == ZERO_BIN:
        return 0.0
    return float(2 * GAMMA**bin_index / (GAMMA + 1))


def merge(histograms: Iterable[Histogram]) -> dict[int, int]:
    """One histogram of all the durations."""
    merged: defaultdict[int, int] = defaultdict(int)
    for histogram in histograms:
        for bin_index, count in histogram.items():
            merged[bin_index] += count
    return dict(merged)


def percentiles(histogram: Histogram, fractions: Sequence[float]) -> list[float | None]:
    """The seconds at each fraction (0 to 1), in the order given; all None for an empty histogram.

    The position of a fraction is fraction * (count - 1), counted from 0. Between two neighbours it interpolates
    linearly, as PostgreSQL's percentile_cont, numpy's default and statistics.median do: the median of an even
    number of durations is the mean of the middle two.
    """
    bins = sorted(histogram)
    # How many durations there are up to and including each bin.
    running_counts = list(accumulate(map(histogram.__getitem__, bins)))
    count = running_counts[-1] if running_counts else 0
    if not count:
        return [None] * len(fractions)
    return [_at_position(bins, running_counts, fraction * (count - 1)) for fraction in fractions]


def _at_position(bins: Sequence[int], running_counts: Sequence[int], position: float) -> float:
    """The seconds at a position in the sorted durations; a fractional one lies between two neighbours."""
    below, above = math.floor(position), math.ceil(position)
    lower = estimate(bins[bisect_right(running_counts, below)])
    upper = estimate(bins[bisect_right(running_counts, above)])
    return lower + (upper - lower) * (position - below)
