"""Every merge rule, in every order: the events come one by one, each after the last one's raw event is gone."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from django.db.models import Model

from telemetry.models import Arrival
from tests.builders import MOMENT, event, fold, fold_one_by_one, minutes, table
from workbench.fold import pending
from workbench.models import (
    AgentRun,
    ApprovalDecision,
    ApprovalRequest,
    AppServerState,
    AppServerStream,
    Draft,
    DraftCreation,
    EventCount,
    ModelCall,
    Session,
    WorkflowRun,
)

pytestmark = pytest.mark.django_db

THINGS: tuple[type[Model], ...] = (
    AgentRun,
    ApprovalDecision,
    ApprovalRequest,
    AppServerState,
    AppServerStream,
    Draft,
    DraftCreation,
    ModelCall,
    Session,
    WorkflowRun,
)


def with_key(number: int, document: dict[str, Any]) -> dict[str, Any]:
    """The event with that event key."""
    return {**document, "key": UUID(int=number)}


def run_completed(number: int, minute: float, **properties: Any) -> dict[str, Any]:
    return with_key(
        number, event("workbench.workflow_run_completed", minutes(minute), runId="r-1", **properties)
    )


def agent(name: str, minute: float, session: str = "s-1", **properties: Any) -> dict[str, Any]:
    return event(f"agent.run_{name}", minutes(minute), session=session, agentRunId="a-1", **properties)


def draft(name: str, minute: float, session: str = "s-1", **properties: Any) -> dict[str, Any]:
    properties.setdefault("draftId", "d-1")
    return event(f"workbench.{name}", minutes(minute), session=session, **properties)


def worker(number: int, minute: float, state: str, **properties: Any) -> dict[str, Any]:
    report = event(
        "appserver.worker_state_changed", minutes(minute), workerId="w-1", state=state, **properties
    )
    return with_key(number, report)


@dataclass(frozen=True, kw_only=True)
class MergeCase:
    """Events of one thing, and what its row says after them, whatever their order."""

    model: type[Model]
    fields: tuple[str, ...]
    row: tuple[Any, ...]
    events: list[dict[str, Any]]


CASES: dict[str, MergeCase] = {
    "a session's start, end, shortest duration and smallest user": MergeCase(
        model=Session,
        fields=("started_at", "ended_at", "duration_ms", "user_hash"),
        row=(minutes(1), minutes(5), 300, "h-a"),
        events=[
            event("workbench.session_started", minutes(1), userId="h-b"),
            event("workbench.session_started", minutes(2), userId="h-a"),
            event("workbench.session_ended", minutes(9), durationMs=300),
            event("workbench.session_ended", minutes(5), durationMs=400),
            event("workbench.chat_message_sent", minutes(0)),
        ],
    ),
    "a session's earliest event of each step of the funnel": MergeCase(
        model=Session,
        fields=("draft_created_at", "draft_accepted_at", "run_started_at", "run_completed_at", "started_at"),
        row=(minutes(1), minutes(2), minutes(3), minutes(4), None),
        events=[
            draft("draft_created", 1, source="chat"),
            draft("draft_accepted", 2),
            draft("draft_accepted", 6, draftId="d-2"),
            event("workbench.workflow_run_started", minutes(3), runId="r-1", draftId="d-1"),
            run_completed(1, 4, status="failed"),
        ],
    ),
    "the sources of a session's drafts, each once, and its earliest use of a template": MergeCase(
        model=Session,
        fields=("template_used_at", "started_at"),
        row=(minutes(2), None),
        events=[
            draft("draft_created", 1, source="chat"),
            draft("draft_created", 5, source="template"),
            draft("draft_created", 6, source="chat", draftId="d-2"),
            draft("template_inserted", 3, templateId="t"),
            draft("draft_accepted", 2, source="template"),
        ],
    ),
    "a draft's earliest creation, rejection and template, latest edit, smallest source": MergeCase(
        model=Draft,
        fields=("created_at", "source", "rejected_at", "edited_at", "template_inserted_at", "accepted_at"),
        row=(minutes(1), "blank", minutes(3), minutes(8), None, None),
        events=[
            draft("draft_created", 1, source="chat"),
            draft("draft_created", 2, source="blank"),
            draft("draft_rejected", 3),
            draft("draft_edited", 8, editType="chat"),
            draft("draft_edited", 5, editType="canvas"),
        ],
    ),
    "a draft's earliest acceptance decides its session": MergeCase(
        model=Draft,
        fields=("accepted_at", "accepted_session_id", "template_inserted_at", "has_template_source"),
        row=(minutes(1), "s-2", minutes(2), False),
        events=[
            draft("draft_accepted", 3, session="s-1"),
            draft("draft_accepted", 1, session="s-2"),
            draft("draft_accepted", 2, session="s-0", source="chat"),
            draft("template_inserted", 2, templateId="t"),
            draft("template_inserted", 3, templateId="t"),
        ],
    ),
    "of two acceptances in one moment the smallest session": MergeCase(
        model=Draft,
        fields=("accepted_at", "accepted_session_id", "has_template_source"),
        row=(minutes(1), "s-1", True),
        events=[
            draft("draft_accepted", 1, session="s-2"),
            draft("draft_accepted", 1, session="s-1"),
            draft("draft_accepted", 1, session="s-3", source="template"),
        ],
    ),
    "a run's earliest start and completion, and what the completion said": MergeCase(
        model=WorkflowRun,
        fields=("started_at", "completed_at", "status", "duration_ms", "error_type", "completed_key"),
        row=(minutes(1), minutes(4), "failed", None, "timeout", UUID(int=2)),
        events=[
            event("workbench.workflow_run_started", minutes(1), runId="r-1", draftId="d-1"),
            event("workbench.workflow_run_started", minutes(2), runId="r-1", draftId="d-1"),
            run_completed(1, 5, status="completed", durationMs=9, errorType="none"),
            run_completed(2, 4, status="failed", errorType="timeout"),
        ],
    ),
    "of two completions in one moment the smallest event key": MergeCase(
        model=WorkflowRun,
        fields=("completed_at", "status", "duration_ms", "error_type"),
        row=(minutes(4), "cancelled", 7, ""),
        events=[
            run_completed(3, 4, status="completed", durationMs=9),
            run_completed(2, 4, status="cancelled", durationMs=7),
            run_completed(0xFF, 4, status="failed", errorType="timeout"),
        ],
    ),
    "a run's smallest known names, whichever event says them": MergeCase(
        model=WorkflowRun,
        fields=("session_id", "draft_id", "workflow_id", "workflow_name", "trigger", "trace_id"),
        row=("s-1", "d-1", "W-1", "_import", "api", "t-1"),
        events=[
            event("workbench.workflow_run_started", MOMENT, runId="r-1", draftId="d-2", workflowName="a"),
            event("workbench.workflow_run_started", MOMENT, runId="r-1", draftId="d-1", trigger="user"),
            event(
                "workbench.workflow_run_started",
                MOMENT,
                session="s-2",
                runId="r-1",
                draftId="d-3",
                trigger="api",
            ),
            run_completed(1, 4, status="failed", workflowId="w-1", workflowName="_import", traceId="t-1"),
            run_completed(2, 5, status="failed", workflowId="W-1"),
        ],
    ),
    "when a run was seen, by itself and by others, and the smallest run that it repeats": MergeCase(
        model=WorkflowRun,
        fields=("first_seen_at", "last_seen_at", "retry_of_run_id", "started_at", "session_id"),
        row=(minutes(1), minutes(7), "R-0", minutes(2), "s-2"),
        events=[
            event(
                "workbench.workflow_run_started", minutes(2), session="s-2", runId="r-1", retryOfRunId="r-0"
            ),
            event(
                "workbench.workflow_run_started", minutes(3), session="s-3", runId="r-1", retryOfRunId="R-0"
            ),
            agent("started", 1, runId="r-1", agentName="planner"),
            event("agent.model_called", minutes(7), runId="r-1", traceId="t-1", spanId="sp-1"),
            event("workbench.approval_completed", minutes(6), approved=True, runId="r-1"),
        ],
    ),
    "an agent run's start, completion, highest attempt and cost": MergeCase(
        model=AgentRun,
        fields=(
            "started_at",
            "completed_at",
            "status",
            "attempt",
            "cost_micro_usd",
            "input_tokens",
            "agent_name",
        ),
        row=(minutes(1), minutes(3), "completed", 3, 1_500_000, 10, "planner"),
        events=[
            agent("started", 2, runId="r-1", agentName="planner", attempt=3),
            agent("started", 1, runId="r-1", agentName="planner", attempt=2),
            agent(
                "completed",
                3,
                runId="r-1",
                agentName="planner",
                status="completed",
                costUsd=1.5,
                inputTokens=10,
            ),
            agent(
                "completed", 4, runId="r-1", agentName="tester", status="failed", costUsd=9, outputTokens=7
            ),
        ],
    ),
    "an agent run's smallest run, session, model, action and ids": MergeCase(
        model=AgentRun,
        fields=(
            "run_id",
            "session_id",
            "agent_id",
            "action",
            "model",
            "trace_id",
            "span_id",
            "parent_span_id",
            "output_tokens",
        ),
        row=("r-1", "s-1", "ag-1", "plan", "m-1", "t-1", "sp-1", "sp-0", None),
        events=[
            agent("started", 1, session="s-2", runId="r-2", agentId="ag-1", traceId="t-1"),
            agent("completed", 2, session="s-1", runId="r-1", status="failed", action="plan", spanId="sp-1"),
            agent(
                "started",
                3,
                session="s-3",
                runId="r-1",
                agentId="ag-2",
                model="m-1",
                action="test",
                parentSpanId="sp-0",
            ),
        ],
    ),
    "the newest report of a worker, the largest key within a moment": MergeCase(
        model=AppServerState,
        fields=("subject", "state", "backoff_ms", "changed_at"),
        row=("worker:w-1", "backoff", 500, minutes(3)),
        events=[
            worker(9, 1, "ready"),
            worker(2, 3, "backoff", backoffMs=500),
            worker(1, 3, "restarting"),
        ],
    ),
    "a stream's earliest opening and closing, its latest event and its instance": MergeCase(
        model=AppServerStream,
        fields=("stream_id", "session_id", "opened_at", "closed_at", "seen_at"),
        row=("st-1", "s-1", minutes(1), minutes(3), minutes(4)),
        events=[
            event("appserver.stream_opened", minutes(1), streamId="st-1"),
            event("appserver.stream_closed", minutes(4), streamId="st-1"),
            event("appserver.stream_closed", minutes(3), streamId="st-1", route="/chat"),
        ],
    ),
    "the newest state of maintenance": MergeCase(
        model=AppServerState,
        fields=("subject", "state", "changed_at"),
        row=("maintenance", "off", minutes(2)),
        events=[
            event("appserver.maintenance_changed", minutes(1), enabled=True),
            event("appserver.maintenance_changed", minutes(2), enabled=False),
        ],
    ),
}


def orders(events: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Every order of up to three events; of more, each event first and last, forwards and backwards."""
    if len(events) <= 3:
        yield from map(list, itertools.permutations(events))
        return
    for shift in range(len(events)):
        rotated = events[shift:] + events[:shift]
        yield from (rotated, rotated[::-1])


