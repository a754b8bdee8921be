"""Erasures from state to state: who owns what, what is kept, what comes later, and what stops."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from kpis.compute.rollup import bring_up_to_date
from telemetry.intake.ingest import ingest_events
from telemetry.intake.privacy import pseudonymise
from telemetry.lifecycle import erasure as erasures
from telemetry.lifecycle.erasure import ErasureRequest, request_erasure
from telemetry.models import (
    ApiKey,
    Environment,
    ErasedSubject,
    Erasure,
    ErasureThing,
    QuarantinedEvent,
    RawEvent,
    RetentionHold,
    SpanLink,
)
from tests.builders import MOMENT, event, fold, make_key, minutes, table
from tests.oracle.erasing import SubjectOfPosts, erase
from workbench.erasure import steps
from workbench.models import (
    AgentRun,
    ApprovalDecision,
    Draft,
    EventCount,
    ModelCall,
    RetryRequest,
    Session,
    SessionLink,
    TouchedBucket,
    WorkflowRun,
)

pytestmark = pytest.mark.django_db

ANN, BOB = pseudonymise("ann"), pseudonymise("bob")
STARTED, ENDED = "workbench.session_started", "workbench.session_ended"
CREATED, ACCEPTED = "workbench.draft_created", "workbench.draft_accepted"
DECIDED = "workbench.approval_completed"


@pytest.fixture
def key() -> ApiKey:
    return make_key()


def erase_user(name: str = "ann", **choices: Any) -> Erasure:
    return erase(SubjectOfPosts("production", "user", name), now=MOMENT, **choices)


def sessions_left() -> set[str]:
    return set(RawEvent.objects.values_list("session_id", flat=True))


def test_a_session_of_two_users_loses_only_the_events_that_name_the_one() -> None:
    fold(
        event(STARTED, session="own", userId=ANN),
        event(ACCEPTED, session="own", draftId="d-1"),
        event(STARTED, session="shared", userId=ANN),
        event(ENDED, minutes(5), session="shared", userId=BOB),
        event(ACCEPTED, session="shared", draftId="d-2"),
    )

    erase_user()

    assert table(RawEvent, "session_id", "event") == [("shared", ACCEPTED), ("shared", ENDED)]
    assert table(Session, "session_id", "user_hash", "started_at", "ended_at") == [
        ("shared", BOB, None, minutes(5))
    ]
    assert table(Draft, "draft_id") == [("d-2",)]
    assert table(SessionLink, "kind", "thing_id", "session_id") == [
        ("draft", "d-2", "shared"),
        ("user", BOB, "shared"),
    ]


def test_a_decision_in_a_session_of_somebody_else_goes_with_its_approver() -> None:
    fold(
        event("workbench.approval_requested", toolIds=["t"], contextType="x"),
        event(DECIDED, minutes(1), approved=True, approverId=ANN),
        event(DECIDED, minutes(2), approved=False, approverId=BOB),
    )

    erase_user()

    assert table(ApprovalDecision, "approver_hash", "requested_at") == [(BOB, MOMENT)]


def test_a_draft_of_two_is_made_again_from_what_the_other_sent() -> None:
    fold(
        event(STARTED, session="anns", userId=ANN),
        event(CREATED, session="anns", source="template", draftId="d"),
        event(ACCEPTED, minutes(3), session="bobs", draftId="d"),
    )

    erasure = erase_user()

    assert table(Draft, "draft_id", "created_at", "source", "accepted_at", "has_template_source") == [
        ("d", None, "", minutes(3), False)
    ]
    assert erasure.receipt["rows"] == {"draft": 1, "session": 1}


def test_pruned_facts_of_others_stay_without_the_subjects_ids() -> None:
    fold(
        event(STARTED, session="anns", userId=ANN),
        event(ACCEPTED, session="anns", draftId="d"),
        event("workbench.draft_edited", minutes(1), session="bobs", draftId="d", editType="chat"),
        event(ACCEPTED, minutes(2), session="anns", draftId="own"),
    )
    RawEvent.objects.all().delete()
    Environment.objects.update(raw_kept_from=minutes(60))

    erasure = erase_user()

    [(draft_id, accepted_at, session_id)] = table(Draft, "draft_id", "accepted_at", "accepted_session_id")
    assert (draft_id, accepted_at) == ("d", MOMENT)
    assert session_id.startswith("gone_")
    assert erasure.receipt["kept_with_others"] == {"draft": 1}
    assert erasure.receipt["event_counts_kept_before"] == "2026-02-02T11:00:00Z"
    assert table(EventCount, "event", "events") == [
        (ACCEPTED, 2),
        ("workbench.draft_edited", 1),
        (STARTED, 1),
    ]


def test_what_an_erasure_kept_is_not_lost_with_another() -> None:
    fold(
        event(STARTED, session="anns", userId=ANN),
        event(CREATED, session="anns", source="chat", draftId="d"),
        event(STARTED, session="bobs", userId=BOB),
        event(ACCEPTED, minutes(3), session="bobs", draftId="d"),
    )
    erase_user("ann", mode="keep")

    erase_user("bob")

    [(created_at, accepted_session_id)] = table(Draft, "created_at", "accepted_session_id")
    assert created_at == MOMENT
    assert accepted_session_id.startswith("gone_")


def test_kept_things_hang_together_under_other_names() -> None:
    fold(
        event(STARTED, userId=ANN),
        event(ACCEPTED, draftId="d"),
        event("workbench.workflow_run_started", runId="r", draftId="d", traceId="t"),
    )

    erase_user(mode="keep")

    [(session_id, user)] = table(Session, "session_id", "user_hash")
    [(draft_id, accepted_in)] = table(Draft, "draft_id", "accepted_session_id")
    [run] = table(WorkflowRun, "run_id", "session_id", "draft_id", "trace_id")
    assert (accepted_in, user) == (session_id, "")
    assert run[1:] == (session_id, draft_id, "")
    assert all(name.startswith("gone_") for name in (session_id, draft_id, run[0]))


SPAN = {"traceId": "t", "runId": "r"}
OF_AGENT = {**SPAN, "spanId": "1", "agentRunId": "a", "agentName": "x", "status": "completed"}


def model_call(session: str, span: str, *, cost: float = 0.5) -> dict[str, Any]:
    return event(
        "agent.model_called", minutes(1), session=session, **SPAN, spanId=span, parentSpanId="1", costUsd=cost
    )


def erase_session(name: str, **choices: Any) -> Erasure:
    return erase(SubjectOfPosts("production", "session", name), now=MOMENT, **choices)


def test_erased_calls_leave_the_sums_of_their_agent_and_its_bucket_is_computed_again() -> None:
    fold(event("agent.run_completed", minutes(40), session="theirs", **OF_AGENT))
    fold(model_call("mine", "2"), model_call("theirs", "3", cost=0.25))
    SpanLink.objects.create(
        environment="production", trace_id="t", span_id="8", parent_span_id="9", received_at=MOMENT
    )
    TouchedBucket.objects.all().delete()

    erase_session("mine")

    assert table(AgentRun, "calls", "called_cost_micro_usd") == [(1, 250_000)]
    assert table(ModelCall, "session_id", "owner_id") == [("theirs", "a")]
    assert minutes(30) in set(TouchedBucket.objects.values_list("bucket_start", flat=True))
    assert not SpanLink.objects.exists()


def test_calls_of_an_erased_agent_belong_to_none() -> None:
    fold(event("agent.run_completed", session="mine", **OF_AGENT), model_call("theirs", "2"))

    erase_session("mine")

    assert table(ModelCall, "session_id", "owner_id") == [("theirs", "")]
    assert table(WorkflowRun, "run_id", "first_seen_at", "is_only_called") == [("r", minutes(1), True)]


def test_a_run_that_only_erased_calls_named_goes_with_them() -> None:
    fold(model_call("mine", "2"))

    erase_session("mine")

    assert not WorkflowRun.objects.exists()
    assert not ModelCall.objects.exists()


def test_kept_calls_stay_with_their_agent_under_other_names() -> None:
    fold(event("agent.run_completed", session="mine", **OF_AGENT), model_call("mine", "2"))

    erase_session("mine", mode="keep")

    [call] = table(ModelCall, "owner_id", "run_id", "session_id", "trace_id", "span_id", "parent_span_id")
    assert [call[:3]] == table(AgentRun, "agent_run_id", "run_id", "session_id")
    assert call[3:] == ("", "", "")
    assert all(name.startswith("gone_") for name in call[:3])
    assert table(AgentRun, "calls", "called_cost_micro_usd") == [(1, 500_000)]


def test_an_erased_run_is_gone_from_what_repeats_it() -> None:
    repeat = event("workbench.workflow_run_started", session="theirs", runId="r-2", retryOfRunId="r")
    fold(event("workbench.workflow_run_started", session="mine", runId="r"), repeat)

    erase(SubjectOfPosts("production", "run", "r"), now=MOMENT, mode="keep")

    [retried] = WorkflowRun.objects.filter(run_id="r-2").values_list("retry_of_run_id", flat=True)
    assert retried.startswith("gone_")


def test_an_end_leaves_no_scratch_and_no_name() -> None:
    fold(event(STARTED, userId=ANN))

    erasure = erase_user()

    assert (erasure.state, erasure.working_id, erasure.finished_at) == ("done", "", MOMENT)
    assert not ErasureThing.objects.exists()
    assert BOB not in json.dumps(list(ErasedSubject.objects.values()), default=str)


def test_erasing_again_finds_nothing() -> None:
    fold(event(STARTED, userId=ANN))
    erase_user()

    assert erase_user().receipt["raw_events_total"] == 0


def test_a_preview_counts_and_leaves_everything(key: ApiKey) -> None:
    fold(
        event(STARTED, session="anns", userId=ANN),
        event(ACCEPTED, session="anns", draftId="d"),
        event(ACCEPTED, session="bobs", draftId="d"),
    )
    erasure = request_erasure(
        ErasureRequest(environment="production", kind="user", subject="ann"), requested_by="jo", now=MOMENT
    )

    steps.run_to_end(erasure, now=MOMENT)

    assert erasure.state == "previewed"
    assert erasure.preview == {
        "raw_events": {STARTED: 1, ACCEPTED: 1},
        "raw_events_by_day": {"2026-02-02": 2},
        "raw_events_total": 2,
        "quarantined_events": 0,
        "first_day": "2026-02-02",
        "last_day": "2026-02-02",
        "buckets": 1,
        "rows": {"session": 1},
        "shared_with_others": {"draft": 1},
    }
    assert RawEvent.objects.count() == 3
    erasures.discard(erasure)
    assert not Erasure.objects.exists()


@pytest.mark.parametrize(
    ("hold", "seen"),
    [
        ({}, 1),
        ({"environment": "production", "first_day": "2026-02-02", "last_day": "2026-02-02"}, 1),
        ({"environment": "staging"}, 0),
        ({"last_day": "2026-02-01"}, 0),
        ({"first_day": "2026-02-03"}, 0),
        ({"until": "2026-02-01"}, 0),
    ],
)
def test_a_preview_names_the_holds_on_its_days_and_they_stop_nothing(
    key: ApiKey, hold: dict[str, str], seen: int
) -> None:
    fold(event(STARTED, session="anns", userId=ANN))
    RetentionHold.objects.create(reason="A lawsuit", **hold)

    erasure = erase_user()

    assert erasure.preview.get("holds", 0) == seen
    assert (erasure.state, RawEvent.objects.count()) == ("done", 0)


@pytest.mark.parametrize(
    ("kind", "subject", "says"),
    [
        ("user", "", "characters"),
        ("user", "a b", "characters"),
        ("session", "x" * 129, "128"),
        ("session", "a\0b", "characters"),
        ("agent", "a", "kind"),
    ],
)
def test_refuses_a_subject_that_cannot_be(kind: str, subject: str, says: str) -> None:
    wanted = ErasureRequest(environment="production", kind=kind, subject=subject)

    with pytest.raises(erasures.BadSubject, match=says):
        request_erasure(wanted, requested_by="jo", now=MOMENT)


def test_refuses_an_unknown_environment() -> None:
    wanted = ErasureRequest(environment="nowhere", kind="user", subject="ann")

    with pytest.raises(erasures.UnknownErasureEnvironment):
        request_erasure(wanted, requested_by="jo", now=MOMENT)


def test_what_is_not_previewed_cannot_be_confirmed(key: ApiKey) -> None:
    wanted = ErasureRequest(environment="production", kind="user", subject="ann")
    erasure = request_erasure(wanted, requested_by="jo", now=MOMENT)

    with pytest.raises(erasures.NotToBeConfirmed):
        erasures.confirm(erasure)


def test_a_step_that_fails_is_taken_again_and_stops_after_twenty(
    key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise ValueError("no")

    wanted = ErasureRequest(environment="production", kind="user", subject="ann")
    erasure = request_erasure(wanted, requested_by="jo", now=MOMENT)
    states = dict(steps.STEPS)
    monkeypatch.setattr(steps, "STEPS", {**states, erasures.ErasureState.PREVIEWING: fail})
    for _ in range(erasures.MAX_FAILURES):
        steps.work(now=MOMENT, seconds=60)
    erasure.refresh_from_db()
    stopped = erasure.state

    erasures.try_again(erasure)

    assert (stopped, erasure.state, erasure.failures) == ("failed", "previewing", 0)


def test_no_kpi_is_computed_while_half_of_a_subject_is_gone(key: ApiKey) -> None:
    fold(event(STARTED, userId=ANN))
    Erasure.objects.create(
        environment_id="production",
        kind="user",
        digest="0" * 32,
        state="things",
        requested_by="jo",
        requested_at=MOMENT,
        not_before=MOMENT,
    )
    bring_up_to_date(now=MOMENT)

    assert TouchedBucket.objects.exists()


def test_the_buckets_of_an_erasure_say_why_they_are_touched() -> None:
    fold(event(STARTED, userId=ANN), event(ACCEPTED, draftId="d-1"), event(DECIDED, approved=True))
    TouchedBucket.objects.all().delete()
    erase_user()

    assert set(TouchedBucket.objects.values_list("cause", flat=True)) == {"erasure"}


# Later events -----------------------------------------------------------------------------------------------


def posted(name: str, *, now: datetime, session: str, **properties: Any) -> bytes:
    timestamp = (now - timedelta(minutes=1)).isoformat()
    document = {"event": name, "sessionId": session, "timestamp": timestamp, "properties": properties}
    return json.dumps(document).encode()


@pytest.fixture
def later(now: datetime) -> list[bytes]:
    return [
        posted(STARTED, now=now, session="own", userId="ann"),
        posted(ACCEPTED, now=now, session="own", draftId="d"),
        posted(DECIDED, now=now, session="bobs", approved=True, approverId="ann"),
        posted(STARTED, now=now, session="bobs", userId="bob"),
        posted(ACCEPTED, now=now, session="own"),
    ]


def test_the_door_refuses_later_events_and_keeps_nothing_of_them(
    key: ApiKey, later: list[bytes], now: datetime
) -> None:
    fold(event(STARTED, session="own", userId=ANN))
    erase_user()

    result = ingest_events(later, key=key, now=now)

    fields = [(entry["index"], entry["code"], entry["field"]) for entry in result.results]
    assert fields == [
        (0, "bad_id", "sessionId"),
        (1, "bad_id", "sessionId"),
        (2, "bad_id", "properties.approverId"),
        (4, "missing_property", ""),
    ]
    assert (result.accepted, QuarantinedEvent.objects.count()) == (1, 0)
    assert sessions_left() == {"bobs"}


def test_the_fold_erases_later_events_before_they_count(
    key: ApiKey, later: list[bytes], now: datetime
) -> None:
    fold(event(STARTED, session="own", userId=ANN))
    erase_user(later_events="erase")

    result = ingest_events(later, key=key, now=now)
    bring_up_to_date(now=now)

    assert (result.accepted, result.rejected) == (4, 1)
    assert sessions_left() == {"bobs"}
    assert table(Session, "session_id") == [("bobs",)]
    assert QuarantinedEvent.objects.count() == 0


def test_a_new_session_of_an_erased_user_is_erased_too(key: ApiKey, now: datetime) -> None:
    fold(event(STARTED, session="own", userId=ANN))
    erase_user(later_events="erase")
    ingest_events([posted(ACCEPTED, now=now, session="new", draftId="d")], key=key, now=now)
    bring_up_to_date(now=now)
    before = sessions_left()

    ingest_events([posted(STARTED, now=now, session="new", userId="ann")], key=key, now=now)
    bring_up_to_date(now=now)
    ingest_events([posted(ACCEPTED, now=now, session="new", draftId="d-2")], key=key, now=now)
    bring_up_to_date(now=now)
    [follow_up] = Erasure.objects.exclude(state="done")
    steps.work(now=now + timedelta(minutes=9), seconds=60)
    waiting = Erasure.objects.get(pk=follow_up.pk).state
    steps.work(now=now + timedelta(minutes=10), seconds=60)

    assert (before, waiting) == ({"new"}, "waiting")
    assert Erasure.objects.get(pk=follow_up.pk).state == "done"
    assert sessions_left() == set()
    assert not Draft.objects.exists()


@pytest.mark.parametrize("mode", ["remove", "keep"])
def test_requests_to_run_a_run_again_go_with_it(mode: str) -> None:
    fold(event("workbench.workflow_run_completed", runId="r-1", status="failed"))
    fold(event("workbench.workflow_run_completed", minutes(1), session="s-2", runId="r-0", status="failed"))
    for run_id, new_run_id in (("r-1", "r-2"), ("r-0", "r-1")):
        RetryRequest.objects.create(
            environment="production", run_id=run_id, new_run_id=new_run_id, requested_at=MOMENT, state="done"
        )

    erasure = erase(SubjectOfPosts("production", "run", "r-1"), now=MOMENT, mode=mode)

    assert table(RetryRequest, "run_id", "new_run_id") == [("r-0", "")]
    assert erasure.receipt["rows"]["retry request"] == 1
