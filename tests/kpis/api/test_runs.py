from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from people.models import Role
from tests.builders import issue_key
from tests.kpis.builders import make_environment
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


@pytest.fixture
def operator(client: Client, db: None) -> Client:
    client.force_login(make_person("operator", role=Role.OPERATOR))
    return client


def get(client: Client, path: str, *, answers: int = 200, **query: Any) -> Any:
    response = client.get(path, query)
    assert response.status_code == answers
    return response.json()


def test_lists_runs_with_what_the_page_says_of_them(operator: Client) -> None:
    make_environment()
    make_run(error_type="Timeout", status="failed")
    make_agent(cost_micro_usd=2_500_000, input_tokens=3)

    (run,) = get(operator, "/api/runs/")["runs"]

    expected = {
        "runId": "r-1",
        "status": "failed",
        "workflow": "triage",
        "duration_seconds": 10,
        "errorType": "Timeout",
        "agents": 1,
        "cost_usd": 2.5,
        "cost_estimated": False,
        "input_tokens": 3,
        "usual": None,
        "started_at": "2026-02-15T11:00:00Z",
    }
    assert {name: run[name] for name in expected} == expected


def test_pages_and_filters_as_the_page_does(operator: Client) -> None:
    make_environment()
    for number in range(3):
        make_run(f"r-{number}", back=timedelta(hours=number))
    make_open_run("open")

    first = get(operator, "/api/runs/", status="completed", limit=2)
    second = get(operator, "/api/runs/", status="completed", limit=2, older=first["older"])

    assert [run["runId"] for answer in (first, second) for run in answer["runs"]] == ["r-0", "r-1", "r-2"]
    assert (first["newer"], second["older"]) == (None, None)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"status": "done"}, "status"),
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"sort": "x"}, "sort"),
    ],
)
def test_a_wrong_parameter_is_named(operator: Client, query: dict[str, str], name: str) -> None:
    make_environment()

    answer = get(operator, "/api/runs/", answers=400, **query)

    assert answer["code"] == "bad_parameter"
    assert name in answer["message"]


def test_tells_all_of_one_run(operator: Client) -> None:
    make_environment()
    make_run(error_type="Timeout", status="failed")
    make_agent(calls=1, called_cost_micro_usd=5)
    make_call(cost_micro_usd=5)
    decide(make_approval())
    make_run("r-2", back=timedelta(minutes=1), retry_of_run_id="r-1")

    run = get(operator, "/api/runs/r-1/")

    assert [agent["agentRunId"] for agent in run["agent_runs"]] == ["a-1"]
    assert (run["calls"][0]["cost_usd"], run["by_model"][0]["name"]) == (0.000005, "model-small")
    assert (run["approvals"][0]["approved"], run["same_error"]["runs"]) == (True, 1)
    assert (run["retried_by"], run["later"]) == (["r-2"], ["r-2"])
    assert len(run["events"]["accepted"]) == 7


def test_an_unknown_run_is_not_found(operator: Client) -> None:
    make_environment()

    assert get(operator, "/api/runs/r-9/", answers=404)["code"] == "unknown_run"


def test_a_key_reads_the_runs_of_its_environment_and_a_reader_of_pages_reads_none(client: Client) -> None:
    make_environment("staging")
    make_run()
    make_run("there", environment="staging")
    _, secret = issue_key(scope="read", environment="staging", source="reports")
    with_key = Client(headers={"authorization": f"Bearer {secret}"})
    client.force_login(make_person("analyst", role=Role.ANALYST))

    assert [run["runId"] for run in get(with_key, "/api/runs/")["runs"]] == ["there"]
    assert with_key.get("/api/runs/r-1/").status_code == 404
    assert client.get("/api/runs/").status_code == 403