def empty_tables() -> None:
    for model in THINGS:
        model._default_manager.all().delete()


@pytest.mark.parametrize("name", CASES)
def test_in_any_order_one_by_one(name: str) -> None:
    case = CASES[name]
    for order in orders(case.events):
        empty_tables()

        fold_one_by_one(*order)

        assert table(case.model, *case.fields) == [case.row], [event["event"] for event in order]


@pytest.mark.parametrize("name", CASES)
def test_all_at_once_and_again(name: str) -> None:
    case = CASES[name]

    fold(*case.events)

    assert table(case.model, *case.fields) == [case.row]

    Arrival.objects.update(taken_at=None)
    pending.fold_pending(now=MOMENT)

    assert table(case.model, *case.fields) == [case.row]


def test_approvals_keep_what_their_events_say() -> None:
    fold(
        with_key(
            1,
            event(
                "workbench.approval_requested",
                minutes(1),
                toolIds=["b", "a", "b"],
                contextType="incident",
                approvalId="x",
                runId="r-1",
            ),
        ),
        with_key(
            2,
            event(
                "workbench.approval_completed", minutes(3), approved=False, approverId="h-1", approvalId="x"
            ),
        ),
    )

    [(*requested, tools)] = table(
        ApprovalRequest, "session_id", "approval_id", "run_id", "context_type", "requested_at", "tool_ids"
    )

    assert requested == ["s-1", "x", "r-1", "incident", minutes(1)]
    assert json.loads(tools) == ["a", "b"]
    assert table(ApprovalDecision, "approval_id", "approver_hash", "approved", "tool_ids", "decided_at") == [
        ("x", "h-1", False, "", minutes(3))
    ]


