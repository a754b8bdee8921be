"""Active users and sessions of a range and of the one before, from rows of days and, at its edges, of quarter hours."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pytest_django import DjangoAssertNumQueries

from kpis.distinct import code_of, pack
from kpis.models import StoredGranularity, UsersBucket
from kpis.reading.activity.users import compare_activity
from kpis.reading.periods import Range
from tests.builders import NOW
from tests.kpis.funnel_builders import make_funnel

pytestmark = pytest.mark.django_db

TODAY = datetime(2026, 2, 15, tzinfo=UTC)
ONE_DAY = timedelta(days=1)
WEEK = Range(start=TODAY - 6 * ONE_DAY, end=TODAY + ONE_DAY, zone=ZoneInfo("UTC"))
Numbers = tuple[int | None, int | None]


def make_users(
    *names: str, at: datetime, granularity: str = StoredGranularity.DAY, sessions: int = 0
) -> None:
    """Those who started sessions in the day, or the quarter hour, that begins at the moment."""
    if names:
        UsersBucket.objects.create(
            environment="production",
            granularity=granularity,
            period_start=at,
            sketch=pack(map(code_of, names)),
        )
    make_funnel(sessions or len(names), period_start=at, granularity=granularity)


def read(range: Range = WEEK, *, computed_until: datetime | None = NOW) -> tuple[Numbers, Numbers]:
    """(sessions, active users) of the range and of the one before."""
    found = compare_activity(environment="production", range=range, computed_until=computed_until)
    return tuple((one.sessions, one.active_users) for one in (found.current, found.previous))  # type: ignore[return-value]  # Two.


def test_counts_a_user_once_in_a_range() -> None:
    make_users("ada", "ben", at=TODAY, sessions=5)
    make_users("ada", "cleo", at=TODAY - 6 * ONE_DAY)
    make_users("dora", at=TODAY - 7 * ONE_DAY, sessions=3)

    assert read()[0] == (7, 3)


def test_compares_with_the_same_part_of_a_day() -> None:
    before = TODAY - 7 * ONE_DAY
    make_users("ada", at=before - ONE_DAY)
    make_users("late", at=before)
    base = StoredGranularity.BASE
    make_users("ben", at=before + timedelta(hours=12), granularity=base)
    make_users("late", at=before + timedelta(hours=12, minutes=15), granularity=base)

    assert read()[1] == (2, 2)


def test_tells_none_from_not_computed() -> None:
    tomorrow = Range(start=TODAY + ONE_DAY, end=TODAY + 2 * ONE_DAY, zone=WEEK.zone)

    assert read() == ((0, 0), (0, 0))
    assert read(tomorrow)[0] == (None, None)
    assert read(computed_until=None) == ((None, None), (None, None))


def test_does_not_know_the_users_where_no_session_names_one() -> None:
    make_users(at=TODAY, sessions=4)

    assert read()[0] == (4, None)


@pytest.mark.parametrize("days", [1, 90])
def test_reads_any_range_in_two_queries(days: int, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    range = Range(start=TODAY - days * ONE_DAY, end=TODAY, zone=WEEK.zone)

    with django_assert_num_queries(2):
        read(range)
