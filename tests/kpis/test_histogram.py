import itertools
import math
from collections import Counter

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kpis.compute import measures
from kpis.histogram import GAMMA, ZERO_BIN, bin_bounds, bin_of, estimate, merge, percentiles
from workbench.dialect import current

SECOND = 1_000_000
DAYS_30 = 30 * 24 * 3600 * SECOND
FRACTIONS = (0.0, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
DURATIONS = st.one_of(st.integers(1, DAYS_30), st.integers(0, 10_000), st.sampled_from([0, SECOND]))


def exact(durations: list[int], fraction: float) -> float:
    """Seconds, by PostgreSQL's definition of percentile_cont."""
    ordered = sorted(durations)
    position = (len(ordered) - 1) * fraction
    below, above = ordered[math.floor(position)], ordered[math.ceil(position)]
    return (below + (above - below) * (position - math.floor(position))) / SECOND


@pytest.mark.parametrize(
    ("microseconds", "expected"),
    [
        pytest.param(0, ZERO_BIN, id="zero"),
        pytest.param(1, -767, id="the shortest above zero"),
        pytest.param(SECOND, 0, id="the end of bin 0"),
        pytest.param(SECOND + 1, 1, id="the start of bin 1"),
        pytest.param(int(GAMMA * SECOND), 1, id="the end of bin 1"),
        pytest.param(DAYS_30, 821, id="30 days"),
    ],
)
def test_a_duration_falls_into_the_bin_that_ends_with_it(microseconds: int, expected: int) -> None:
    assert bin_of(microseconds) == expected


@pytest.mark.parametrize("power", [-300, -100, -1, 0, 1, 100, 800])
def test_a_bin_includes_its_upper_bound_and_not_its_lower(power: int) -> None:
    bound = GAMMA**power * SECOND

    assert bin_of(math.floor(bound)) == power
    assert bin_of(math.floor(bound) + 1) == power + 1


def test_refuses_a_negative_duration() -> None:
    with pytest.raises(ValueError, match="negative"):
        bin_of(-1)


@given(DURATIONS)
def test_a_duration_and_its_estimate_are_within_the_bounds_of_the_bin(microseconds: int) -> None:
    low, high = bin_bounds(bin_of(microseconds))

    # The logarithm may round a duration at a bound into the next bin.
    assert low * (1 - 1e-12) <= microseconds / SECOND <= high * (1 + 1e-12)
    assert low <= estimate(bin_of(microseconds)) <= high


@given(DURATIONS)
def test_an_estimate_is_within_one_percent(microseconds: int) -> None:
    assert abs(estimate(bin_of(microseconds)) - microseconds / SECOND) <= 0.01 * microseconds / SECOND


@given(st.lists(DURATIONS, min_size=1, max_size=60))
def test_percentiles_are_within_one_percent_of_the_exact_ones(durations: list[int]) -> None:
    found = percentiles(Counter(map(bin_of, durations)), FRACTIONS)
    for fraction, value in zip(FRACTIONS, found, strict=True):
        truth = exact(durations, fraction)
        assert value is not None
        assert abs(value - truth) <= 0.01 * truth + 1e-12


@given(st.lists(DURATIONS, min_size=1, max_size=60))
def test_percentiles_never_fall_with_the_fraction(durations: list[int]) -> None:
    found = [value or 0.0 for value in percentiles(Counter(map(bin_of, durations)), FRACTIONS)]

    assert all(left <= right * (1 + 1e-12) for left, right in itertools.pairwise(found))


@pytest.mark.parametrize(
    ("histogram", "fraction", "expected"),
    [
        pytest.param({0: 1}, 0.5, estimate(0), id="one duration"),
        pytest.param({0: 2, 100: 1}, 0.5, estimate(0), id="the middle one is short"),
        pytest.param({0: 1, 100: 2}, 0.5, estimate(100), id="the middle one is long"),
        pytest.param({0: 1, 100: 1}, 0.5, (estimate(0) + estimate(100)) / 2, id="between two"),
        pytest.param({ZERO_BIN: 1, 0: 1}, 0.5, estimate(0) / 2, id="between zero and another"),
        pytest.param({ZERO_BIN: 3}, 0.99, 0.0, id="all of them zero"),
        pytest.param({-5: 1, 0: 1, 5: 1}, 0.0, estimate(-5), id="the shortest"),
        pytest.param({-5: 1, 0: 1, 5: 1}, 1.0, estimate(5), id="the longest"),
    ],
)
def test_between_two_neighbours_it_interpolates(
    histogram: dict[int, int], fraction: float, expected: float
) -> None:
    assert percentiles(histogram, [fraction]) == [pytest.approx(expected)]


def test_an_empty_histogram_has_no_percentiles() -> None:
    assert percentiles({}, [0.5, 0.9]) == [None, None]


HISTOGRAMS = st.dictionaries(st.integers(-5, 5), st.integers(1, 3))


@given(HISTOGRAMS, HISTOGRAMS, HISTOGRAMS)
def test_merges_in_any_grouping_and_order_are_the_same(
    a: dict[int, int], b: dict[int, int], c: dict[int, int]
) -> None:
    assert merge([merge([a, b]), c]) == merge([a, merge([b, c])]) == merge([c, b, a])
    assert merge([a, b, c]) == Counter(a) + Counter(b) + Counter(c)


def test_a_merge_leaves_what_it_merges() -> None:
    histogram = {1: 1}

    merged = merge([histogram, histogram])

    assert merged == {1: 2}
    assert histogram == {1: 1}


def test_a_merge_of_nothing_is_empty() -> None:
    assert merge([]) == {}


def bins_in_sql(durations: list[int | None]) -> list[int | None]:
    """kpis.compute.measures.bin_expression over the durations, in one query."""
    rows = ", ".join(
        f"({place}, {'NULL' if duration is None else duration})" for place, duration in enumerate(durations)
    )
    names = "durations(place, duration)" if connection.vendor == "postgresql" else "durations"
    columns = (
        "place, duration" if connection.vendor == "postgresql" else "column1 AS place, column2 AS duration"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {measures.bin_expression('CAST(duration AS bigint)', dialect=current())}"
            f" FROM (SELECT {columns} FROM (VALUES {rows}) AS {names}) AS listed ORDER BY place"
        )
        return [None if found is None else int(found) for (found,) in cursor.fetchall()]


@pytest.mark.django_db
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(DURATIONS, min_size=1, max_size=50))
def test_the_bin_in_sql_is_the_bin_in_python(durations: list[int]) -> None:
    assert bins_in_sql([*durations]) == [bin_of(duration) for duration in durations]


@pytest.mark.django_db
def test_the_bin_in_sql_is_the_bin_in_python_at_every_bound() -> None:
    bounds = {math.floor(GAMMA**power * SECOND) + step for power in range(-766, 822) for step in (0, 1)}
    durations = sorted(bounds)

    assert bins_in_sql([*durations]) == [bin_of(duration) for duration in durations]


@pytest.mark.django_db
def test_an_unknown_or_negative_duration_has_no_bin() -> None:
    assert bins_in_sql([None, -1, 0]) == [None, None, ZERO_BIN]
