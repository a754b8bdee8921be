"""Since when a share is another one."""

from random import Random

import pytest

from kpis.statistics.shifts import Counts, Shift, find_shift, threshold


def days(*parts: tuple[int, int, int]) -> list[Counts]:
    """So many days with so many of so many."""
    return [Counts(successes, trials) for number, successes, trials in parts for _ in range(number)]


@pytest.mark.parametrize(("splits", "chi_squared"), [(1, 3.841), (5, 6.635), (50, 10.828)])
def test_asks_what_the_tables_of_chi_squared_give_for_the_level(splits: int, chi_squared: float) -> None:
    """One degree of freedom, at 0.05, 0.01 and 0.001."""
    assert threshold(splits) == pytest.approx(chi_squared, abs=5e-4)


@pytest.mark.parametrize(
    ("periods", "shift"),
    [
        (days((10, 19, 20), (10, 13, 20)), Shift(number=10, before=0.95, since=0.65)),
        # Days of nothing belong to what was before: it is not known that they were others.
        (days((10, 19, 20), (3, 0, 0), (10, 13, 20)), Shift(number=13, before=0.95, since=0.65)),
        (days((10, 20, 20), (10, 0, 20)), Shift(number=10, before=1.0, since=0.0)),
        (days((20, 19, 20)), None),
        (days((20, 20, 20)), None),
        (days((20, 0, 20)), None),
        (days((20, 0, 0)), None),
        (days((1, 5, 20)), None),
        ([], None),
    ],
)
def test_finds_where_the_share_becomes_another_one(periods: list[Counts], shift: Shift | None) -> None:
    assert find_shift(periods, minimum_sample=20) == shift


@pytest.mark.parametrize(("minimum", "is_found"), [(60, True), (61, False)])
def test_either_side_has_the_minimum_sample(minimum: int, is_found: bool) -> None:
    shift = find_shift(days((3, 19, 20), (3, 2, 20)), minimum_sample=minimum)

    assert (shift is not None) is is_found


def test_takes_no_single_bad_day_for_a_shift() -> None:
    """The same bad day every week makes days differ by more than chance."""
    week = days((6, 95, 100), (1, 60, 100))

    assert find_shift(week * 4, minimum_sample=20) is None


def test_finds_none_in_95_of_100_series_that_did_not_shift() -> None:
    dice = Random(1)
    found = 0
    for _ in range(500):
        share = dice.uniform(0.05, 0.95)
        series = [
            Counts(sum(dice.random() < share for _ in range(trials)), trials)
            for trials in dice.choices(range(40), k=28)
        ]
        found += find_shift(series, minimum_sample=20) is not None

    assert found <= 25
