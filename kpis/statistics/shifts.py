"""Since when a series of values is higher or lower: the place that divides it best, if that is more than noise.

Pettitt's test: it compares the ranks of the values before a place with those after it. It asks for no distribution, so
days may differ by more than chance, and one bad day is one rank. Values must be independent of each other: days, and
not hours, of which a whole night may be bad.

Source: A. N. Pettitt, "A non-parametric approach to the change-point problem", Applied Statistics 28 (1979) 126-135.
"""

from collections.abc import Sequence
from itertools import accumulate
from math import exp

# Of 100 series in which nothing changed, one at most is said to have changed. A page shows several of them.
LEVEL = 0.99


def find_shift(values: Sequence[float]) -> int | None:
    """The index of the first value that is after the shift; None where there is none that is more than noise.

    A series of 15 values or fewer has none: no order of so few is unlikely enough.
    """
    size = len(values)
    if size < 2:
        return None
    middle = (size + 1) / 2
    # After each value, how far the ranks so far are from what they would be without a shift; Pettitt's U is twice that.
    excess = list(accumulate(rank - middle for rank in midranks(values)))[:-1]
    index = max(range(len(excess)), key=lambda place: abs(excess[place]))
    if probability(2 * abs(excess[index]), size=size) > 1 - LEVEL:
        return None
    return index + 1


def probability(statistic: float, *, size: int) -> float:
    """That the largest U of a series without a shift is as large as the statistic, at most: Pettitt's approximation."""
    return min(1.0, 2 * exp(-6 * statistic**2 / (size**3 + size**2)))


def midranks(values: Sequence[float]) -> list[float]:
    """The rank of each value from 1 on. Equal values share the mean of theirs."""
    places: dict[float, list[int]] = {}
    for rank, value in enumerate(sorted(values), start=1):
        places.setdefault(value, []).append(rank)
    return [(places[value][0] + places[value][-1]) / 2 for value in values]
