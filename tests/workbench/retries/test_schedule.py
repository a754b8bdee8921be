"""What is sent when, and what each answer means. The id of a request is the same in all its attempts."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from telemetry.counters.bridge import read_counters
from telemetry.models import Notice
from tests.builders import NOW
from tests.workbench.retries.builders import (
    OLD_SECRET,
    SECRET,
    answer,
    header,
    make_request,
    make_run,
    receiving,
    set_up_webhook,
)
from workbench.models import RetryRequest, RetryState, WorkflowRun
from workbench.retries import schedule
from workbench.retries.schedule import CLAIM, FAMILY, LIFE, WAITS, send_next
from workbench.retries.sending import NotDelivered, ReceiverAnswer
from workbench.retries.signing import signature_headers
from workbench.retries.webhook import configured_webhook

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
DONE, FAILED, PENDING = RetryState.DONE, RetryState.FAILED, RetryState.PENDING


@pytest.fixture(autouse=True)
def _webhook(settings: Any) -> None:
    set_up_webhook(settings)


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the next attempts come to, in no time: answers, or faults to raise. `sent` below notes the attempts."""
    left: list[Any] = []

    def send(receiver: Any, **options: Any) -> ReceiverAnswer:
        outcome = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome if isinstance(outcome, ReceiverAnswer) else ReceiverAnswer(status=outcome)

    monkeypatch.setattr(schedule, "send", send)
    monkeypatch.setattr(schedule.time, "monotonic", lambda: 0.0)
    return left


def row() -> RetryRequest:
    return RetryRequest.objects.get()


def test_the_message_is_what_the_documentation_says(settings: Any) -> None:
    settings.RETRY_WEBHOOK_OLD_SECRET = OLD_SECRET
    made = make_request()

    with receiving(answer(202, body='{"runId": "r-2"}')) as receiver:
        settings.RETRY_WEBHOOK_URL = receiver.url
        assert send_next(now=NOW)

    head, _, body = receiver.posts[0].partition(b"\r\n\r\n")
    assert json.loads(body) == {
        "type": "workflow.run.retry_requested",
        "timestamp": "2026-02-15T12:00:00Z",
        "data": {
            "environment": "production",
            "runId": "r-1",
            "workflowId": "w-1",
            "traceId": "t-1",
            "requestedBy": "ada",
        },
    }
    signed = signature_headers(
        message_id=str(made.message_id), body=body, secrets=(SECRET, OLD_SECRET), now=NOW
    )
    assert [line for line in signed.items() if f"{line[0]}: {line[1]}".encode() not in head] == []
    assert header(receiver.posts[0], "Content-Type") == "application/json"
    assert (row().state, row().new_run_id, row().answer_status) == ("done", "r-2", 202)


def test_what_is_not_known_of_the_run_is_null(settings: Any) -> None:
    make_request()
    WorkflowRun.objects.update(workflow_id="", trace_id="")

    with receiving(answer(200)) as receiver:
        settings.RETRY_WEBHOOK_URL = receiver.url
        send_next(now=NOW)

    data = json.loads(receiver.posts[0].partition(b"\r\n\r\n")[2])["data"]
    assert (data["workflowId"], data["traceId"]) == (None, None)


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (200, DONE),
        (201, DONE),
        (204, DONE),
        (299, DONE),
        (300, FAILED),
        (302, FAILED),
        (307, FAILED),
        (400, FAILED),
        (401, FAILED),
        (404, FAILED),
        (408, FAILED),
        (410, FAILED),
        (422, FAILED),
        (428, FAILED),
        (429, PENDING),
        (430, FAILED),
        (499, FAILED),
        (500, PENDING),
        (503, PENDING),
        (599, PENDING),
        (600, PENDING),
        (101, PENDING),
        (NotDelivered("No answer in time"), PENDING),
        (NotDelivered("Forbidden address", is_final=True), FAILED),
    ],
    ids=str,
)
def test_what_each_answer_means(outcomes: list[Any], outcome: Any, state: RetryState) -> None:
    made = make_request()
    outcomes.append(outcome)

    send_next(now=NOW)

    found = row()
    assert (found.state, found.attempts, found.message_id) == (state, 1, made.message_id)
    assert (found.ended_at is None, found.next_attempt_at is not None) == (state == PENDING,) * 2
    assert bool(found.fault) is (state != DONE)
    assert found.answer_status == (outcome if isinstance(outcome, int) else None)
    assert (("production", (state.value,)) in read_counters()[FAMILY]) is (state != PENDING)


