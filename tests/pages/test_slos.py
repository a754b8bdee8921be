import re
from datetime import timedelta

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from kpis.formatting import MINUS
from objectives import reading
from objectives.definitions import get_objectives
from people.access import set_limit
from people.models import Role
from tests.builders import NOW
from tests.kpis.builders import make_environment
from tests.objectives.builders import begin_counting, count
from tests.pages.page_content import words
from tests.people.builders import make_person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def section(client: Client, name: str, **query: str) -> str:
    """The text of one objective."""
    page = client.get("/slos/", query).content.decode()
    (found,) = re.findall(rf'<section class="panel slo" id="{name}".*?</section>', page, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", found).replace("\N{NARROW NO-BREAK SPACE}", " ").split())


@pytest.fixture
def counted_for_long(db: None) -> None:
    """Something of each objective was counted before its window began."""
    for objective in get_objectives():
        for environment in ("", "production", "staging"):
            begin_counting(objective, environment=environment)


@pytest.mark.usefixtures("counted_for_long")
def test_shows_what_is_left_how_fast_it_burns_and_when_it_was_spent(reader: Client) -> None:
    make_environment()
    count("ingest-availability", start=NOW - timedelta(days=2), good=99_950, total=100_000, minutes=15)

    text = section(reader, "ingest-availability")

    assert "50% of the budget left 20 min 10 s of 40 min 19 s" in text
    assert "Promised 99.9% Kept 99.95% Bad posts 50 All posts 100,000" in text
    assert "18 Jan 2026 – 15 Feb 2026. The highest is 20 min 10 s." in text  # noqa: RUF001
    assert "Last 3 d 0.5×" in text  # noqa: RUF001
    assert "13 Feb 2026 20 min 10 s 50 100,000" in text


@pytest.mark.usefixtures("counted_for_long")
@pytest.mark.parametrize(
    ("good", "back", "label"),
    [
        (100_000, 1, "Within budget"),
        (99_930, 100, "Within budget"),
        (99_920, 6000, "Little left"),
        (99_890, 6000, f"{MINUS}10% of the budget left"),
        (99_890, 6000, "Overspent"),
    ],
)
def test_judges_what_is_left(reader: Client, good: int, back: int, label: str) -> None:
    make_environment()
    count("ingest-availability", start=NOW - timedelta(minutes=back), good=good, total=100_000)

    assert label in section(reader, "ingest-availability")


def test_says_when_an_alert_fires(reader: Client) -> None:
    make_environment()
    count("ingest-availability", start=NOW - timedelta(minutes=2), good=980, total=1_000)
    count("ingest-availability", start=NOW - timedelta(days=9), good=999_999, total=999_999, minutes=15)

    assert "Burning fast" in section(reader, "ingest-availability")


def test_says_that_there_is_no_data_yet(reader: Client) -> None:
    make_environment()

    assert "No data yet" in section(reader, "workflow-success")


@pytest.mark.usefixtures("counted_for_long")
def test_says_that_there_is_no_data_in_the_window(reader: Client) -> None:
    make_environment()

    assert "No data yet" in section(reader, "workflow-success")


def test_says_since_when_it_counts_and_that_it_is_too_early(reader: Client) -> None:
    make_environment()
    count("kpi-freshness", start=NOW - timedelta(hours=1), good=5, total=6, environment="production")

    text = section(reader, "kpi-freshness")

    assert "Too early Minutes in which" in text
    assert (
        "Too early to say Counted since 15 Feb 2026, 11:00. The budget is judged once 3 d and 200 minutes are"
        " counted. Promised" in text
    )
    assert "Kept 83.333% Bad minutes 1 All minutes 6" in text
    assert "15 Feb 2026 \N{EN DASH} 1 6" in text
    assert "budget left" not in text
    assert "Spent by day" not in text


@pytest.mark.parametrize(
    ("hours", "total", "is_early"), [(72, 200, False), (72, 198, True), (71, 200, True), (71, 20_000, True)]
)
def test_it_is_too_early_until_enough_was_counted_for_three_days(
    reader: Client, hours: int, total: int, is_early: bool
) -> None:
    make_environment()
    begin_counting("kpi-freshness", start=NOW - timedelta(hours=hours), environment="production")
    count("kpi-freshness", start=NOW - timedelta(hours=9), good=1, total=total, environment="production")

    text = section(reader, "kpi-freshness")

    assert ("Too early to say" in text, "Overspent" in text) == (is_early, not is_early)
    assert "Counted since 12 Feb 2026" in text


def test_an_alert_that_fires_is_never_too_early(reader: Client) -> None:
    make_environment()
    count("ingest-availability", start=NOW - timedelta(minutes=2), good=50, total=100)

    text = section(reader, "ingest-availability")

    assert "Burning fast" in text
    assert "Too early to say" in text


@pytest.mark.usefixtures("counted_for_long")
def test_shows_one_environment_and_the_portal_itself(reader: Client) -> None:
    for name in ("production", "staging"):
        make_environment(name)
    count("workflow-success", start=NOW, good=1, total=20, environment="staging")

    assert "No data yet" in section(reader, "workflow-success")
    assert "Overspent" in section(reader, "workflow-success", environment="staging")


def test_an_environment_that_a_person_may_not_see_does_not_exist(client: Client) -> None:
    for name in ("production", "staging"):
        make_environment(name)
    person = make_person("eve", role=Role.VIEWER)
    set_limit(user=person, environments=["production"])
    client.force_login(person)

    assert client.get("/slos/?environment=staging").status_code == 404
    assert "staging" not in words(client, "/slos/")


def test_the_number_of_queries_does_not_depend_on_what_was_counted(
    reader: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_environment()
    reader.get("/slos/")
    for number in range(20):
        count("ingest-latency", start=NOW - timedelta(hours=number), good=1, total=2, minutes=15)

    with django_assert_num_queries(9):
        reader.get("/slos/")


def test_a_portal_without_objectives_says_nothing(reader: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    make_environment()
    monkeypatch.setattr(reading, "get_objectives", dict)

    page = reader.get("/slos/").content.decode()

    assert re.findall('data-dates="[^"]*"', page) == ['data-dates=""']
