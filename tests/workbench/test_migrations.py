"""What migrations do to the rows of an earlier release."""

import json
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps

from tests.builders import event, fold, minutes, table
from workbench.models import AgentRun, EarlyStep, Session, WorkflowRun

pytestmark = pytest.mark.django_db(transaction=True)

seen = import_module("workbench.migrations.0007_say_when_runs_were_seen")
funnel = import_module("workbench.migrations.0012_place_sessions_in_the_funnel")
COLUMNS = ("run_id", "first_seen_at", "last_seen_at", "started_at")


def agent(name: str, minute: float, **properties: Any) -> dict[str, Any]:
    base = {"agentRunId": f"a-{minute}", "agentName": "planner", "status": "failed"}
    return event(f"agent.run_{name}", minutes(minute), **{**base, **properties})


def test_runs_of_before_are_as_if_they_had_been_folded_now(monkeypatch: pytest.MonkeyPatch) -> None:
    fold(
        event("workbench.workflow_run_started", minutes(2), runId="r-1"),
        event("workbench.workflow_run_completed", minutes(5), runId="r-1", status="completed"),
        agent("started", 1, runId="r-1"),
        agent("completed", 7, runId="r-2"),
        event("workbench.approval_requested", minutes(9), toolIds=["t"], contextType="c", runId="r-1"),
        event("workbench.approval_completed", minutes(8), approved=True, runId="r-3"),
    )
    folded = table(WorkflowRun, *COLUMNS)
    WorkflowRun.objects.filter(started_at=None).delete()
    WorkflowRun.objects.update(first_seen_at=None, last_seen_at=None)
    monkeypatch.setattr(seen, "ROWS_PER_STEP", 1)

    for _ in range(2):
        seen.fill_seen(apps, None)

        assert table(WorkflowRun, *COLUMNS) == folded


def test_an_agent_that_names_no_run_makes_none_known() -> None:
    AgentRun.objects.create(environment="production", agent_run_id="a", started_at=minutes(1))

    seen.fill_seen(apps, None)

    assert not WorkflowRun.objects.exists()


PLACES = (
    "session_id",
    "funnel_steps",
    "funnel_created_at",
    "funnel_accepted_at",
    "funnel_run_started_at",
    "funnel_run_completed_at",
    "template_used_at",
)


def workbench(name: str, minute: float, session: str, **properties: Any) -> dict[str, Any]:
    return event(f"workbench.{name}", minutes(minute), session=session, **properties)


def test_sessions_of_before_have_the_place_that_they_would_have_now(monkeypatch: pytest.MonkeyPatch) -> None:
    fold(
        workbench("session_started", 0, "s-1"),
        workbench("draft_created", 1, "s-1", source="chat", draftId="d-1"),
        workbench("draft_created", 2, "s-1", source="blank"),
        workbench("template_inserted", 3, "s-1", draftId="d-1", templateId="t"),
        workbench("draft_accepted", 4, "s-1", draftId="d-1"),
        workbench("session_started", 5, "s-2"),
        workbench("draft_created", 6, "s-2", source="template", draftId="d-2"),
        workbench("workflow_run_started", 5, "s-2", runId="r-1", draftId="d-2"),
        workbench("draft_created", 6, "s-3", source="chat", draftId="d-3"),
        # It creates no draft, so it has no source.
        workbench("workflow_run_started", 7, "s-4", runId="r-2", draftId="d-1"),
    )
    folded, early = table(Session, *PLACES), table(EarlyStep, "session_id", "step", "happened_at")
    sources = {row.session_id: json.loads(row.draft_sources or "[]") for row in Session.objects.all()}
    EarlyStep.objects.all().delete()
    Session.objects.update(
        **dict.fromkeys(PLACES[2:]), funnel_steps=0, draft_sources="", prior_started_at=None
    )
    monkeypatch.setattr(funnel, "ROWS_PER_STEP", 1)

    for _ in range(2):
        funnel.place_sessions(apps, None)

        assert table(Session, *PLACES) == folded
        assert table(EarlyStep, "session_id", "step", "happened_at") == early
        assert {
            row.session_id: json.loads(row.draft_sources or "[]") for row in Session.objects.all()
        } == sources
