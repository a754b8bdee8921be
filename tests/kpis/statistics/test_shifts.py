"""Since when a series is higher or lower."""

from collections.abc import Sequence
from random import Random

import pytest

from kpis.statistics.shifts import find_shift, midranks, probability

# The Nile's yearly flow at Aswan from 1871 to 1970, in 10^8 cubic metres; it fell after 1898 (G. W. Cobb, "The problem
# of the Nile: conditional solution to a changepoint problem", Biometrika 65, 1978).
NILE = (
    1120, 1160, 963, 1210, 1160, 1160, 813, 1230, 1370, 1140, 995, 935, 1110, 994, 1020, 960, 1180, 799, 958, 1140,
    1100, 1210, 1150, 1250, 1260, 1220, 1030, 1100, 774, 840, 874, 694, 940, 833, 701, 916, 692, 1020, 1050, 969,
    831, 726, 456, 824, 702, 1120, 1100, 832, 764, 821, 768, 845, 864, 862, 698, 845, 744, 796, 1040, 759,
    781, 865, 845, 944, 984, 897, 822, 1010, 771, 676, 649, 846, 812, 742, 801, 1040, 860, 874, 848, 890,
    744, 749, 838, 1050, 918, 986, 797, 923, 975, 815, 1020, 906, 901, 1170, 912, 746, 919, 718, 714, 740,
)  # fmt: skip
GOOD_DAY, BAD_DAY = 0.95, 0.6


def test_finds_the_year_after_which_the_nile_fell() -> None:
    index = find_shift(NILE)

    assert index is not None
    assert 1871 + index == 1899


@pytest.mark.parametrize(
    ("values", "index"),
    [
        ([0.9] * 8 + [0.5] * 8, 8),
        ([0.9] * 7 + [0.5] * 8, None),
        ([0.5] * 8 + [0.9] * 20, 8),
        ([0.9] * 28, None),
        ([0.9], None),
        ([], None),
    ],
)
def test_takes_16_values_and_a_difference(values: Sequence[float], index: int | None) -> None:
    assert find_shift(values) == index


@pytest.mark.parametrize("days", [7, 14, 28, 90])
@pytest.mark.parametrize("first", range(7))
def test_weekends_that_are_always_worse_are_no_shift(days: int, first: int) -> None:
    assert find_shift([BAD_DAY if (first + day) % 7 >= 5 else GOOD_DAY for day in range(days)]) is None


@pytest.mark.parametrize("place", range(28))
def test_one_bad_day_is_no_shift_wherever_it_is(place: int) -> None:
    assert find_shift([0.0 if day == place else GOOD_DAY for day in range(28)]) is None


@pytest.mark.parametrize("days", [16, 28, 90])
def test_days_that_differ_by_more_than_chance_are_no_shift(days: int) -> None:
    """Of 100 series one at most: days of a hundred events, each day with a share of its own."""
    dice = Random(days)
    found = 0
    for _ in range(300):
        shares = [dice.betavariate(17, 2) for _ in range(days)]
        series = [sum(dice.random() < share for _ in range(100)) / 100 for share in shares]
        found += find_shift(series) is not None

    assert found <= 6


def test_equal_values_share_their_ranks() -> None:
    assert midranks([3, 1, 3, 2]) == [3.5, 1.0, 3.5, 2.0]


def test_a_statistic_of_nothing_is_certain_and_a_large_one_is_not() -> None:
    """2 exp(-6 K² / (n³ + n²)), of 28 values."""
    assert (probability(0, size=28), round(probability(196, size=28), 6)) == (1.0, 0.000079)
