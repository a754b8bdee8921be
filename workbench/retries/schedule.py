"""Sends what is due, and decides what an answer means. The rows are the queue; a task only looks at them.

An attempt is claimed and committed before it is made. A process that is killed leaves a claim that ends by itself, and
the next attempt has the same id: the receiver starts one run, however often it is told.
"""

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from django.db import transaction

from telemetry.counters.bridge import Increment, increase
from telemetry.notices.incidents import close_incidents, open_incident, open_subjects
from workbench.models import RetryRequest, RetryState, WorkflowRun
from workbench.retries.message import body_of, headers_of
from workbench.retries.sending import DEADLINE_SECONDS, NotDelivered, ReceiverAnswer, send
from workbench.retries.webhook import Webhook, configured_webhook, is_switched_off

logger = logging.getLogger(__name__)

FAMILY = "portal_retry_requests_total"
# Before each attempt, from the end of the one before. Together they are shorter than LIFE.
WAITS = tuple(timedelta(seconds=seconds) for seconds in (0, 5, 30, 2 * 60, 10 * 60))
# A retry that comes later surprises.
LIFE = timedelta(minutes=15)
# After this an attempt is over, whatever became of its process.
CLAIM = timedelta(seconds=3 * DEADLINE_SECONDS)
# Rows that other processes may claim at the same moment.
MOST_ASKED = 10
CUT_SHORT = "The last attempt was cut short"
NOT_SET_UP = "The webhook is not set up"
SWITCHED_OFF = "The receiver has switched the webhook off"
RUN_IS_GONE = "The run is gone"
# Of a notice (docs/admin.md): its subject is the digest of the settings that are switched off.
TOPIC = "retry webhook"
TITLE = "Runs can't be retried: the workbench has switched the webhook off"
ADVICE = (
    "The receiver of the retry webhook answered 410. Nothing is sent and nobody can ask for a retry until "
    "RETRY_WEBHOOK_URL or its secret changes and the portal is started anew (docs/retry.md)."
)


@dataclass(frozen=True, kw_only=True)
class Result:
    """What an attempt came to. `state` is PENDING where another one is to be made.

    Where `is_attempt` is false none was made: what is known of the last one stays.
    """

    state: RetryState
    is_attempt: bool = True
    fault: str = ""
    status: int | None = None
    run_id: str = ""
    retry_after: timedelta | None = None
    webhook: str = ""


def send_next(*, now: datetime) -> bool:
    """Make the next due attempt, if there is one; returns whether there was.

    Safe to repeat, and to run several times at once: no two processes make the same attempt. Call it without a
    transaction, because the claim has to be committed before anything is sent.
    """
    request = claim(now=now)
    if request is None:
        return False
    began_at = time.monotonic()
    result = attempt(request, now=now)
    settle(request, result, now=now + timedelta(seconds=time.monotonic() - began_at))
    return True


def claim(*, now: datetime) -> RetryRequest | None:
    """The request that is due for longest and that no other process has; its attempt is counted."""
    # Index: retry_request_due (next_attempt_at).
    due = RetryRequest.objects.filter(state=RetryState.PENDING, next_attempt_at__lte=now)
    for request in due.order_by("next_attempt_at")[:MOST_ASKED]:
        unchanged = RetryRequest.objects.filter(
            pk=request.pk, state=RetryState.PENDING, next_attempt_at=request.next_attempt_at
        )
        if unchanged.update(next_attempt_at=now + CLAIM, attempts=request.attempts + 1):
            request.attempts += 1
            return request
    return None


def attempt(request: RetryRequest, *, now: datetime) -> Result:
    """Send the request, unless it is too late or there is nobody to send it to."""
    if now >= request.requested_at + LIFE:
        return Result(state=RetryState.EXPIRED, is_attempt=False)
    if request.attempts > len(WAITS):
        return Result(state=RetryState.FAILED, is_attempt=False, fault=CUT_SHORT)
    webhook = configured_webhook()
    if webhook is None:
        # A machine may have its settings later than another.
        return Result(state=RetryState.PENDING, fault=NOT_SET_UP)
    if is_switched_off(webhook):
        return Result(state=RetryState.FAILED, is_attempt=False, fault=SWITCHED_OFF)
    # The settings have changed since.
    close_incidents(topic=TOPIC, subjects=open_subjects(TOPIC), now=now)
    # Index: workflow_run_unique (run_id, environment).
    run = WorkflowRun.objects.filter(run_id=request.run_id, environment=request.environment).first()
    if run is None:
        return Result(state=RetryState.FAILED, is_attempt=False, fault=RUN_IS_GONE)
    return deliver(request, run=run, webhook=webhook, now=now)


def deliver(request: RetryRequest, *, run: WorkflowRun, webhook: Webhook, now: datetime) -> Result:
    body = body_of(request, run=run)
    headers = headers_of(request, body=body, webhook=webhook, now=now)
    try:
        answer = send(webhook.receiver, body=body, headers=headers, now=now)
    except NotDelivered as fault:
        logger.warning("Retry request %d was not delivered: %s", request.pk, fault)
        state = RetryState.FAILED if fault.is_final else RetryState.PENDING
        return Result(state=state, fault=str(fault))
    return result_of(answer, webhook=webhook)


def result_of(answer: ReceiverAnswer, *, webhook: Webhook) -> Result:
    """2xx is done; 429, and what is neither 3xx nor 4xx, is tried again; all else has failed."""
    is_done = 200 <= answer.status < 300
    is_tried_again = answer.status == HTTPStatus.TOO_MANY_REQUESTS or not 200 <= answer.status < 500
    state = RetryState.PENDING if is_tried_again else RetryState.FAILED
    return Result(
        state=RetryState.DONE if is_done else state,
        fault="" if is_done else f"The receiver answered {answer.status}",
        status=answer.status,
        run_id=answer.run_id,
        retry_after=answer.retry_after,
        webhook=webhook.digest,
    )


def settle(request: RetryRequest, result: Result, *, now: datetime) -> None:
    """Write what came of the attempt that ended at `now`. Safe to repeat."""
    state = result.state
    if state is RetryState.PENDING and request.attempts >= len(WAITS):
        state = RetryState.FAILED
    is_over = state is not RetryState.PENDING
    pending = RetryRequest.objects.filter(pk=request.pk, state=RetryState.PENDING)
    if state is not RetryState.DONE:
        # Another process has made the next attempt meanwhile; what it finds counts. What is done is done.
        pending = pending.filter(attempts=request.attempts)
    with transaction.atomic():
        changed = pending.update(
            state=state,
            ended_at=now if is_over else None,
            next_attempt_at=None if is_over else next_attempt(request, result, now=now),
            **columns_of(request, result),
        )
        if changed and is_over:
            increase([Increment(FAMILY, request.environment, (state.value,))])
        if changed and result.status == HTTPStatus.GONE:
            open_incident(topic=TOPIC, subject=result.webhook, title=TITLE, text=ADVICE, now=now)


def columns_of(request: RetryRequest, result: Result) -> dict[str, object]:
    """What the row says of its last attempt."""
    if not result.is_attempt:
        return {"attempts": request.attempts - 1, "fault": result.fault or request.fault}
    return {
        "answer_status": result.status,
        "webhook": result.webhook,
        "new_run_id": result.run_id,
        "fault": result.fault,
    }


def next_attempt(request: RetryRequest, result: Result, *, now: datetime) -> datetime:
    """When the next attempt is due; at the latest when the request expires, which is noticed then."""
    wait = max(WAITS[request.attempts], result.retry_after or timedelta(0))
    return min(now + wait, request.requested_at + LIFE)
