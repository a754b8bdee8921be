import csv
import io
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from people.models import Role
from telemetry.models import Scope
from tests.builders import NOW, make_secret
from tests.kpis.builders import make_environment
from tests.kpis.usage_builders import make_failures, make_usage
from tests.people.builders import make_person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

RANGE = {"from": "2026-02-09", "to": "2026-02-11"}


def answer(client: Client, path: str, **parameters: str) -> Any:
    response = client.get(path, {**RANGE, **parameters})
    assert response.status_code == 200, response.content
    return response.json()


def table_of(client: Client, path: str, **parameters: str) -> list[dict[str, str]]:
    response = client.get(path, {**RANGE, "format": "csv", **parameters})
    return list(csv.DictReader(io.StringIO(response.content.decode(), newline="")))


def test_answers_agents_as_documented(reader: Client) -> None:
    make_environment()
    make_failures(failed=2, finished=8)
    make_usage(retries=1, calls=3, input_tokens=5, cost_micro_usd=2_500_000, error_types={"Timeout": 2})

    body = answer(reader, "/api/agents/")

    [agent] = body["agents"]
    assert (body["environment"], body["from"], body["agents_left_out"]) == (
        "production",
        "2026-02-09T00:00:00Z",
        0,
    )
    assert {name: value for name, value in agent.items() if name != "previous"} == {
        "agent": "writer",
        "runs": 10,
        "failed": 2,
        "completed_or_failed": 8,
        "failure_rate": 0.25,
        "retries": 1,
        "model_calls": 3,
        "input_tokens": 5,
        "output_tokens": 0,
        "cost_usd": 2.5,
        "reported_usd": 2.5,
        "estimated_usd": 0,
        "p50_seconds": None,
        "p95_seconds": None,
        "error_types": [{"error_type": "Timeout", "runs": 2}],
    }
    assert agent["previous"]["runs"] == 0


def test_answers_costs_with_each_day_of_each_value(reader: Client) -> None:
    make_environment()
    make_usage(cost_micro_usd=2_000_000)
    make_usage("", model="", agent_runs=0, estimated_micro_usd=500_000)

    body = answer(reader, "/api/costs/", by="agent")

    assert (body["by"], body["total"]["cost_usd"], body["total"]["estimated_usd"]) == ("agent", 2.5, 0.5)
    assert [(part["value"], [day["cost_usd"] for day in part["days"]]) for part in body["breakdown"]] == [
        ("writer", [0, 2]),
        ("", [0, 0.5]),
    ]
    assert [day["cost_usd"] for day in body["days"]] == [0, 2.5]
    assert answer(reader, "/api/costs/")["by"] == "workflow"
    assert answer(reader, "/api/costs/", by="day")["breakdown"] == []


def test_gives_tables_for_spreadsheets(reader: Client) -> None:
    make_environment()
    make_usage("=writer", cost_micro_usd=2_000_000)

    assert [row["agent"] for row in table_of(reader, "/api/agents/")] == ["'=writer"]
    by_agent = table_of(reader, "/api/costs/", by="agent")
    assert [(row["dimension_value"], row["cost_usd"]) for row in by_agent] == [
        ("'=writer", "0.0"),
        ("'=writer", "2.0"),
    ]
    assert [row["cost_usd"] for row in table_of(reader, "/api/costs/", by="day")] == ["0.0", "2.0"]


def test_a_table_is_a_file_with_a_name(reader: Client) -> None:
    make_environment()

    names = [
        reader.get(path, {"format": "csv"}).headers["Content-Disposition"]
        for path in ("/api/agents/", "/api/costs/")
    ]

    assert names == [
        'attachment; filename="production-agents-2026-01-19-2026-02-15.csv"',
        'attachment; filename="production-costs-2026-01-19-2026-02-15.csv"',
    ]


@pytest.mark.parametrize("path", ["/api/agents/", "/api/costs/"])
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"from": "soon"}, "bad_parameter"),
        ({"from": "2000-01-01", "to": "2099-01-01"}, "too_many_periods"),
        ({"sort": "cost"}, "bad_parameter"),
        ({"from": "2026-02-01T00:01:00Z"}, "bucket_not_aligned"),
    ],
    ids=["range", "too long", "unknown", "not aligned"],
)
def test_refuses_what_it_does_not_understand(
    reader: Client, path: str, query: dict[str, str], code: str
) -> None:
    make_environment()

    response = reader.get(path, query)

    assert (response.status_code, response.json()["code"]) == (400, code)


def test_refuses_a_breakdown_that_there_is_not(reader: Client) -> None:
    make_environment()

    response = reader.get("/api/costs/", {"by": "user"})

    assert response.json()["message"] == "by: It takes workflow, agent, model, day."


@pytest.mark.parametrize("path", ["/api/agents/", "/api/costs/"])
def test_a_key_reads_its_own_environment_and_a_viewer_no_csv(client: Client, path: str) -> None:
    make_environment()
    make_environment("staging")
    secret = make_secret(scope=Scope.READ, source="reports", now=NOW)

    headers = {"Authorization": f"Bearer {secret}"}
    other = client.get(path, {"environment": "staging"}, headers=headers)
    own = client.get(path, {"format": "csv"}, headers=headers)
    client.force_login(make_person("viewer", role=Role.VIEWER))
    refused = client.get(path, {"format": "csv"})

    assert (other.status_code, own.status_code, refused.status_code) == (403, 200, 403)


@pytest.mark.parametrize(("path", "queries"), [("/api/agents/", 12), ("/api/costs/", 9)])
@pytest.mark.parametrize("agents", [1, 30])
def test_costs_the_same_number_of_queries_for_any_number_of_rows(
    reader: Client, path: str, queries: int, agents: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_environment()
    for number in range(agents):
        make_usage(f"agent-{number}")

    with django_assert_num_queries(queries):
        reader.get(path)
