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
from dataclasses import dataclass
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


def bin_bounds(bin_index: int) -> tuple[float, float]:
    """The seconds between which the durations of the bin are: above the first, up to the second."""
    if bin_index == ZERO_BIN:
        return 0.0, 0.0
    return GAMMA ** (bin_index - 1), GAMMA**bin_index


def percentiles(histogram: Histogram, fractions: Sequence[float]) -> list[float | None]:
    """See Distribution.percentiles."""
    return Distribution.from_histogram(histogram).percentiles(fractions)


@dataclass(frozen=True, slots=True)
class Distribution:
    """A histogram in order: its bins, and how many durations there are up to and including each of them."""

    bins: Sequence[int]
    running_counts: Sequence[int]

    @classmethod
    def from_histogram(cls, histogram: Histogram) -> "Distribution":
        bins = sorted(histogram)
        return cls(bins=bins, running_counts=list(accumulate(map(histogram.__getitem__, bins))))

    @property
    def count(self) -> int:
        return self.running_counts[-1] if self.running_counts else 0

    def percentiles(self, fractions: Sequence[float]) -> list[float | None]:
        """The seconds at each fraction (0 to 1), in the order given; all None for an empty histogram.

        The position of a fraction is fraction * (count - 1), counted from 0. Between two neighbours it interpolates
        linearly, as PostgreSQL's percentile_cont, numpy's default and statistics.median do: the median of an even
        number of durations is the mean of the middle two.
        """
        if not self.count:
            return [None] * len(fractions)
        return [self._at_position(fraction * (self.count - 1)) for fraction in fractions]

    def _at_position(self, position: float) -> float:
        """The seconds at a position in the sorted durations; a fractional one lies between two neighbours."""
        below, above = math.floor(position), math.ceil(position)
        lower, upper = estimate(self.bin_at(below)), estimate(self.bin_at(above))
        return lower + (upper - lower) * (position - below)

    def bin_at(self, position: int) -> int:
        """The bin of the duration at a position, counted from 0."""
        return self.bins[bisect_right(self.running_counts, position)]
