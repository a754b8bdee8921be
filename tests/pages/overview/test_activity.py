"""Active users and sessions in words."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from kpis.formatting import DASH
from kpis.reading.activity.users import ActivityComparison, RangeActivity
from kpis.reading.periods import recent_days
from pages.overview.activity import activity_texts
from tests.builders import NOW
from tests.kpis.builders import make_bucket, make_environment
from tests.kpis.reading.activity.test_users import make_users
from tests.pages.page_content import words


def activity(*, sessions: int | None, users: int | None) -> RangeActivity:
    return RangeActivity(
        environment="production",
        range=recent_days(7, zone=ZoneInfo("UTC"), now=NOW),
        computed_until=NOW,
        sessions=sessions,
        active_users=users,
    )


# (sessions, users) → what is said of users.
SAID = {
    (1_500, 100): ("100", "Different users who started a session"),
    (1_500, 1_240): ("about 1,240", "Different users who started a session, estimated within 2%"),
    (0, 0): ("0", "Different users who started a session"),
    (4, None): ("–", "No session named its user"),  # noqa: RUF001
    (None, None): ("–", "Not computed yet"),  # noqa: RUF001
}


@pytest.mark.parametrize(("numbers", "said"), SAID.items(), ids=str)
def test_says_how_many_and_how_sure_it_is(
    numbers: tuple[int | None, int | None], said: tuple[str, str]
) -> None:
    current = activity(sessions=numbers[0], users=numbers[1])

    comparison = ActivityComparison(current=current, previous=activity(sessions=0, users=0))
    users, _ = activity_texts(comparison, begin=comparison.previous.range.start)

    assert (users.value, users.note, users.before) == (*said, "0")


def test_says_nothing_of_a_time_before_the_figures_begin() -> None:
    comparison = ActivityComparison(
        current=activity(sessions=4, users=2), previous=activity(sessions=0, users=0)
    )
    end = comparison.previous.range.end

    shown = [
        [figure.before for figure in activity_texts(comparison, begin=begin)]
        for begin in (None, end, end - timedelta(days=1))
    ]

    assert shown == [[DASH, DASH], [DASH, DASH], ["0", "0"]]


@pytest.mark.django_db
@pytest.mark.usefixtures("clock")
def test_stands_on_the_overview(reader: Client) -> None:
    make_environment()
    today = NOW.replace(hour=0)
    make_users("ada", "ben", at=today, sessions=1_200)
    make_users("ada", at=today - timedelta(days=8))
    make_bucket("approval-rate", period_start=today - timedelta(days=8))

    assert "Active users 2 1 before Sessions 1,200 1 before" in words(reader, "/", range="7d")
