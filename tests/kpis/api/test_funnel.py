import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from people.models import EnvironmentLimit, Role
from telemetry.models import Scope
from tests.builders import NOW, make_secret
from tests.kpis.builders import DAY, make_environment
from tests.kpis.funnel_builders import make_funnel
from tests.people.builders import make_person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

RANGE = {"from": "2026-02-09", "to": "2026-02-11"}


def answer(client: Client, **parameters: str) -> Any:
    response = client.get("/api/funnel/", {**RANGE, **parameters})
    assert response.status_code == 200, response.content
    return response.json()


def test_answers_as_documented(reader: Client) -> None:
    make_environment()
    make_funnel(4, 3, 0)

    body = answer(reader)

    steps = body.pop("steps")
    assert body == {
        "environment": "production",
        "time_zone": "UTC",
        "computed_until": "2026-02-15T12:00:00Z",
        "from": "2026-02-09T00:00:00Z",
        "to": "2026-02-11T00:00:00Z",
        "source": "",
        "template": "",
    }
    assert steps[0] == {
        "step": "session_started",
        "sessions": 4,
        "stopped": 1,
        "conversion": None,
        "conversion_from_start": 1,
        "median_seconds": None,
        "mean_seconds": None,
        "reason": "first_step",
    }
    assert steps[1] == {
        "step": "draft_created",
        "sessions": 3,
        "stopped": 3,
        "conversion": 0.75,
        "conversion_from_start": 0.75,
        "median_seconds": pytest.approx(60, rel=0.01),
        "mean_seconds": 60,
    }
    assert steps[3] == {
        "step": "run_started",
        "sessions": 0,
        "stopped": 0,
        "conversion": None,
        "conversion_from_start": 0,
        "median_seconds": None,
        "mean_seconds": None,
        "reason": "no_events",
    }
    assert [step["step"] for step in steps] == [
        "session_started",
        "draft_created",
        "draft_accepted",
        "run_started",
        "run_completed",
    ]


def test_compares_with_the_range_before_where_that_is_asked_for(reader: Client) -> None:
    make_environment()
    make_funnel(4)
    make_funnel(6, period_start=DAY - timedelta(days=2))

    previous = answer(reader, compare="previous")["previous"]

    assert (previous["from"], previous["to"]) == ("2026-02-07T00:00:00Z", "2026-02-09T00:00:00Z")
    assert previous["steps"][0]["sessions"] == 6


def test_chooses_sessions_by_source_and_template(reader: Client) -> None:
    make_environment()
    make_funnel(4, sources=["chat"])
    make_funnel(6, sources=["template"], used_template=True)

    found = [
        answer(reader, **chosen)["steps"][0]["sessions"]
        for chosen in (
            {"source": "chat"},
            {"template": "used"},
            {"template": "not_used"},
            {"source": "blank"},
        )
    ]

    assert found == [4, 6, 4, 0]


def test_gives_a_row_for_each_step_to_spreadsheets(reader: Client) -> None:
    make_environment()
    make_funnel(4, 2)

    response = reader.get("/api/funnel/", {**RANGE, "compare": "previous", "format": "csv"})

    table = list(csv.DictReader(io.StringIO(response.content.decode(), newline="")))
    assert (
        response.headers["Content-Disposition"]
        == 'attachment; filename="production-funnel-2026-02-09-2026-02-10.csv"'
    )
    assert [(row["step"], row["sessions"], row["previous_sessions"]) for row in table[:2]] == [
        ("session_started", "4", "0"),
        ("draft_created", "2", "0"),
    ]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"source": "import"}, "source: It takes chat, template, blank."),
        ({"template": "yes"}, "template: It takes used, not_used."),
        ({"compare": "1"}, "compare: It takes previous."),
        ({"from": "soon"}, ""),
        ({"step": "2"}, ""),
    ],
)
def test_refuses_what_it_does_not_understand(reader: Client, query: dict[str, str], message: str) -> None:
    make_environment()

    response = reader.get("/api/funnel/", query)

    assert (response.status_code, response.json()["code"]) == (400, "bad_parameter")
    assert message in response.json()["message"]


def test_a_key_reads_its_own_environment_a_viewer_no_csv_and_a_limited_person_no_other(
    client: Client,
) -> None:
    make_environment()
    make_environment("staging")
    secret = make_secret(scope=Scope.READ, source="reports", now=NOW)
    headers = {"Authorization": f"Bearer {secret}"}
    other = client.get("/api/funnel/", {"environment": "staging"}, headers=headers)
    own = client.get("/api/funnel/", {"format": "csv"}, headers=headers)
    person = make_person("viewer", role=Role.VIEWER)
    EnvironmentLimit.objects.create(user=person, environments=["staging"])
    client.force_login(person)

    refused = client.get("/api/funnel/", {"format": "csv"})
    hidden = client.get("/api/funnel/", {"environment": "production"})

    assert [found.status_code for found in (other, own, refused, hidden)] == [403, 200, 403, 404]


def test_costs_the_same_whatever_there_is(
    reader: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_environment()
    for number in range(20):
        make_funnel(4, 2, sources=[f"s{number}"])

    # Session, user, two of rights, environments, the person's limit; freshness, two ranges.
    with django_assert_num_queries(9):
        answer(reader)