def test_an_approval_event_is_one_row_however_often_it_is_folded() -> None:
    events = [
        event("workbench.approval_requested", minutes(1), toolIds=["a"], contextType="c"),
        event("workbench.approval_completed", minutes(2), approved=True),
        draft("draft_created", 3, draftId=None, source="chat"),
    ]
    del events[2]["properties"]["draftId"]
    fold(*events)
    Arrival.objects.update(taken_at=None)

    pending.fold_pending(now=MOMENT)

    assert ApprovalRequest.objects.count() == 1
    assert ApprovalDecision.objects.count() == 1
    assert DraftCreation.objects.count() == 1


def test_a_thing_in_two_environments_stays_two() -> None:
    events = [
        draft("draft_created", 1, source="chat"),
        draft("draft_accepted", 2),
        run_completed(1, 3, status="failed"),
        agent("started", 4, runId="r-1", agentName="planner"),
    ]
    fold(*events[:1], environment="staging")

    fold(*events[1:], environment="production")

    assert table(Draft, "environment", "created_at", "accepted_at") == [
        ("production", None, minutes(2)),
        ("staging", minutes(1), None),
    ]
    assert table(WorkflowRun, "environment", "run_id") == [("production", "r-1")]
    assert table(AgentRun, "environment", "agent_run_id") == [("production", "a-1")]


