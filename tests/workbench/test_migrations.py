"""What migrations do to the rows of an earlier release."""

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps

from tests.builders import event, fold, minutes, table
from workbench.models import AgentRun, WorkflowRun

pytestmark = pytest.mark.django_db(transaction=True)

seen = import_module("workbench.migrations.0007_say_when_runs_were_seen")
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
