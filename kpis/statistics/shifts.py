"""Since when a share is another one: the moment that divides a series of counts best, if that is more than noise.

The split is the one of greatest likelihood of two binomial shares against one (K. J. Worsley, "The power of likelihood
ratio and cumulative sum tests for a change in a binomial probability", Biometrika 70, 1983). Days differ by more than
chance even where nothing changed, so the likelihood is divided by how much they do (the dispersion of quasi-likelihood;
P. McCullagh and J. A. Nelder, Generalized Linear Models, 1989, section 4.5). As many splits are tried, each has its
share of the level (Bonferroni), which is careful.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import log
from statistics import NormalDist

from kpis.statistics.intervals import LEVEL


@dataclass(frozen=True, slots=True)
class Counts:
    """So many of so many, in one period."""

    successes: int
    trials: int

    @property
    def share(self) -> float:
        """0 to 1. There must be trials."""
        return self.successes / self.trials


@dataclass(frozen=True, kw_only=True)
class Shift:
    """From the period `number` on (counted from 0) the share is another one. Both are 0 to 1."""

    number: int
    before: float
    since: float


def find_shift(periods: Sequence[Counts], *, minimum_sample: int) -> Shift | None:
    """The shift that divides the periods best; None where there is none that is more than noise.

    Either side has at least the minimum sample, and at least one period with trials.
    """
    splits = list(_splits(periods, minimum_sample=minimum_sample))
    if not splits:
        return None
    number, before, since = max(
        splits, key=lambda split: _log_likelihood(split[1]) + _log_likelihood(split[2])
    )
    dispersion = _dispersion(periods[:number], periods[number:], shares=(before.share, since.share))
    # Twice the logarithm of how much likelier the counts are with two shares than with one.
    gain = 2 * (_log_likelihood(before) + _log_likelihood(since) - _log_likelihood(_sum(periods)))
    if gain / dispersion <= threshold(len(splits)):
        return None
    return Shift(number=number, before=before.share, since=since.share)


def threshold(splits: int) -> float:
    """What the gain of the best of so many splits exceeds by chance in (1 - LEVEL) of all series, at most."""
    return NormalDist().inv_cdf(1 - (1 - LEVEL) / 2 / splits) ** 2


def _splits(periods: Sequence[Counts], *, minimum_sample: int) -> list[tuple[int, Counts, Counts]]:
    """The number of the first period of the second side, and the counts of both. A side begins with trials."""
    least = max(minimum_sample, 1)
    whole = _sum(periods)
    firsts = accumulate(periods, _plus)
    splits = [
        (number, first, Counts(whole.successes - first.successes, whole.trials - first.trials))
        for number, first in enumerate(firsts, start=1)
        if number < len(periods) and periods[number].trials
    ]
    return [split for split in splits if min(split[1].trials, split[2].trials) >= least]


def _log_likelihood(counts: Counts) -> float:
    """Of the counts with their own share, without the part that is the same for all splits."""
    failures = counts.trials - counts.successes
    return sum(number * log(number / counts.trials) for number in (counts.successes, failures) if number)


def _dispersion(*sides: Sequence[Counts], shares: tuple[float, float]) -> float:
    """How many times as much the periods of a side differ as chance lets them: Pearson's statistic for each degree
    of freedom, and 1 where they differ less.
    """
    expected = [
        (counts, share)
        for side, share in zip(sides, shares, strict=True)
        for counts in side
        if counts.trials and 0 < share < 1
    ]
    degrees = len(expected) - len(sides)
    if degrees < 1:
        return 1.0
    pearson = sum(
        (counts.successes - counts.trials * share) ** 2 / (counts.trials * share * (1 - share))
        for counts, share in expected
    )
    return max(1.0, pearson / degrees)


def _sum(periods: Sequence[Counts]) -> Counts:
    return Counts(sum(counts.successes for counts in periods), sum(counts.trials for counts in periods))


def _plus(first: Counts, second: Counts) -> Counts:
    return Counts(first.successes + second.successes, first.trials + second.trials)
