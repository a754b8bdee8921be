import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from pages.polling.fragments import fragments
from people.models import Role
from tests.builders import NOW
from tests.kpis.builders import make_environment
from tests.pages.page_content import words
from tests.people.builders import make_person
from tests.workbench.runs.builders import (
    decide,
    make_agent,
    make_approval,
    make_call,
    make_open_run,
    make_run,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture(autouse=True)
def nothing_is_remembered() -> None:
    fragments.forget()


@pytest.fixture
def operator(client: Client, db: None) -> Client:
    client.force_login(make_person("operator", role=Role.OPERATOR))
    return client


def row(client: Client, name: str = "r-1", **query: Any) -> str:
    """The text of a run's row."""
    page = client.get("/runs/", query).content.decode()
    (found,) = [
        part for part in re.findall(r'<tr class="row-.*?</tr>', page, re.DOTALL) if f'id="run-{name}"' in part
    ]
    return " ".join(
        re.sub(r"<title>.*?</title>|<[^>]+>", " ", found).replace("\N{NARROW NO-BREAK SPACE}", " ").split()
    )


def make_usual_runs() -> None:
    for number in range(20):
        make_run(f"usual-{number}", back=timedelta(days=1, minutes=number))


def test_a_row_says_what_the_run_is_at_and_what_is_unusual(operator: Client) -> None:
    make_environment()
    make_usual_runs()
    make_run(duration_ms=60_000)
    make_agent(cost_micro_usd=1_234_000)
    make_agent("a-2", status="failed")

    text = row(operator)

    assert text == (
        "Completed triage r-1 schedule 11:00:00 1 min slower than usual 2 1 failed $1.23 \N{EN DASH}"
    )


def test_a_run_without_completion_says_since_when_nothing_was_heard(operator: Client) -> None:
    make_environment()
    make_open_run("runs", started_at=None)
    make_open_run("silent", back=timedelta(hours=2))
    make_open_run("lost", back=timedelta(days=2))

    assert row(operator, "runs").startswith("Running inferred triage")
    assert row(operator, "silent").startswith("No news since 10:00:00 triage")
    assert row(operator, "lost").startswith("Never completed no news since 13 Feb, 12:00:00 triage")


def test_the_state_of_the_list_is_in_its_address(operator: Client) -> None:
    make_environment()
    make_run("bad", status="failed", error_type="Timeout")
    make_run("good")

    text = words(operator, "/runs/", not_status="completed", error="Timeout")

    assert "bad" in text
    assert "good" not in text
    assert "Status is not Completed" in text
    assert "Error type: Timeout" in text


@pytest.mark.parametrize(
    ("query", "address"),
    [
        ({"add": "workflow", "verb": "is", "value": "a b"}, "?workflow=a+b"),
        (
            {"add": "workflow", "verb": "not", "value": "x", "not_workflow": "y"},
            "?not_workflow=y&not_workflow=x",
        ),
        ({"add": "status", "verb": "is", "value": "Failed", "older": "1-1"}, "?status=failed"),
        ({"add": "longer", "verb": "not", "value": "2 h", "longer": "1 h"}, "?longer=2+h"),
        ({"add": "from", "verb": "is", "value": "2026-02-01", "range": "7d"}, "?from=2026-02-01"),
        ({"add": "trigger", "verb": "is", "value": " "}, "?"),
    ],
)
def test_the_form_adds_a_filter_to_the_address(operator: Client, query: dict[str, str], address: str) -> None:
    make_environment()

    assert operator.get("/runs/", query).headers["Location"] == f"/runs/{address}"


@pytest.mark.parametrize(
    "query",
    [
        {"status": "done"},
        {"longer": "soon"},
        {"from": "yesterday"},
        {"older": "x"},
        {"range": "1y"},
        {"id": "\x00"},
        {"from": "2026-02-02", "to": "2026-02-01"},
        {"from": "2026-02-30"},
        {"to": "9999-12-31T23:59:59-23:00"},
    ],
    ids=str,
)
def test_a_filter_that_cannot_be_read_is_said_and_left_out(operator: Client, query: dict[str, str]) -> None:
    make_environment()
    make_run()

    response = operator.get("/runs/", query)
    assert response.status_code == 400
    assert "All runs are shown instead" in response.content.decode()
    assert "run-r-1" in response.content.decode()


def test_a_page_leads_to_older_and_newer_runs(operator: Client) -> None:
    make_environment()
    for number in range(51):
        make_run(f"r-{number}", back=timedelta(minutes=number))
    older = re.search(r'id="page-older" href="([^"]+)"', operator.get("/runs/?range=7d").content.decode())
    assert older is not None

    page = operator.get("/runs/" + older[1].replace("&amp;", "&")).content.decode()

    assert re.findall(r'id="run-([^"]+)"', page) == ["r-50"]
    assert 'id="page-newest" href="?range=7d"' in page


def test_an_id_is_found_at_any_time(operator: Client) -> None:
    make_environment()
    make_run("old", back=timedelta(days=300))

    assert 'id="run-old"' not in operator.get("/runs/").content.decode()
    assert 'id="run-old"' in operator.get("/runs/?id=old").content.decode()


@pytest.mark.parametrize("name", ["a/b", "a b?c#d&e", "ü", ".", "..", "a\nb", "%2F", "-", "a/retry"])
def test_the_page_of_any_id_is_reached_by_its_link(operator: Client, name: str) -> None:
    make_environment()
    make_run(name)
    page = operator.get("/runs/").content.decode()
    link = re.search(r'<a id="run-[^"]*" href="([^"]+)"', page)
    assert link is not None

    answer = operator.get(link[1].replace("&amp;", "&"))

    assert answer.status_code == 200
    assert "triage" in answer.content.decode()


def test_a_run_that_was_erased_a_moment_ago_is_not_found(operator: Client) -> None:
    make_environment()
    run = make_run()
    assert operator.get("/runs/r-1/?part=live").status_code == 200
    run.delete()

    assert operator.get("/runs/r-1/").status_code == 404


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ANALYST])
@pytest.mark.parametrize("path", ["/runs/", "/runs/r-1/", "/runs/?part=live"])
def test_who_may_not_see_runs_is_told_so(client: Client, role: Role, path: str) -> None:
    make_environment()
    make_run()
    client.force_login(make_person("reader", role=role))

    assert client.get(path).status_code == 403
    assert 'href="/runs/"' not in client.get("/").content.decode()


