"""The interval of a proportion."""

import math

from kpis.statistics.intervals import Interval, Z


def wilson(successes: int, *, trials: int) -> Interval:
    """Wilson's score interval of successes / trials: the proportions that a score test does not refuse.

    It never leaves 0 to 1, and holds for few trials and for none or nothing but successes too. Raises ValueError for
    no trials, and for successes that are fewer than none or more than the trials.

    Sources: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
    American Statistical Association 22 (1927) 209-212; recommended by R. G. Newcombe, "Two-sided confidence intervals
    for the single proportion: comparison of seven methods", Statistics in Medicine 17 (1998) 857-872, as method 3,
    without a correction for continuity.
    """
    if not 0 <= successes <= trials or not trials:
        raise ValueError(f"{successes} of {trials} is no proportion")
    size = trials + Z**2
    middle = (successes + Z**2 / 2) / size
    reach = Z * math.sqrt(successes * (trials - successes) / trials + Z**2 / 4) / size
    # Exact where rounding would leave 1e-17.
    return Interval(
        low=middle - reach if successes else 0.0, high=middle + reach if successes < trials else 1.0
    )