def test_five_attempts_with_longer_and_longer_waits(outcomes: list[Any]) -> None:
    made = make_request()
    outcomes.append(503)
    at, moments = NOW, []

    while row().state == PENDING:
        assert not send_next(now=at - SECOND)
        assert send_next(now=at)
        moments.append(at - NOW)
        at = row().next_attempt_at or at

    assert moments == [timedelta(seconds=seconds) for seconds in (0, 5, 35, 155, 755)]
    assert (row().state, row().attempts, row().fault) == ("failed", 5, "The receiver answered 503")
    assert row().message_id == made.message_id
    assert not send_next(now=NOW + LIFE)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [(None, 5), (0, 5), (4, 5), (60, 60), (899, 899), (900, 900), (3600, 900)],
)
def test_waits_as_long_as_retry_after_says_but_not_beyond_the_end(
    outcomes: list[Any], asked: int | None, expected: int
) -> None:
    make_request()
    outcomes.append(
        ReceiverAnswer(status=429, retry_after=None if asked is None else timedelta(seconds=asked))
    )

    send_next(now=NOW)

    assert row().next_attempt_at == NOW + timedelta(seconds=expected)


def test_a_request_expires_15_minutes_after_it_was_made(outcomes: list[Any]) -> None:
    outcomes.append(503)
    make_request()
    send_next(now=NOW)

    send_next(now=NOW + LIFE - SECOND)
    assert (row().state, row().attempts) == ("pending", 2)
    send_next(now=NOW + LIFE)

    found = row()
    assert (found.state, found.attempts, found.ended_at) == ("expired", 2, NOW + LIFE)
    # What its last attempt came to stays.
    assert (found.answer_status, found.fault) == (503, "The receiver answered 503")


def test_what_nobody_looked_at_for_15_minutes_is_never_sent(outcomes: list[Any]) -> None:
    make_request()

    send_next(now=NOW + LIFE)

    assert (row().state, row().attempts) == ("expired", 0)


def test_the_waits_are_over_before_a_request_expires() -> None:
    assert sum(WAITS, timedelta(0)) + len(WAITS) * CLAIM / 3 < LIFE


def test_a_410_ends_the_other_requests_too(outcomes: list[Any], settings: Any) -> None:
    first = make_request()
    other = RetryRequest.objects.create(
        environment="production", run_id="r-2", requested_at=NOW, next_attempt_at=NOW + SECOND
    )
    outcomes.append(410)

    send_next(now=NOW)
    outcomes[:] = [AssertionError("it was sent")]
    send_next(now=NOW + SECOND)

    first.refresh_from_db()
    other.refresh_from_db()
    assert (first.state, first.answer_status, bool(first.webhook)) == ("failed", 410, True)
    assert (other.state, other.attempts, other.fault) == ("failed", 0, schedule.SWITCHED_OFF)


def test_people_are_told_of_a_410_once_until_other_settings_are_used(
    outcomes: list[Any], settings: Any
) -> None:
    make_request()
    outcomes.append(410)
    send_next(now=NOW)
    told = Notice.objects.values_list("topic", "environment", "opened_at", "closed_at")
    assert told.get() == (schedule.TOPIC, "", NOW, None)

    again(RetryRequest.objects.get(), at=NOW + SECOND)
    assert told.get() == (schedule.TOPIC, "", NOW, None)

    settings.RETRY_WEBHOOK_SECRET = OLD_SECRET
    outcomes[:] = [202]
    again(RetryRequest.objects.get(), at=NOW + 2 * SECOND)
    assert told.get() == (schedule.TOPIC, "", NOW, NOW + 2 * SECOND)


