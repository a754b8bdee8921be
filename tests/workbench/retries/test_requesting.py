"""Who may ask for a run to be run again, and for which runs."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission

from audit.models import AuditEntry
from people.models import Role
from telemetry import maintenance
from telemetry.counters.bridge import read_counters
from tests.builders import NOW
from tests.people.builders import make_person
from tests.workbench.retries.builders import make_operator, make_request, make_run, set_up_webhook
from workbench.models import RetryRequest, RetryState, WorkflowRun
from workbench.retries import bell, requesting
from workbench.retries.requesting import Obstacle, RetryRefused, find_obstacle, request_retry
from workbench.retries.schedule import FAMILY
from workbench.retries.webhook import configured_webhook

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _webhook(settings: Any) -> None:
    set_up_webhook(settings)


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_request_is_committed_counted_and_in_the_audit(status: str) -> None:
    made = request_retry(run=make_run(status=status), person=make_operator(), now=NOW)

    stored = RetryRequest.objects.get()
    assert (stored.message_id, stored.run_id, stored.requested_by) == (made.message_id, "r-1", "ada")
    assert (stored.state, stored.attempts, stored.next_attempt_at) == ("pending", 0, NOW)
    assert read_counters()[FAMILY] == {("production", ("requested",)): {"": 1}}
    entry = AuditEntry.objects.get(verb="retried")
    assert (entry.object_pk, entry.environment) == (str(made.pk), "production")
    # An erased run's id must not stay in the audit, which is final.
    assert "r-1" not in entry.object_repr


@pytest.mark.parametrize(
    ("role", "is_allowed"),
    [(None, False), (Role.VIEWER, False), (Role.ANALYST, False), (Role.OPERATOR, True), (Role.ADMIN, True)],
)
def test_operators_and_admins_may(role: Role | None, is_allowed: bool) -> None:
    person = make_person("jo", role=role)

    expected = None if is_allowed else Obstacle.NOT_ALLOWED
    assert find_obstacle(run=make_run(), person=person, now=NOW) is expected


def test_the_permission_alone_is_enough_within_the_environments_of_the_person() -> None:
    person = make_person("jo", environments=["staging"])
    person.user_permissions.add(Permission.objects.get(codename="retry_run"))

    here, elsewhere = make_run(place="staging"), make_run(place="production")

    assert find_obstacle(run=here, person=person, now=NOW) is None
    assert find_obstacle(run=elsewhere, person=person, now=NOW) is Obstacle.NOT_ALLOWED


@pytest.mark.parametrize(
    ("status", "obstacle"), [("", Obstacle.RUNNING), ("completed", Obstacle.COMPLETED), ("failed", None)]
)
def test_only_runs_that_failed_or_were_cancelled_are_retried(status: str, obstacle: Obstacle | None) -> None:
    run, person = make_run(status=status), make_operator()

    assert find_obstacle(run=run, person=person, now=NOW) is obstacle


def test_one_request_a_run_while_one_is_pending() -> None:
    make_request()
    other = make_run("r-1", place="staging")
    run = make_run("r-2")
    person = make_person("jo", role=Role.OPERATOR)

    request_retry(run=run, person=person, now=NOW)
    request_retry(run=other, person=person, now=NOW)

    with pytest.raises(RetryRefused, match="on its way"):
        request_retry(run=run, person=person, now=NOW)
    assert RetryRequest.objects.count() == 3


def test_of_two_people_who_ask_at_once_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requesting, "has_pending", lambda run: False)
    made = make_request()

    with pytest.raises(RetryRefused) as refused:
        request_retry(run=run_of(made), person=make_person("jo", role=Role.OPERATOR), now=NOW)

    assert refused.value.obstacle is Obstacle.PENDING
    assert RetryRequest.objects.count() == 1
    assert read_counters()[FAMILY] == {("production", ("requested",)): {"": 1}}


def run_of(made: RetryRequest) -> WorkflowRun:
    return WorkflowRun.objects.get(run_id=made.run_id)


@pytest.mark.parametrize("state", ["done", "failed", "expired"])
def test_a_run_whose_request_is_over_can_be_retried_under_another_id(state: str) -> None:
    made = make_request(state=state, next_attempt_at=None)

    again = request_retry(run=run_of(made), person=make_person("jo", role=Role.OPERATOR), now=NOW)

    assert again.message_id != made.message_id


@pytest.mark.parametrize("name", ["RETRY_WEBHOOK_URL", "RETRY_WEBHOOK_SECRET"])
def test_nobody_retries_without_a_webhook(settings: Any, name: str) -> None:
    setattr(settings, name, "")

    assert find_obstacle(run=make_run(), person=make_operator(), now=NOW) is Obstacle.NOT_SET_UP


@pytest.mark.parametrize("url", ["https://user@workbench.example/", "http://93.184.216.34/"])
def test_a_webhook_that_may_not_be_used_is_none(settings: Any, url: str) -> None:
    settings.RETRY_WEBHOOK_URL = url

    assert configured_webhook() is None


@pytest.mark.parametrize("name", ["RETRY_WEBHOOK_URL", "RETRY_WEBHOOK_SECRET", "RETRY_WEBHOOK_OLD_SECRET"])
def test_a_410_switches_the_webhook_off_until_its_settings_change(settings: Any, name: str) -> None:
    webhook = configured_webhook()
    assert webhook is not None
    make_request(state=RetryState.FAILED, answer_status=410, webhook=webhook.digest)
    run, person = make_run("r-2"), make_person("jo", role=Role.OPERATOR)

    assert find_obstacle(run=run, person=person, now=NOW) is Obstacle.SWITCHED_OFF

    others = {"RETRY_WEBHOOK_URL": "http://127.0.0.1:10/"}
    setattr(settings, name, others.get(name, "whsec_" + "bmV3" * 8))
    assert find_obstacle(run=run, person=person, now=NOW + timedelta(days=1)) is None


def test_nobody_retries_during_maintenance() -> None:
    maintenance.switch_on(message="", ends_at=None, by=None, now=NOW)

    assert find_obstacle(run=make_run(), person=make_operator(), now=NOW) is Obstacle.MAINTENANCE


@pytest.mark.parametrize(("redis_url", "rings"), [("", 0), ("redis://127.0.0.1:1/0", 1)])
def test_the_bell_is_rung_after_the_commit_where_there_is_a_broker(
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
    redis_url: str,
    rings: int,
) -> None:
    settings.REDIS_URL = redis_url
    rung: list[Any] = []
    monkeypatch.setattr(bell.POOL, "submit", rung.append)

    with django_capture_on_commit_callbacks() as callbacks:
        make_request()
    assert rung == []
    for callback in callbacks:
        callback()

    assert rung == [bell.publish] * rings


def test_a_broker_that_is_away_disturbs_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        raise ConnectionError("redis://secret@host")

    monkeypatch.setattr(bell.current_app, "send_task", fail)

    bell.publish()

    assert "ConnectionError" in caplog.text
    assert "secret" not in caplog.text
