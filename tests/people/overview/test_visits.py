"""A visit is over 30 minutes after its last look; the mark moves then and not before."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.cache.backends.base import BaseCache
from pytest_django import DjangoAssertNumQueries, Settings

from people.models import OverviewVisit
from people.overview.visits import NOTED_EVERY, VISIT_GAP, keep_visits, previous_visit, read_note
from tests.builders import NOW
from tests.people.builders import make_person

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)


@pytest.fixture
def ada() -> User:
    return make_person("ada")


def look(
    user: User, *, at: datetime, environment: str = "production", is_look: bool = True
) -> datetime | None:
    return previous_visit(user, environment=environment, now=at, is_look=is_look)


def test_there_is_nothing_before_the_first_visit(ada: User) -> None:
    assert look(ada, at=NOW) is None
    assert look(ada, at=NOW + VISIT_GAP) is None


def test_a_look_after_the_gap_begins_a_visit(ada: User) -> None:
    look(ada, at=NOW)

    assert look(ada, at=NOW + VISIT_GAP + SECOND) == NOW


def test_the_mark_stays_during_a_visit_however_long(ada: User) -> None:
    look(ada, at=NOW)
    begin = NOW + timedelta(days=3)

    found = [look(ada, at=begin + number * VISIT_GAP) for number in range(5)]

    assert found == [NOW] * 5
    assert look(ada, at=begin + 5 * VISIT_GAP + SECOND) == begin + 4 * VISIT_GAP


def test_each_environment_and_each_person_has_visits_of_its_own(ada: User) -> None:
    look(ada, at=NOW)
    later = NOW + timedelta(days=1)

    assert look(ada, at=later, environment="demo") is None
    assert look(make_person("ben"), at=later) is None
    assert look(ada, at=later) == NOW


@pytest.mark.parametrize(("after", "is_noted"), [(NOTED_EVERY - SECOND, False), (NOTED_EVERY, True)])
def test_notes_a_look_at_most_once_a_minute(ada: User, after: timedelta, *, is_noted: bool) -> None:
    look(ada, at=NOW)

    look(ada, at=NOW + after)

    assert read_note(ada.pk) == {"production": (NOW + after if is_noted else NOW, None)}


def test_what_is_no_look_reads_and_notes_nothing(ada: User) -> None:
    later = NOW + timedelta(days=1)
    look(ada, at=NOW, is_look=False)
    assert read_note(ada.pk) == {}
    look(ada, at=NOW)

    assert look(ada, at=later, is_look=False) == NOW
    assert read_note(ada.pk) == {"production": (NOW, None)}


def test_a_page_asks_once_at_most_and_writes_nothing(
    ada: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        look(ada, at=NOW)
    with django_assert_num_queries(0):
        look(ada, at=NOW + timedelta(days=1))


def kept() -> list[tuple[str, datetime, datetime | None]]:
    rows = OverviewVisit.objects.order_by("environment")
    return list(rows.values_list("environment", "last_looked_at", "previous_visit_at"))


def test_keeps_what_was_noted_also_where_the_cache_is_lost(ada: User) -> None:
    begin = NOW + timedelta(days=1)
    for at in (NOW, begin):
        look(ada, at=at)
        keep_visits()
        keep_visits()
    look(ada, at=NOW, environment="demo")
    keep_visits()
    cache.clear()

    assert kept() == [("demo", NOW, None), ("production", begin, NOW)]
    assert look(ada, at=begin + VISIT_GAP) == NOW


def test_keeps_visits_in_three_queries_at_most(
    ada: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    look(ada, at=NOW)
    look(make_person("ben"), at=NOW)

    # The savepoint of the insert is two more.
    with django_assert_max_num_queries(5):
        keep_visits()


def test_shows_the_page_where_the_cache_is_away(ada: User, settings: Settings) -> None:
    settings.CACHES = {"default": {"BACKEND": "tests.people.overview.test_visits.CacheThatIsAway"}}

    assert look(ada, at=NOW) is None


class CacheThatIsAway(BaseCache):
    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        raise ConnectionError

    def set(self, *args: Any, **kwargs: Any) -> None:
        raise ConnectionError
