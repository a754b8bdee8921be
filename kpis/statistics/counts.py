"""The interval of a count for each of another count."""

import math

from kpis.statistics.intervals import Interval, Z


def ratio_of_counts(count: int, *, per: int) -> Interval:
    """The score interval of count / per, for two counts of events that are independent (Poisson).

    Given the sum of both, the first count is binomial with the proportion ratio / (1 + ratio). Wilson's interval of
    that proportion, written for the ratio, are the two roots of (count - ratio * per)² = Z² * ratio * (count + per).
    Both ends are 0 or more, and it may lie above 1. Raises ValueError for a negative count, and where `per` is 0.

    Sources: J. Przyborowski and H. Wilenski, "Homogeneity of results in testing samples from Poisson series",
    Biometrika 31 (1940) 313-323, for the condition; P. L. Graham, K. Mengersen and A. P. Morton, "Confidence limits
    for the ratio of two rates based on likelihood scores: non-iterative method", Statistics in Medicine 22 (2003)
    2071-2083, for the roots.
    """
    if count < 0 or per <= 0:
        raise ValueError(f"{count} for each of {per} is no ratio of counts")
    spread = Z**2 * (count + per)
    middle = 2 * count * per + spread
    reach = math.sqrt(spread * (4 * count * per + spread))
    return Interval(
        low=(middle - reach) / (2 * per**2) if count else 0.0, high=(middle + reach) / (2 * per**2)
    )
