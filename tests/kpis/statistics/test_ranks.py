"""The ranks between which a percentile lies."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpis.reading.evaluation import PERCENTILES
from kpis.statistics.intervals import TAIL
from kpis.statistics.ranks import MOST_EXACT, approximate_rank, exact_rank, quantile_ranks

# M. J. Gardner and D. G. Altman, "Statistics with Confidence" (1989), table 18.4, and W. J. Dixon and A. M. Mood, "The
# statistical sign test", Journal of the American Statistical Association 41 (1946) 557-566, whose critical values at
# 5% are one less than the lower ranks: the interval of the median by number of values.
MEDIAN = {
    6: (1, 6), 7: (1, 7), 8: (1, 8), 9: (2, 8), 10: (2, 9), 11: (2, 10), 12: (3, 10), 13: (3, 11), 14: (3, 12),
    15: (4, 12), 16: (4, 13), 17: (5, 13), 18: (5, 14), 19: (5, 15), 20: (6, 15), 25: (8, 18), 30: (10, 21),
    35: (12, 24), 40: (14, 27), 45: (16, 30), 50: (18, 33),
}  # fmt: skip
FRACTIONS = st.sampled_from([0.01, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99])


@pytest.mark.parametrize(("count", "ranks"), MEDIAN.items(), ids=str)
def test_the_ranks_of_the_median_are_the_published_ones(count: int, ranks: tuple[int, int]) -> None:
    assert quantile_ranks(count, 0.5) == ranks


@pytest.mark.parametrize(
    ("count", "fraction", "ranks"),
    [
        pytest.param(0, 0.5, (None, None), id="no value"),
        pytest.param(5, 0.5, (None, None), id="too few for a median"),
        pytest.param(1, 0.95, (None, None), id="too few for either end of p95"),
        pytest.param(2, 0.95, (1, None), id="enough for the lower end of p95"),
        pytest.param(71, 0.95, (63, None), id="too few for the upper end of p95"),
        pytest.param(72, 0.95, (64, 72), id="enough for both ends of p95"),
    ],
)
def test_an_end_that_cannot_be_given_is_open(
    count: int, fraction: float, ranks: tuple[int | None, int | None]
) -> None:
    assert quantile_ranks(count, fraction) == ranks


def below(rank: int, *, count: int, fraction: float) -> float:
    """The probability that fewer values than the rank lie below the percentile, from whole numbers."""
    return math.fsum(
        math.comb(count, number) * fraction**number * (1 - fraction) ** (count - number)
        for number in range(rank)
    )


@given(st.integers(1, 120), FRACTIONS)
def test_no_ranks_within_would_do(count: int, fraction: float) -> None:
    low, high = quantile_ranks(count, fraction)

    if low is not None:
        assert below(low, count=count, fraction=fraction) <= TAIL
    assert below((low or 0) + 1, count=count, fraction=fraction) > TAIL
    if high is not None:
        assert 1 - below(high, count=count, fraction=fraction) <= TAIL + 1e-12
    assert 1 - below((high or count + 1) - 1, count=count, fraction=fraction) > TAIL - 1e-12


# Of one or two values the 99th percentile is certain to be above the first, where interpolation does not put it.
@given(st.integers(3, 200_000), st.sampled_from([*PERCENTILES.values()]))
def test_hold_the_percentile_of_the_sorted_values(count: int, fraction: float) -> None:
    low, high = quantile_ranks(count, fraction)

    # It interpolates between this value and the next.
    position = fraction * (count - 1) + 1
    assert (low or 0) <= position <= (high or math.inf)


@given(st.integers(1, 100_000), st.integers(2, 10), FRACTIONS)
def test_move_closer_to_the_percentile_with_more_values(count: int, times: int, fraction: float) -> None:
    few, many = quantile_ranks(count, fraction), quantile_ranks(count * times, fraction)

    for end, later in zip(few, many, strict=True):
        if end is not None:
            assert later is not None
            # Not by less than the two ranks that an approximate one may be off.
            assert abs(later / (count * times) - fraction) <= abs(end / count - fraction) + 3 / count


@given(st.integers(MOST_EXACT + 1, 50_000), FRACTIONS)
def test_of_many_values_they_are_never_too_close_and_hardly_too_far(count: int, fraction: float) -> None:
    exact = exact_rank(count, fraction, start=approximate_rank(count, fraction))

    assert exact - 2 <= (quantile_ranks(count, fraction)[0] or 0) <= exact


@pytest.mark.parametrize("fraction", [0, 1, -0.5, 1.5])
def test_there_is_no_percentile_beyond_all_values(fraction: float) -> None:
    with pytest.raises(ValueError, match="no percentile"):
        quantile_ranks(100, fraction)
