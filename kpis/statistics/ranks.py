"""Between which of the sorted values a percentile lies: ranks from the binomial distribution."""

import math
from functools import lru_cache

from kpis.statistics.intervals import TAIL, Z

# Up to this many values the ranks are exact. Beyond it an exact one takes hundreds of steps, and two ranks are nothing.
MOST_EXACT = 2_000


def quantile_ranks(count: int, fraction: float) -> tuple[int | None, int | None]:
    """The ranks (1 to count) of the sorted values that are the two ends of the interval of a percentile.

    How many of the values lie below the percentile at `fraction` (between 0 and 1) is binomial, whatever the values'
    distribution is. So the percentile is below the value of the lower rank, or above that of the upper rank, with a
    probability of TAIL at most each. None: there are too few values for this end. The median needs 6 values for both
    ends, the 95th percentile 72. Raises ValueError for another fraction.

    Sources: W. J. Conover, "Practical Nonparametric Statistics", 3rd edition (1999), section 3.2; G. J. Hahn and
    W. Q. Meeker, "Statistical Intervals" (1991), section 5.2.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"there is no percentile at {fraction}")
    # What is the largest from one side is the smallest from the other.
    low, from_above = lower_rank(count, fraction), lower_rank(count, 1 - fraction)
    return low or None, count + 1 - from_above if from_above else None


@lru_cache(maxsize=4096)
def lower_rank(count: int, fraction: float) -> int:
    """The largest rank below which TAIL at most of the binomial distribution lies; 0: there is none.

    Beyond MOST_EXACT values it may be one or two too low, never too high.
    """
    rank = approximate_rank(count, fraction)
    return exact_rank(count, fraction, start=rank) if count <= MOST_EXACT else rank - 1


def approximate_rank(count: int, fraction: float) -> int:
    """By the normal distribution, corrected for continuity and skewness (the expansion of Cornish and Fisher)."""
    deviation = math.sqrt(count * fraction * (1 - fraction))
    skewness = (1 - 2 * fraction) * (Z**2 - 1) / 6
    # P(B <= k) is about the normal probability up to k + 1/2, and the rank is k + 1.
    return math.floor(count * fraction - Z * deviation + skewness - 0.5) + 1


def exact_rank(count: int, fraction: float, *, start: int) -> int:
    """From a rank that is about right, by steps up or down."""
    rank = min(max(start, 0), count)
    below = sum_up_to(rank - 1, count=count, fraction=fraction)
    while rank > 0 and below > TAIL:
        rank -= 1
        below -= probability(rank, count=count, fraction=fraction)
    while rank < count and below + (more := probability(rank, count=count, fraction=fraction)) <= TAIL:
        rank += 1
        below += more
    return rank


def sum_up_to(successes: int, *, count: int, fraction: float) -> float:
    """The binomial probability of so many successes or fewer."""
    term = probability(successes, count=count, fraction=fraction)
    terms = [term]
    odds = (1 - fraction) / fraction
    for number in range(successes, 0, -1):
        term *= number * odds / (count - number + 1)
        terms.append(term)
        # Far out each term is a small part of the one before.
        if term < 1e-18:
            break
    return math.fsum(terms)


def probability(successes: int, *, count: int, fraction: float) -> float:
    """The binomial probability of exactly so many successes."""
    if not 0 <= successes <= count:
        return 0.0
    ways = math.lgamma(count + 1) - math.lgamma(successes + 1) - math.lgamma(count - successes + 1)
    return math.exp(ways + successes * math.log(fraction) + (count - successes) * math.log1p(-fraction))
