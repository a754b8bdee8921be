"""Differences, held against published tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpis.statistics.differences import difference_interval, is_wholly_above
from kpis.statistics.intervals import Interval
from kpis.statistics.proportions import wilson

# R. G. Newcombe, Statistics in Medicine 17 (1998) 873-890, table II, method 10.
NEWCOMBE = [
    (56, 70, 48, 80, 0.0524, 0.3339),
    (9, 10, 3, 10, 0.1705, 0.8090),
    (6, 7, 2, 7, 0.0582, 0.8062),
    (5, 56, 0, 29, -0.0381, 0.1926),
    (0, 10, 0, 20, -0.1611, 0.2775),
    (0, 10, 0, 10, -0.2775, 0.2775),
    (10, 10, 0, 20, 0.6791, 1.0),
    (10, 10, 0, 10, 0.6075, 1.0),
]
PROPORTIONS = st.integers(1, 500).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials)))


def between(first: tuple[int, int], second: tuple[int, int]) -> Interval:
    found = difference_interval(
        first[0] / first[1],
        interval=wilson(first[0], trials=first[1]),
        second=second[0] / second[1],
        second_interval=wilson(second[0], trials=second[1]),
    )
    assert found is not None
    return found


@pytest.mark.parametrize(("first", "of", "second", "of_second", "low", "high"), NEWCOMBE)
def test_of_two_proportions_is_the_interval_of_the_published_table(
    first: int, of: int, second: int, of_second: int, low: float, high: float
) -> None:
    interval = between((first, of), (second, of_second))

    assert (interval.low, interval.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@given(PROPORTIONS, PROPORTIONS)
def test_holds_the_difference_and_is_mirrored_when_turned_round(
    first: tuple[int, int], second: tuple[int, int]
) -> None:
    interval, turned = between(first, second), between(second, first)

    assert interval.low is not None
    assert interval.high is not None
    assert interval.low <= first[0] / first[1] - second[0] / second[1] <= interval.high
    assert interval.low == pytest.approx(-(turned.high or 0), abs=1e-12)


@pytest.mark.parametrize("open_interval", [Interval(None, 0.5), Interval(0.1, None)])
def test_an_open_end_leaves_no_interval_of_the_difference(open_interval: Interval) -> None:
    closed = Interval(0.1, 0.5)

    assert difference_interval(0.3, interval=open_interval, second=0.3, second_interval=closed) is None
    assert difference_interval(0.3, interval=closed, second=0.3, second_interval=open_interval) is None


@pytest.mark.parametrize(
    ("upper", "lower", "expected"),
    [
        pytest.param(Interval(3, 4), Interval(1, 2), True, id="apart"),
        pytest.param(Interval(2, 4), Interval(1, 2), False, id="they touch"),
        pytest.param(Interval(1, 2), Interval(3, 4), False, id="below"),
        pytest.param(Interval(3, None), Interval(1, 2), True, id="open away from the other"),
        pytest.param(Interval(3, 4), Interval(1, None), False, id="the lower reaches up"),
        pytest.param(Interval(None, 4), Interval(1, 2), False, id="the upper reaches down"),
    ],
)
def test_one_interval_is_above_another_if_nothing_of_them_meets(
    upper: Interval, lower: Interval, *, expected: bool
) -> None:
    assert is_wholly_above(upper, lower) is expected
