"""The page that asks before a run is retried, and what a run's page says of retries."""

from typing import Any

import pytest
from django.test import Client

from people.models import Role
from telemetry import maintenance
from tests.builders import NOW
from tests.pages.page_content import words
from tests.people.builders import make_person
from tests.workbench.retries.builders import make_operator, make_request, make_run, set_up_webhook
from workbench.models import RetryRequest

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
PATH = "/runs/r-1/retry/"


@pytest.fixture(autouse=True)
def _webhook(settings: Any) -> None:
    set_up_webhook(settings)


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(make_operator())
    return client


def test_asks_first_and_requests_with_a_post(operator: Client) -> None:
    make_run(workflow_name="Rotate <b>a</b> secret", error_type="Timeout")

    page = words(operator, PATH)
    assert not RetryRequest.objects.exists()
    answer = operator.post(f"{PATH}?environment=production")

    assert "Rotate &lt;b&gt;a&lt;/b&gt; secret" in page or "Rotate <b>a</b> secret" in page
    assert "Error type Timeout" in page
    assert (answer.status_code, answer.headers["Location"]) == (302, "/runs/r-1/?environment=production")
    assert "ada asked for a retry on 15 Feb 2026, 12:00." in words(operator, PATH)
    assert RetryRequest.objects.count() == 1


def test_a_post_without_a_token_requests_nothing() -> None:
    make_run()
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(make_operator())

    assert careful.post(PATH).status_code == 403
    assert not RetryRequest.objects.exists()


@pytest.mark.parametrize(
    ("status", "sentence"),
    [("completed", "The run completed; only failed"), ("", "The run has not ended.")],
)
def test_says_why_a_run_cannot_be_retried(operator: Client, status: str, sentence: str) -> None:
    make_run(status=status)

    assert sentence in words(operator, PATH)
    assert operator.post(PATH).status_code == 409
    assert not RetryRequest.objects.exists()


def test_maintenance_is_no_time_for_retries(operator: Client) -> None:
    make_run()
    maintenance.switch_on(message="", ends_at=None, by=None, now=NOW)

    assert operator.post(PATH).status_code == 503


def test_who_may_see_runs_and_not_retry_them_is_told_so(client: Client) -> None:
    make_run()
    person = make_person("jo", role=Role.OPERATOR)
    client.force_login(person)
    person.groups.get().permissions.filter(codename="retry_run").delete()

    assert "does not include the right to retry" in words(client, PATH)
    assert client.post(PATH).status_code == 403


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"attempts": 2, "fault": "The receiver answered 503"},
            "The workbench has not taken it yet. Attempt 2: The receiver answered 503. The next one is due on 15 Feb",
        ),
        ({"state": "done", "new_run_id": "r-2"}, "The workbench took the retry that ada asked for"),
        (
            {"state": "failed", "attempts": 5, "fault": "No answer in time"},
            "was in vain. Attempt 5: No answer in time.",
        ),
        ({"state": "expired"}, "was given up after 15 minutes"),
    ],
    ids=["pending", "done", "failed", "expired"],
)
def test_says_what_became_of_the_newest_request(
    operator: Client, fields: dict[str, Any], sentence: str
) -> None:
    make_request(**fields)

    assert sentence in words(operator, PATH)


def test_names_the_runs_that_repeat_it(operator: Client, django_assert_max_num_queries: Any) -> None:
    make_request(state="done", new_run_id="r-3")
    for run_id in ("r-2", "r-3"):
        make_run(run_id, retry_of_run_id="r-1")
    make_run("r-4", place="staging", retry_of_run_id="r-1")

    page = words(operator, f"{PATH}?environment=production")

    assert "Retried by r-3 , r-2" in page.replace("r-3,", "r-3 ,")
    assert "r-4" not in page


@pytest.mark.parametrize("path", ["/runs/r-9/retry/", f"{PATH}?environment=nowhere", "/runs/r-1%00/retry/"])
def test_a_run_that_is_not_there_is_not_found(operator: Client, path: str) -> None:
    make_run()

    assert operator.get(path).status_code == 404


@pytest.mark.parametrize(("status", "is_shown"), [("completed", False), ("failed", True)])
def test_a_run_that_nobody_retries_has_nothing_to_say(operator: Client, status: str, is_shown: bool) -> None:
    make_run(status=status)

    assert ('aria-label="Retry"' in operator.get("/runs/r-1/").content.decode()) is is_shown
