from datetime import date, datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from objectives.definitions import get_objectives
from objectives.reading import BudgetReading, read_budgets
from tests.builders import NOW
from tests.objectives.builders import begin_counting, count

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def read(name: str, *, environment: str = "", now: datetime = NOW) -> BudgetReading:
    readings = read_budgets(environments=["production"], now=now)
    (found,) = [one for one in readings if (one.objective.name, one.environment) == (name, environment)]
    return found


def rates(reading: BudgetReading) -> dict[int, float | None]:
    return {burn.minutes: burn.rate for burn in reading.burn_rates}


def test_lists_those_of_the_portal_and_of_each_environment() -> None:
    readings = read_budgets(environments=["production", "staging"], now=NOW)

    places = [(reading.objective.name, reading.environment) for reading in readings]
    assert places[:4] == [
        ("ingest-availability", ""),
        ("ingest-latency", ""),
        ("kpi-freshness", "production"),
        ("kpi-freshness", "staging"),
    ]
    assert len(places) == 2 + 4 * 2


def test_what_is_left_is_what_was_not_bad_of_the_budget() -> None:
    count("ingest-availability", start=NOW - MINUTE, good=9_996, total=10_000)

    reading = read("ingest-availability")

    assert (reading.good, reading.total, reading.bad_ratio) == (9_996, 10_000, pytest.approx(0.0004))
    assert reading.budget_left == pytest.approx(0.6)
    assert reading.budget_minutes == pytest.approx(40.32)
    assert reading.minutes_left == pytest.approx(24.192)


def test_a_budget_can_be_overspent() -> None:
    count("ingest-availability", start=NOW - MINUTE, good=998, total=1_000)

    assert read("ingest-availability").budget_left == pytest.approx(-1)


def test_without_anything_there_is_no_budget_to_judge() -> None:
    reading = read("ingest-availability")

    assert (reading.total, reading.bad_ratio, reading.budget_left, reading.minutes_left) == (
        0,
        None,
        None,
        None,
    )
    assert set(rates(reading).values()) == {None}
    assert {day.spent_minutes for day in reading.days} == {0}


def test_a_window_begins_with_the_minute_so_long_ago() -> None:
    for back, bad in ((0, 1), (5, 2), (6, 4)):
        count("ingest-latency", start=NOW - back * MINUTE, good=100 - bad, total=100)

    found = rates(read("ingest-latency", now=NOW + timedelta(seconds=59)))

    # Of a budget of 1 %.
    assert (found[5], found[30]) == (pytest.approx(1.5), pytest.approx(7 / 3))


def test_the_window_of_the_objective_takes_quarter_hours_too() -> None:
    edge = NOW - 28 * DAY
    for start in (edge, edge - timedelta(minutes=15)):
        count("ingest-latency", start=start, good=1, total=2, minutes=15)
    count("ingest-latency", start=NOW, good=2, total=2)

    reading = read("ingest-latency")

    assert (reading.good, reading.total) == (3, 4)


def test_days_are_days_of_the_reporting_zone(settings: Settings) -> None:
    settings.REPORTING_TIME_ZONE = "Asia/Kathmandu"
    midnight = NOW.replace(hour=18, minute=15) - DAY
    count("kpi-freshness", start=midnight - MINUTE, good=0, total=1, environment="production")
    count("kpi-freshness", start=midnight, good=0, total=3, environment="production")

    days = {day.date: day for day in read("kpi-freshness", environment="production").days}

    assert (days[date(2026, 2, 14)].total, days[date(2026, 2, 15)].total) == (1, 3)
    assert (min(days), max(days), len(days)) == (date(2026, 1, 18), date(2026, 2, 15), 29)


def test_a_bad_minute_of_a_window_that_was_seen_as_a_whole_spends_a_minute() -> None:
    window = 28 * 1440
    count("kpi-freshness", start=NOW - MINUTE, good=window - 7, total=window, environment="production")

    (today,) = [day for day in read("kpi-freshness", environment="production").days if day.total]

    assert today.spent_minutes == pytest.approx(7)


@pytest.mark.parametrize(
    ("begun", "total", "is_early"),
    [
        (timedelta(days=29), 1_000, False),
        (timedelta(days=29), 999, True),
        (timedelta(days=3), 999, False),
        (timedelta(days=3), 998, True),
        (timedelta(days=3) - MINUTE, 1_000_000, True),
    ],
)
def test_a_budget_is_not_judged_by_too_little_or_too_short_a_time(
    begun: timedelta, total: int, is_early: bool
) -> None:
    """Of less than 1,000 posts a single bad one would overspend it. A beginning within the window counts itself."""
    begin_counting("ingest-availability", start=NOW - begun)
    count("ingest-availability", start=NOW, good=0, total=total)

    reading = read("ingest-availability", now=NOW + timedelta(seconds=59))

    assert reading.is_early is is_early
    assert reading.budget_left == pytest.approx(-999, rel=0.01)


@pytest.mark.parametrize(
    ("begun", "since"), [(29 * DAY, 28 * DAY), (28 * DAY, 28 * DAY), (DAY, DAY), (timedelta(), timedelta())]
)
def test_is_counted_since_the_windows_beginning_or_the_first_count(
    begun: timedelta, since: timedelta
) -> None:
    begin_counting("workflow-success", start=NOW - begun, environment="production")
    begin_counting("workflow-success", environment="staging")

    assert read("workflow-success", environment="production").counted_since == NOW - since


def test_what_was_never_counted_has_no_beginning_and_is_early() -> None:
    reading = read("workflow-success", environment="production")

    assert (reading.counted_since, reading.is_early) == (None, True)


@pytest.mark.parametrize(
    ("short_bad", "long_bad", "total", "burning"),
    [
        # 2 % of the budget within an hour: more than 1.344 % bad.
        (14, 14, 1000, [60]),
        (13, 13, 1000, []),
        (14, 0, 1000, []),
        (0, 30, 1000, []),
        (2, 2, 98, []),
    ],
)
def test_burns_as_the_alert_says(short_bad: int, long_bad: int, total: int, burning: list[int]) -> None:
    half = total // 2
    count("ingest-availability", start=NOW - MINUTE, good=half - short_bad // 2, total=half)
    count("ingest-availability", start=NOW - 40 * MINUTE, good=half - long_bad // 2, total=half)
    # Six hours and more are full of good ones.
    count("ingest-availability", start=NOW - 100 * MINUTE, good=20_000, total=20_000)

    assert [window.long_minutes for window in read("ingest-availability").burning] == burning


@pytest.mark.parametrize(
    ("counted", "bad", "burning"), [(12, 2, []), (12, 12, [60, 360]), (400, 10, [60]), (400, 11, [60, 360])]
)
def test_a_young_portal_burns_by_as_many_bad_minutes_as_an_old_one(
    counted: int, bad: int, burning: list[int]
) -> None:
    """5 % of the budget of 201.6 minutes are ten minutes, whatever their share of the first twelve."""
    for back in range(counted):
        is_good = int(back >= bad)
        count("kpi-freshness", start=NOW - back * MINUTE, good=is_good, total=1, environment="production")

    found = read("kpi-freshness", environment="production").burning

    assert sorted(w.long_minutes for w in found if w.severity == "page") == sorted(burning)


def test_the_number_of_queries_does_not_depend_on_what_was_counted(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for number, name in enumerate(get_objectives()):
        count(name, start=NOW - number * DAY, good=1, total=1, environment="production", minutes=15)

    with django_assert_num_queries(3):
        read_budgets(environments=["production", "staging"], now=NOW)
