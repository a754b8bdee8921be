from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pytest_django import DjangoAssertNumQueries

from kpis.changed import days
from kpis.changed.days import NotedFigures, changed_days, changes_within
from kpis.models import LaterChange
from kpis.reading.periods import Range
from kpis.registry import REGISTRY
from tests.builders import NOW
from tests.kpis.builders import make_later_change

pytestmark = pytest.mark.django_db

RATE = REGISTRY["template-suggestion-rate"]
TENTH = date(2026, 2, 10)


def february(first: int, end: int) -> Range:
    start, stop = (datetime(2026, 2, day, tzinfo=UTC) for day in (first, end))
    return Range(start=start, end=stop, zone=ZoneInfo("UTC"))


def found(range: Range, **fields: Any) -> list[date]:
    changes, _ = changes_within(RATE, environment="production", range=range)
    return [change.date for change in changes]


def test_reads_the_days_of_the_range_the_newest_first(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for day in (8, 9, 10, 11):
        make_later_change(date=date(2026, 2, day))
    make_later_change(kpi="approval-rate")
    make_later_change(environment="staging")

    with django_assert_num_queries(1):
        assert found(february(9, 11)) == [TENTH, date(2026, 2, 9)]


def test_gives_durations_and_costs_in_seconds_and_dollars() -> None:
    make_later_change("execution-cost", numerator_before=1_500_000, denominator_before=2, value_before=1.5)

    ((change,), _) = changes_within(
        REGISTRY["execution-cost"], environment="production", range=february(1, 20)
    )

    assert change.before == NotedFigures(numerator=1.5, denominator=2, value=1.5)


@pytest.mark.parametrize(("rows", "has_more"), [(2, False), (3, True)])
def test_says_that_there_are_more(rows: int, has_more: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(days, "MOST_CHANGES", 2)
    for number in range(rows):
        make_later_change(date=TENTH - timedelta(days=number))

    changes, more = changes_within(RATE, environment="production", range=february(1, 20))

    assert (len(changes), more) == (2, has_more)


def test_a_day_goes_from_its_first_figures_to_its_last() -> None:
    make_later_change(numerator_before=1, numerator_after=2)
    make_later_change(
        numerator_before=2, numerator_after=4, cause="erasure", first_changed_at=NOW + timedelta(hours=1)
    )
    make_later_change(
        numerator_before=4,
        numerator_after=3,
        first_changed_at=NOW + timedelta(hours=2),
        last_changed_at=NOW + timedelta(hours=3),
    )
    changes, _ = changes_within(RATE, environment="production", range=february(1, 20))

    (day,) = changed_days(changes)

    assert (day.date, day.first_shown.numerator, day.now.numerator) == (TENTH, 1, 3)
    assert (list(day.causes), day.last_changed_at) == (["late_events", "erasure"], NOW + timedelta(hours=3))
    assert LaterChange.objects.count() == 3
