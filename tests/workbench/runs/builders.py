"""Runs as the fold would write them."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from tests.builders import NOW
from workbench.models import AgentRun, ApprovalDecision, ApprovalRequest, ModelCall, WorkflowRun


def make_run(name: str = "r-1", *, back: timedelta = timedelta(hours=1), **fields: Any) -> WorkflowRun:
    """A run of `triage` that began that long before NOW and completed after 10 seconds."""
    begin: datetime = NOW - back
    defaults = {
        "environment": "production",
        "run_id": name,
        "workflow_name": "triage",
        "session_id": "s-1",
        "trigger": "schedule",
        "first_seen_at": begin,
        "started_at": begin,
        "completed_at": begin + timedelta(seconds=10),
        "last_seen_at": begin + timedelta(seconds=10),
        "status": "completed",
        "duration_ms": 10_000,
    }
    return WorkflowRun.objects.create(**defaults | fields)


def make_open_run(name: str = "r-1", *, back: timedelta = timedelta(minutes=1), **fields: Any) -> WorkflowRun:
    """A run that has not completed, and of which nothing was heard since its start."""
    defaults = {"completed_at": None, "status": "", "duration_ms": None, "last_seen_at": NOW - back}
    return make_run(name, back=back, **defaults | fields)


def make_agent(
    name: str = "a-1", *, run: str = "r-1", back: timedelta = timedelta(hours=1), **fields: Any
) -> AgentRun:
    begin = NOW - back
    defaults = {
        "environment": "production",
        "agent_run_id": name,
        "run_id": run,
        "agent_name": "writer",
        "started_at": begin,
        "completed_at": begin + timedelta(seconds=5),
        "status": "completed",
        "span_id": f"span-{name}",
    }
    return AgentRun.objects.create(**defaults | fields)


def make_call(owner: str = "a-1", *, run: str = "r-1", **fields: Any) -> ModelCall:
    defaults = {
        "event_key": uuid.uuid4(),
        "environment": "production",
        "session_id": "s-1",
        "run_id": run,
        "agent_run_id": "",
        "trace_id": "t-1",
        "span_id": "",
        "parent_span_id": "",
        "model": "model-small",
        "called_at": NOW - timedelta(minutes=59),
        "duration_ms": 800,
        "status": "completed",
        "error_type": "",
        "owner_id": owner,
    }
    return ModelCall.objects.create(**defaults | fields)


def make_approval(
    *, run: str = "r-1", back: timedelta = timedelta(hours=1), **fields: Any
) -> ApprovalRequest:
    defaults = {
        "event_key": uuid.uuid4(),
        "environment": "production",
        "session_id": "s-1",
        "approval_id": "",
        "run_id": run,
        "tool_ids": "[]",
        "context_type": "refund",
        "requested_at": NOW - back,
    }
    return ApprovalRequest.objects.create(**defaults | fields)


def decide(
    request: ApprovalRequest,
    *,
    after: timedelta = timedelta(seconds=2),
    approved: bool = True,
    **fields: Any,
) -> None:
    """A decision on the request, which both sides know."""
    request.decided_at = request.requested_at + after
    request.save()
    defaults = {
        "event_key": uuid.uuid4(),
        "environment": request.environment,
        "session_id": request.session_id,
        "approval_id": request.approval_id,
        "run_id": request.run_id,
        "tool_ids": "",
        "approver_hash": "h",
        "approved": approved,
        "decided_at": request.decided_at,
        "requested_at": request.requested_at,
    }
    ApprovalDecision.objects.create(**defaults | fields)
