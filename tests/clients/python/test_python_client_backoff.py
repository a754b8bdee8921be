from datetime import UTC, datetime

import pytest
from workbench_analytics.backoff import Backoff, parse_retry_after

NOW = datetime(2026, 2, 2, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("attempt", "bound"), [(0, 0.5), (1, 1), (2, 2), (5, 16), (6, 30), (7, 30), (100_000, 30)]
)
def test_the_bound_doubles_up_to_the_longest(attempt, bound):
    assert Backoff(first_seconds=0.5, longest_seconds=30).bound(attempt) == bound


def test_waits_any_time_up_to_the_bound():
    waits = [Backoff(first_seconds=1, longest_seconds=8).seconds(2) for _ in range(2_000)]

    assert 0 <= min(waits) < 0.1
    assert 3.9 < max(waits) <= 4


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("nan", None),
        ("0", 0),
        ("5", 5),
        ("3600", 3600),
        ("3601", 3600),
        ("1e400", 3600),
        ("Mon, 02 Feb 2026 10:00:30 GMT", 30),
        ("Mon, 02 Feb 2026 10:00:30 -0000", 30),
        ("Mon, 02 Feb 2026 09:00:00 GMT", 0),
        ("Tue, 03 Feb 2026 10:00:00 GMT", 3600),
        ("Mon, 99 Feb 2026 10:00:00 GMT", None),
    ],
)
def test_reads_retry_after(value, seconds):
    assert parse_retry_after(value, now=NOW) == seconds