@pytest.mark.parametrize("order", [*itertools.permutations(("chat", "blank", "template"))])
def test_a_session_keeps_each_source_of_its_drafts_once(order: tuple[str, ...]) -> None:
    fold_one_by_one(
        *(draft("draft_created", minute, source=source) for minute, source in enumerate((*order, order[0]))),
        draft("draft_accepted", 9, source="other"),
    )

    [(sources,)] = table(Session, "draft_sources")
    assert json.loads(sources) == ["blank", "chat", "template"]


def test_only_its_ends_the_steps_of_the_funnel_and_templates_make_a_session() -> None:
    fold(
        event("workflow.created", source="api"),
        event("appserver.stream_opened", streamId="st-1"),
        agent("started", 1, runId="r-1", agentName="planner"),
        event("workbench.chat_message_sent", session="s-2"),
        draft("draft_edited", 1, session="s-3"),
        draft("draft_created", 1, session="s-4"),
        draft("template_inserted", 1, session="s-5"),
    )

    assert table(Session, "session_id", "draft_sources") == [("s-4", ""), ("s-5", "")]


def test_events_are_counted_by_bucket_name_and_source() -> None:
    fold(
        event("workbench.chat_message_sent", minutes(14.9)),
        event("workbench.chat_message_sent", minutes(15)),
        event("workflow.created", source="api", session="i-1"),
        event("workflow.created", source="api", session="i-2"),
    )

    fold(event("workflow.created", source="manual"), event("workbench.chat_message_sent", minutes(0)))

    assert table(EventCount, "bucket_start", "event", "variant", "events") == [
        (minutes(0), "workbench.chat_message_sent", "", 2),
        (minutes(0), "workflow.created", "api", 2),
        (minutes(0), "workflow.created", "manual", 1),
        (minutes(15), "workbench.chat_message_sent", "", 1),
    ]
