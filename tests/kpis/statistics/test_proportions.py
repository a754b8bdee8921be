"""Wilson's interval, held against published tables."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpis.statistics.proportions import wilson

# R. G. Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3.
NEWCOMBE = [
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0, 0.1611),
    (1, 29, 0.0061, 0.1718),
]
# A. Agresti, "Categorical Data Analysis", 3rd edition (2013), section 1.4.3: vegetarians in a class.
AGRESTI = (0, 25, 0.0, 0.133)
PROPORTIONS = st.integers(1, 5_000).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials)))


@pytest.mark.parametrize(("successes", "trials", "low", "high"), [*NEWCOMBE, AGRESTI])
def test_is_the_interval_of_the_published_tables(
    successes: int, trials: int, low: float, high: float
) -> None:
    interval = wilson(successes, trials=trials)

    assert (interval.low, interval.high) == (pytest.approx(low, abs=5e-4), pytest.approx(high, abs=5e-4))


@given(PROPORTIONS)
def test_holds_the_proportion_and_stays_between_0_and_1(counts: tuple[int, int]) -> None:
    successes, trials = counts

    interval = wilson(successes, trials=trials)

    assert interval.low is not None
    assert interval.high is not None
    assert 0 <= interval.low <= successes / trials <= interval.high <= 1


@given(PROPORTIONS)
def test_of_failures_it_is_mirrored(counts: tuple[int, int]) -> None:
    successes, trials = counts
    of_successes, of_failures = wilson(successes, trials=trials), wilson(trials - successes, trials=trials)

    assert of_successes.low == pytest.approx(1 - (of_failures.high or 0), abs=1e-12)


@given(PROPORTIONS, st.integers(2, 50))
def test_becomes_narrower_with_more_trials_of_the_same_proportion(
    counts: tuple[int, int], times: int
) -> None:
    successes, trials = counts
    few, many = wilson(successes, trials=trials), wilson(successes * times, trials=trials * times)

    assert (many.high or 0) - (many.low or 0) < (few.high or 0) - (few.low or 0)


@pytest.mark.parametrize("trials", [1, 7, 1_000_000])
def test_none_and_all_have_an_end_that_is_exact(trials: int) -> None:
    assert (wilson(0, trials=trials).low, wilson(trials, trials=trials).high) == (0.0, 1.0)


@pytest.mark.parametrize(("successes", "trials"), [(-1, 5), (6, 5), (0, 0)])
def test_refuses_what_is_no_proportion(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        wilson(successes, trials=trials)


def coverage(proportion: float, *, trials: int) -> float:
    """The probability that the interval holds the true proportion: computed, not simulated."""
    return math.fsum(
        math.comb(trials, successes) * proportion**successes * (1 - proportion) ** (trials - successes)
        for successes in range(trials + 1)
        for interval in [wilson(successes, trials=trials)]
        if (interval.low or 0) <= proportion <= (interval.high or 0)
    )


@pytest.mark.parametrize("trials", [5, 20, 100])
def test_holds_the_true_proportion_in_95_of_100_cases_on_average(trials: int) -> None:
    """As A. Agresti and B. A. Coull found it for 5 to 100 trials: The American Statistician 52 (1998) 119-126."""
    coverages = [coverage(step / 200, trials=trials) for step in range(1, 200)]

    assert 0.945 < sum(coverages) / len(coverages) < 0.965
    # Close to 0 and 1 it is lower for a few proportions, which they found too.
    assert min(coverages) > 0.82
