"""The interval of a ratio of two counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpis.statistics.counts import ratio_of_counts
from kpis.statistics.proportions import wilson

COUNTS = st.integers(1, 100_000)


def test_is_the_published_interval_of_two_rates() -> None:
    """K. Gu and others, Biometrical Journal 50 (2008) 283-298: 60 cases in 51,477.5 years against 30 in 54,308.7.

    statsmodels 0.14 tests its score interval of the ratio of these rates with the same figures.
    """
    interval = ratio_of_counts(60, per=30)

    exposure = 54_308.7 / 51_477.5
    assert (interval.low or 0) * exposure == pytest.approx(1.365962, abs=1e-6)
    assert (interval.high or 0) * exposure == pytest.approx(3.259306, abs=1e-6)


@given(st.integers(0, 100_000), COUNTS)
def test_holds_the_ratio(count: int, per: int) -> None:
    interval = ratio_of_counts(count, per=per)

    assert interval.low is not None
    assert interval.high is not None
    assert 0 <= interval.low <= count / per < interval.high


@given(COUNTS, COUNTS)
def test_is_wilsons_interval_of_the_share_of_the_first_count(count: int, per: int) -> None:
    share, ratio = wilson(count, trials=count + per), ratio_of_counts(count, per=per)

    for end, of_share in [(ratio.low, share.low), (ratio.high, share.high)]:
        assert end is not None
        assert end / (1 + end) == pytest.approx(of_share, rel=1e-9)


@given(COUNTS, COUNTS)
def test_the_other_way_round_it_is_the_reciprocal(count: int, per: int) -> None:
    ratio, other = ratio_of_counts(count, per=per), ratio_of_counts(per, per=count)

    assert ratio.low == pytest.approx(1 / (other.high or 0), rel=1e-9)


@given(st.integers(0, 1_000), st.integers(1, 1_000))
def test_is_wider_than_that_of_a_proportion(count: int, more: int) -> None:
    """What a count may be is less sure than what a part of a known whole may be."""
    of_counts, of_proportion = ratio_of_counts(count, per=count + more), wilson(count, trials=count + more)

    assert (of_counts.high or 0) > (of_proportion.high or 0)
    assert (of_counts.low or 0) <= (of_proportion.low or 0) + 1e-12


@pytest.mark.parametrize(("count", "per"), [(-1, 5), (5, 0), (5, -1)])
def test_refuses_what_is_no_ratio_of_counts(count: int, per: int) -> None:
    with pytest.raises(ValueError, match="no ratio of counts"):
        ratio_of_counts(count, per=per)