def again(request: RetryRequest, *, at: datetime) -> None:
    """The same request as if somebody asked anew."""
    RetryRequest.objects.filter(pk=request.pk).update(
        state=PENDING, attempts=0, next_attempt_at=at, requested_at=at
    )
    send_next(now=at)


def test_a_run_that_is_gone_is_not_retried(outcomes: list[Any]) -> None:
    make_request()
    WorkflowRun.objects.all().delete()

    send_next(now=NOW)

    assert (row().state, row().fault) == ("failed", schedule.RUN_IS_GONE)


def test_a_webhook_that_is_taken_away_is_waited_for(outcomes: list[Any], settings: Any) -> None:
    make_request()
    settings.RETRY_WEBHOOK_URL = ""
    send_next(now=NOW)
    assert (row().state, row().fault) == ("pending", schedule.NOT_SET_UP)

    set_up_webhook(settings)
    outcomes.append(200)
    send_next(now=NOW + 5 * SECOND)

    assert (row().state, row().fault) == ("done", "")


def test_no_two_processes_make_the_same_attempt(outcomes: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    make_request()
    outcomes.append(200)
    others: list[bool] = []
    original = schedule.attempt

    def attempt(*arguments: Any, **options: Any) -> Any:
        others.append(send_next(now=NOW))
        return original(*arguments, **options)

    monkeypatch.setattr(schedule, "attempt", attempt)
    send_next(now=NOW)

    assert others == [False]
    assert row().attempts == 1


def test_an_attempt_that_was_cut_short_is_made_again_under_the_same_id(
    outcomes: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_request()
    for count in range(1, len(WAITS) + 1):
        assert schedule.claim(now=NOW + (count - 1) * CLAIM) is not None
        assert (row().message_id, row().attempts) == (made.message_id, count)
    assert not send_next(now=NOW + 5 * CLAIM - SECOND)

    send_next(now=NOW + 5 * CLAIM)

    assert (row().state, row().attempts, row().fault) == ("failed", 5, schedule.CUT_SHORT)


@pytest.mark.parametrize(("status", "state"), [(200, "done"), (500, "pending")])
def test_of_a_process_that_slept_through_its_claim_only_success_counts(
    outcomes: list[Any], status: int, state: str
) -> None:
    make_request()
    sleeper = schedule.claim(now=NOW)
    outcomes.append(503)
    send_next(now=NOW + CLAIM)
    webhook = configured_webhook()
    assert sleeper is not None
    assert webhook is not None
    late = schedule.result_of(ReceiverAnswer(status=status), webhook=webhook)

    schedule.settle(sleeper, late, now=NOW + CLAIM + SECOND)

    assert (row().state, row().attempts) == (state, 2)
    assert row().next_attempt_at == (None if state == "done" else NOW + CLAIM + 30 * SECOND)


def test_redirects_to_metadata_are_final(settings: Any) -> None:
    make_request()
    with receiving(answer(302, "Location: http://169.254.169.254/latest/meta-data/")) as receiver:
        settings.RETRY_WEBHOOK_URL = receiver.url
        send_next(now=NOW)

    assert (row().state, row().answer_status, len(receiver.posts)) == ("failed", 302, 1)


def test_the_oldest_is_sent_first(outcomes: list[Any]) -> None:
    make_request()
    make_run("r-2")
    RetryRequest.objects.create(
        environment="production", run_id="r-2", requested_at=NOW, next_attempt_at=NOW - SECOND
    )
    outcomes.append(200)

    send_next(now=NOW)

    assert RetryRequest.objects.get(state="done").run_id == "r-2"
