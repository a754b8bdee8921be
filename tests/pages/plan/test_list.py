import re

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from people.models import Role
from telemetry.plan import get_plan
from tests.kpis.builders import make_environment
from tests.pages.page_content import words
from tests.people.builders import make_person
from tests.telemetry.quality.builders import CREATED, days_ago, make_clock, make_part, make_sent

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def events_in(client: Client, **query: str) -> list[str]:
    page = client.get("/plan/", query).content.decode()
    return re.findall(r'class="event-name">(?:<a [^>]*>)?([^<]*)', page)


def test_names_the_client_version_that_sends_rejected_events(reader: Client) -> None:
    make_environment()
    make_sent(300, client="workbench-web/2.4")
    make_sent(6, client="workbench-web/1.9")
    make_sent(4, "not_in_enum", client="workbench-web/1.9")

    text = words(reader, "/plan/")

    assert "workbench-web/1.9 web 6 4 40% not_in_enum workbench-web/2.4 web 300 0" in text


def test_the_overview_leads_to_the_plan(reader: Client) -> None:
    make_environment()

    assert 'href="/plan/"' in reader.get("/").content.decode()


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"show": "problems"}, [CREATED, "a.unknown"]),
        ({"show": "unplanned"}, ["a.unknown"]),
        ({"code": "not_in_enum"}, [CREATED]),
        ({"q": "UNKNOWN_EVENT"}, ["a.unknown"]),
        ({"q": "hasAttachment"}, ["workbench.chat_message_sent"]),
        ({"q": "draft created"}, [CREATED]),
        ({"group": "workflow"}, ["workflow.created"]),
        ({"q": "no such thing"}, []),
    ],
)
def test_is_narrowed_by_what_is_in_the_url(reader: Client, query: dict[str, str], names: list[str]) -> None:
    make_environment()
    make_sent(1, "not_in_enum")
    make_sent(1, "unknown_event", event="a.unknown")

    assert events_in(reader, **query) == names


def test_events_that_are_complete_are_not_among_those_never_sent(reader: Client) -> None:
    make_environment()
    make_part(1)
    for part in get_plan().events[CREATED].properties:
        make_part(1, part.name)

    assert CREATED not in events_in(reader, show="unsent")
    assert len(events_in(reader, show="unsent")) == len(get_plan().events) - 1


def test_is_sorted_by_the_column_of_the_url(reader: Client) -> None:
    make_environment()
    make_sent(2, event="workbench.session_ended")
    make_sent(3, event="workflow.created")

    assert events_in(reader, sort="-accepted")[:2] == ["workflow.created", "workbench.session_ended"]
    assert events_in(reader)[0] == "workbench.session_started"


@pytest.mark.parametrize(
    "query", [{"show": "x"}, {"code": "x"}, {"sort": "x"}, {"source": "\0"}, {"environment": "x"}]
)
def test_does_not_find_what_there_is_not(reader: Client, query: dict[str, str]) -> None:
    make_environment()

    assert reader.get("/plan/", query).status_code == 404


def test_says_since_when_it_counts_if_that_is_within_the_range(reader: Client) -> None:
    make_environment()
    make_part(1, day=days_ago(2))

    assert "Counted since 13 Feb 2026" in words(reader, "/plan/")
    assert "Counted since" not in words(reader, "/plan/?from=2026-02-14")


def test_marks_a_source_whose_clock_is_ahead(reader: Client) -> None:
    make_environment()
    make_clock(99, 5)
    make_clock(1, 60)

    assert "web 100 1% clock ahead 99% 0% 0%" in words(reader, "/plan/")


def test_a_limited_person_sees_only_their_environment(client: Client) -> None:
    make_environment("production")
    make_environment("staging")
    make_sent(7, "bad_id", environment="staging", client="secret-app/1")
    client.force_login(make_person("limited", role=Role.VIEWER, environments=["production"]))

    assert "secret-app" not in words(client, "/plan/")
    assert client.get("/plan/", {"environment": "staging"}).status_code == 404


@pytest.mark.parametrize("number", [1, 40])
def test_asks_as_many_queries_however_much_came(
    reader: Client, number: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_environment()
    for index in range(number):
        make_sent(1, client=f"app/{index}")
        make_sent(1, "unknown_event", event=f"a.name{index}", day=days_ago(index % 28))
        make_part(1, event=f"a.name{index}")

    # Session, user, two of rights, environments, the person's limit; rows, series, parts, clocks; freshness.
    with django_assert_num_queries(11):
        reader.get("/plan/")
