"""Asking for a run to be run again: who may, which runs, and why not."""

from datetime import datetime
from enum import Enum

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from audit import trail
from audit.models import Verb
from people.access import Person, may_see
from telemetry import maintenance
from telemetry.counters.bridge import Increment, increase
from workbench.models import RetryRequest, RetryState, WorkflowRun
from workbench.retries import bell
from workbench.retries.schedule import FAMILY
from workbench.retries.webhook import configured_webhook, is_switched_off

PERMISSION = "workbench.retry_run"
RETRIABLE = ("failed", "cancelled")
REQUESTED = "requested"


class Obstacle(Enum):
    """Why a run can't be retried now: a code for programs, and a sentence for people."""

    NOT_ALLOWED = "not_allowed", "Your role does not include the right to retry runs."
    RUNNING = "run_not_ended", "The run has not ended."
    COMPLETED = "run_completed", "The run completed; only failed and cancelled runs are retried."
    PENDING = "retry_pending", "A retry of this run is on its way to the workbench."
    NOT_SET_UP = (
        "retries_not_set_up",
        "No webhook is set up that would tell the workbench (RETRY_WEBHOOK_URL).",
    )
    SWITCHED_OFF = (
        "retries_switched_off",
        "The workbench has switched the webhook off (it answered 410). It stays off until its settings change.",
    )
    MAINTENANCE = "maintenance", "The portal is being maintained."

    def __init__(self, code: str, sentence: str) -> None:
        self.code = code
        self.sentence = sentence


class RetryRefused(Exception):
    """The run can't be retried now."""

    def __init__(self, obstacle: Obstacle) -> None:
        super().__init__(obstacle.sentence)
        self.obstacle = obstacle


def request_retry(*, run: WorkflowRun, person: User, now: datetime) -> RetryRequest:
    """Commit a request to run the run again; a task sends it. Raises RetryRefused.

    One transaction, in which the request is in the audit too. Of two people who ask at once one is refused. A new
    request for a run whose last one is over is a new message with another id.
    """
    obstacle = find_obstacle(run=run, person=person, now=now)
    if obstacle is not None:
        raise RetryRefused(obstacle)
    try:
        with transaction.atomic():
            return add_request(run=run, person=person, now=now)
    except IntegrityError as error:
        # retry_request_pending: one request a run while one is pending.
        raise RetryRefused(Obstacle.PENDING) from error


def add_request(*, run: WorkflowRun, person: User, now: datetime) -> RetryRequest:
    request = RetryRequest.objects.create(
        environment=run.environment,
        run_id=run.run_id,
        requested_by=person.get_username(),
        requested_at=now,
        next_attempt_at=now,
    )
    trail.note(Verb.RETRIED, subject=request)
    increase([Increment(FAMILY, run.environment, (REQUESTED,))])
    transaction.on_commit(bell.ring)
    return request


def find_obstacle(*, run: WorkflowRun, person: Person, now: datetime) -> Obstacle | None:
    """The first reason why the person can't have the run retried now; None if they can."""
    if not may_retry(person, environment=run.environment):
        return Obstacle.NOT_ALLOWED
    if run.status not in RETRIABLE:
        return Obstacle.COMPLETED if run.status else Obstacle.RUNNING
    if has_pending(run):
        return Obstacle.PENDING
    webhook = configured_webhook()
    if webhook is None:
        return Obstacle.NOT_SET_UP
    if is_switched_off(webhook):
        return Obstacle.SWITCHED_OFF
    # The new run's events would be refused.
    return Obstacle.MAINTENANCE if maintenance.is_on(now=now) else None


def may_retry(person: Person, *, environment: str) -> bool:
    return person.has_perm(PERMISSION) and may_see(person, environment)


def has_pending(run: WorkflowRun) -> bool:
    # Index: retry_request_pending (run_id, environment).
    pending = RetryRequest.objects.filter(state=RetryState.PENDING)
    return pending.filter(run_id=run.run_id, environment=run.environment).exists()
