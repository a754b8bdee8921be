"""Asking for a retry over HTTP."""

from typing import Any

import pytest
from django.test import Client

from people.models import Role
from telemetry import maintenance
from tests.builders import NOW, make_secret
from tests.people.builders import make_person
from tests.workbench.retries.builders import make_operator, make_run, set_up_webhook
from workbench.models import RetryRequest

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
PATH = "/api/runs/r-1/retry/"


@pytest.fixture(autouse=True)
def _webhook(settings: Any) -> None:
    set_up_webhook(settings)


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(make_operator())
    return client


def test_requests_a_retry(operator: Client) -> None:
    make_run()

    answer = operator.post(PATH)

    made = RetryRequest.objects.get()
    assert (answer.status_code, made.run_id, made.requested_by) == (202, "r-1", "ada")
    assert answer.json() == {
        "id": str(made.message_id),
        "environment": "production",
        "runId": "r-1",
        "state": "pending",
        "requestedAt": "2026-02-15T12:00:00Z",
    }


def test_an_id_may_have_slashes_and_other_signs(operator: Client) -> None:
    make_run("team/a?b%c")

    assert operator.post("/api/runs/team%2Fa%3Fb%25c/retry/").status_code == 202


@pytest.mark.parametrize(
    ("run", "status", "code"),
    [
        ({"status": "completed"}, 409, "run_completed"),
        ({"status": ""}, 409, "run_not_ended"),
        ({"run_id": "other"}, 404, "unknown_run"),
        ({"place": "staging"}, 404, "unknown_run"),
    ],
    ids=["completed", "running", "another run", "another environment"],
)
def test_says_why_not(operator: Client, run: dict[str, Any], status: int, code: str) -> None:
    make_run(**run)

    answer = operator.post(f"{PATH}?environment=production")

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not RetryRequest.objects.exists()


def test_a_second_request_is_told_of_the_first(operator: Client) -> None:
    make_run()
    operator.post(PATH)

    answer = operator.post(PATH)

    assert (answer.status_code, answer.json()["code"]) == (409, "retry_pending")
    assert RetryRequest.objects.count() == 1


def test_asks_which_run_is_meant_where_several_environments_have_it(operator: Client) -> None:
    make_run(place="production")
    make_run(place="staging")

    unclear, clear = operator.post(PATH), operator.post(f"{PATH}?environment=staging")

    assert (unclear.status_code, unclear.json()["code"]) == (400, "environment_needed")
    assert (clear.status_code, clear.json()["environment"]) == (202, "staging")


def test_a_run_of_a_closed_environment_does_not_exist(client: Client) -> None:
    make_run(place="staging")
    client.force_login(make_operator(environments=["production"]))

    assert client.post(PATH).status_code == 404


@pytest.mark.parametrize("path", ["/api/runs/r-1%00/retry/", "/api/runs/r-1/retry/?environment=%00"])
def test_nul_names_no_run(operator: Client, path: str) -> None:
    make_run()

    assert operator.post(path).status_code == 404


def test_only_a_session_with_the_right_and_a_token_is_let_in() -> None:
    make_run()
    people = {name: Client() for name in ("stranger", "analyst")}
    people["analyst"].force_login(make_person("jo", role=Role.ANALYST))
    keys = [make_secret(scope=scope) for scope in ("ingest", "read", "admin")]
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(make_operator())

    statuses = [person.post(PATH).status_code for person in people.values()]
    statuses += [Client().post(PATH, headers={"Authorization": f"Bearer {key}"}).status_code for key in keys]
    statuses += [careful.post(PATH).status_code]

    assert statuses == [403] * 6
    assert not RetryRequest.objects.exists()


def test_nothing_is_requested_during_maintenance(operator: Client) -> None:
    make_run()
    maintenance.switch_on(message="", ends_at=None, by=None, now=NOW)

    answer = operator.post(PATH)

    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (
        503,
        "maintenance",
        "60",
    )