def test_runs_of_another_environment_do_not_exist(client: Client) -> None:
    for name in ("production", "staging"):
        make_environment(name)
    make_run("secret", environment="staging")
    client.force_login(make_person("eve", role=Role.OPERATOR, environments=["production"]))

    for path in ("/runs/?environment=staging", "/runs/secret/?environment=staging", "/runs/secret/?"):
        assert client.get(path).status_code == 404
        assert client.get(f"{path}&part=live").status_code == 404


def test_a_fragment_that_another_person_asked_for_is_not_for_everybody(client: Client) -> None:
    for name in ("production", "staging"):
        make_environment(name)
    make_run("secret", environment="staging")
    client.force_login(make_person("root", role=Role.OPERATOR))
    assert client.get("/runs/secret/?environment=staging&part=live").status_code == 200
    client.force_login(make_person("eve", role=Role.OPERATOR, environments=["production"]))

    assert client.get("/runs/secret/?environment=staging&part=live").status_code == 404


def test_the_fragment_is_what_the_page_shows_and_304_while_it_stays_so(operator: Client) -> None:
    make_environment()
    make_run()
    page = operator.get("/runs/").content.decode()

    fragment = operator.get("/runs/?part=live")
    again = operator.get("/runs/?part=live", headers={"if-none-match": fragment["ETag"]})

    assert fragment.content.decode() in page
    assert (again.status_code, again.content) == (304, b"")
    # A run may begin at any moment.
    assert fragment["X-Active"] == "true"


def test_a_run_that_ends_is_in_the_next_fragment(operator: Client) -> None:
    make_environment()
    run = make_open_run()
    before = operator.get("/runs/r-1/?part=live")
    run.status, run.completed_at, run.error_type = "failed", NOW, "Timeout"
    run.save()
    fragments.forget()

    after = operator.get("/runs/r-1/?part=live", headers={"if-none-match": before["ETag"]})

    assert (before["X-Active"], after["X-Active"], after.status_code) == ("true", "false", 200)
    assert "Timeout" in after.content.decode()


def make_large_run(agents: int) -> None:
    make_run(status="failed", error_type="Timeout", trace_id="t 1", draft_id="d-1", retry_of_run_id="r-0")
    make_run("r-0", back=timedelta(hours=2))
    for number in range(agents):
        make_agent(f"a-{number}", calls=1, parent_span_id="span-a-0" if number else "", attempt=2)
        make_call(f"a-{number}", parent_span_id=f"span-a-{number}")
    decide(make_approval())


def test_the_page_of_a_run_tells_all_of_it(operator: Client, settings: Settings) -> None:
    settings.TRACE_URL_TEMPLATE = "https://traces.example.com/{trace_id}?x=1"
    make_environment()
    make_large_run(2)

    text = words(operator, "/runs/r-1/")

    for part in (
        "Failed Timeout Retry of r-0",
        "Session s-1",
        "Draft d-1",
        "attempt 2",
        "Approval: refund approved",
    ):
        assert part in text
    assert "Error: Timeout" in text
    assert "1 in the last 14 days" in text
    assert 'href="https://traces.example.com/t%201?x=1"' in operator.get("/runs/r-1/").content.decode()
    assert "Retried by r-1 failed" in words(operator, "/runs/r-0/")


def test_a_trace_is_shown_without_a_link_where_no_place_is_set(operator: Client) -> None:
    make_environment()
    make_run(trace_id="t-1")

    page = operator.get("/runs/r-1/").content.decode()

    assert "t-1" in page
    assert "trace-link" not in page


@pytest.mark.parametrize("path", ["/runs/", "/runs/r-1/"])
def test_has_no_inline_script_or_style(operator: Client, path: str) -> None:
    make_environment()
    make_large_run(3)

    page = operator.get(path).content.decode()

    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*src=)", page)


@pytest.mark.parametrize("runs", [1, 20])
def test_the_list_takes_a_fixed_number_of_queries(
    operator: Client, runs: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_environment()
    for number in range(runs):
        make_run(f"r-{number}", workflow_name=f"w-{number}")

    # Session, user, two of rights, environments, the person's limit; runs, two of totals, usual; suggestions.
    with django_assert_num_queries(11):
        operator.get("/runs/")


@pytest.mark.parametrize("agents", [1, 200])
def test_a_run_takes_a_fixed_number_of_queries(
    operator: Client, agents: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_environment()
    make_large_run(agents)

    # Six as above; 20 of the run; whether a retry is on its way; the run once more, for what differs by person.
    with django_assert_num_queries(30):
        operator.get("/runs/r-1/")


def test_greets_an_empty_portal_with_what_to_do(operator: Client) -> None:
    assert "create_key --scope ingest" in words(operator, "/runs/")
