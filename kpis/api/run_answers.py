"""Runs as the read API answers them, and their OpenAPI form. docs/runs.md describes the fields."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rest_framework import serializers

from web.moments import rfc3339
from workbench.models import AgentRun, ModelCall, WorkflowRun
from workbench.runs.approvals import ApprovalWait
from workbench.runs.detail import Part, RunDetail
from workbench.runs.errors import SameError
from workbench.runs.events import RunEvents
from workbench.runs.lengths import taken
from workbench.runs.listing import ListedRun, RunPage
from workbench.runs.states import RunState
from workbench.runs.totals import Used, used_by
from workbench.runs.usual import Usual


class UsualSerializer(serializers.Serializer[Any]):
    runs = serializers.IntegerField(help_text="Completed runs of the workflow that it is of: 20 to 50")
    p50_seconds = serializers.FloatField()
    p95_seconds = serializers.FloatField()


class RunSerializer(serializers.Serializer[Any]):
    runId = serializers.CharField()
    # No choice: the health report has a field of this name too, and both would be named by a hash.
    status = serializers.CharField(
        help_text=f"One of {', '.join(RunState)}. silent: no news for 15 minutes; abandoned: no completion for 24 hours"
    )
    inferred = serializers.BooleanField(help_text="It runs, and only its agents speak of it")
    workflow = serializers.CharField(help_text="Its name, else its id, else unknown")
    workflowId = serializers.CharField(allow_blank=True)
    trigger = serializers.CharField(allow_blank=True)
    sessionId = serializers.CharField(allow_blank=True)
    draftId = serializers.CharField(allow_blank=True)
    traceId = serializers.CharField(allow_blank=True)
    retryOfRunId = serializers.CharField(allow_blank=True)
    first_seen_at = serializers.DateTimeField(allow_null=True)
    last_seen_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    completed_at = serializers.DateTimeField(allow_null=True)
    duration_seconds = serializers.FloatField(allow_null=True, help_text="null until it has completed")
    usual = UsualSerializer(allow_null=True, help_text="null: too few runs of the workflow completed")
    slower_than_usual = serializers.BooleanField()
    errorType = serializers.CharField(allow_blank=True)
    agents = serializers.IntegerField()
    agents_failed = serializers.IntegerField()
    model_calls = serializers.IntegerField()
    input_tokens = serializers.IntegerField(allow_null=True)
    output_tokens = serializers.IntegerField(allow_null=True)
    cost_usd = serializers.FloatField(allow_null=True)
    cost_estimated = serializers.BooleanField(help_text="From the run time: nothing of it reports a cost")


class RunListSerializer(serializers.Serializer[Any]):
    environment = serializers.CharField(allow_blank=True)
    now = serializers.DateTimeField()
    runs = RunSerializer(many=True, help_text="Newest first")
    newer = serializers.CharField(allow_null=True, help_text="For newer=; null: this is the first page")
    older = serializers.CharField(allow_null=True, help_text="For older=; null: this is the last page")


class RunDetailSerializer(RunSerializer):
    environment = serializers.CharField()
    agent_runs = serializers.ListField(child=serializers.DictField())
    calls = serializers.ListField(child=serializers.DictField())
    approvals = serializers.ListField(child=serializers.DictField())
    by_agent = serializers.ListField(child=serializers.DictField())
    by_model = serializers.ListField(child=serializers.DictField())
    same_error = serializers.DictField(allow_null=True)
    events = serializers.DictField()
    retried_by = serializers.ListField(child=serializers.CharField())
    earlier = serializers.ListField(child=serializers.CharField(), help_text="Of the workflow, nearest first")
    later = serializers.ListField(child=serializers.CharField())


def page_json(page: RunPage, *, environment: str, now: datetime) -> dict[str, Any]:
    return {
        "environment": environment,
        "now": rfc3339(now),
        "runs": [run_json(listed) for listed in page.runs],
        "newer": str(page.newer) if page.newer else None,
        "older": str(page.older) if page.older else None,
    }


def run_json(listed: ListedRun) -> dict[str, Any]:
    run, totals = listed.run, listed.totals
    return {
        "runId": run.run_id,
        "status": listed.state.value,
        "inferred": listed.is_inferred,
        "workflow": listed.workflow,
        "workflowId": run.workflow_id,
        "trigger": run.trigger,
        "sessionId": run.session_id,
        "draftId": run.draft_id,
        "traceId": run.trace_id,
        "retryOfRunId": run.retry_of_run_id,
        "first_seen_at": moment_json(run.first_seen_at),
        "last_seen_at": moment_json(run.last_seen_at),
        "started_at": moment_json(run.started_at),
        "completed_at": moment_json(run.completed_at),
        "duration_seconds": seconds_json(taken(run)),
        "usual": usual_json(listed.usual),
        "slower_than_usual": listed.is_slow,
        "errorType": run.error_type,
        "agents": totals.agents,
        "agents_failed": totals.failed_agents,
        "model_calls": totals.calls,
        **used_json(totals.used),
        "cost_usd": dollars_json(listed.cost),
        "cost_estimated": listed.is_cost_estimated,
    }


def detail_json(detail: RunDetail) -> dict[str, Any]:
    return {
        "environment": detail.run.environment,
        **run_json(detail.listed),
        "agent_runs": [agent_json(agent) for agent in detail.agents],
        "calls": [call_json(call) for call in detail.calls],
        "approvals": [approval_json(wait) for wait in detail.approvals],
        "by_agent": [part_json(part) for part in detail.by_agent],
        "by_model": [part_json(part) for part in detail.by_model],
        "same_error": same_error_json(detail.same_error),
        "events": events_json(detail.events),
        "retried_by": run_ids(detail.retried_by),
        "earlier": run_ids(detail.earlier),
        "later": run_ids(detail.later),
    }


def agent_json(agent: AgentRun) -> dict[str, Any]:
    return {
        "agentRunId": agent.agent_run_id,
        "agentName": agent.agent_name,
        "action": agent.action,
        "model": agent.model,
        "attempt": agent.attempt,
        "spanId": agent.span_id,
        "parentSpanId": agent.parent_span_id,
        "status": agent.status or "running",
        "errorType": agent.error_type,
        "started_at": moment_json(agent.started_at),
        "completed_at": moment_json(agent.completed_at),
        "duration_seconds": seconds_json(taken(agent)),
        "model_calls": agent.calls,
        **used_json(used_by(agent)),
    }


def call_json(call: ModelCall) -> dict[str, Any]:
    return {
        "model": call.model,
        "agentRunId": call.owner_id,
        "spanId": call.span_id,
        "parentSpanId": call.parent_span_id,
        "status": call.status,
        "errorType": call.error_type,
        "called_at": rfc3339(call.called_at),
        "duration_seconds": None if call.duration_ms is None else call.duration_ms / 1000,
        "input_tokens": call.input_tokens,
        "output_tokens": call.output_tokens,
        "cost_usd": dollars_json(call.cost_micro_usd),
    }


def approval_json(wait: ApprovalWait) -> dict[str, Any]:
    request = wait.request
    return {
        "approvalId": request.approval_id,
        "contextType": request.context_type,
        "requested_at": rfc3339(request.requested_at),
        "decided_at": moment_json(request.decided_at),
        "approved": None if wait.decision is None else wait.decision.approved,
    }


def part_json(part: Part) -> dict[str, Any]:
    return {
        "name": part.name,
        "times": part.times,
        "failed": part.failed,
        "model_calls": part.calls,
        "seconds": seconds_json(part.microseconds),
        **used_json(part.used),
    }


def same_error_json(same: SameError | None) -> dict[str, Any] | None:
    if same is None:
        return None
    return {
        "errorType": same.error_type,
        "since": rfc3339(same.since),
        "runs": len(same.moments),
        "is_more": same.is_more,
        "by_workflow": dict(same.workflows),
        "first": same.first.run_id if same.first else None,
        "last": same.last.run_id if same.last else None,
    }


def events_json(events: RunEvents) -> dict[str, Any]:
    accepted = [
        {"at": rfc3339(event.at), "event": event.event, "source": event.raw.source if event.raw else None}
        for event in events.accepted
    ]
    rejected = [
        {
            "received_at": rfc3339(event.received_at),
            "event": event.event,
            "source": event.source,
            "code": event.code,
        }
        for event in events.rejected
    ]
    return {
        "accepted": accepted,
        "left_out": events.left_out,
        "rejected": rejected,
        "raw_kept_from": moment_json(events.raw_kept_from),
    }


def used_json(used: Used) -> dict[str, Any]:
    return {
        "input_tokens": used.input_tokens,
        "output_tokens": used.output_tokens,
        "cost_usd": dollars_json(used.cost),
    }


def usual_json(usual: Usual | None) -> dict[str, Any] | None:
    if usual is None:
        return None
    return {
        "runs": usual.runs,
        "p50_seconds": usual.p50 / 1_000_000,
        "p95_seconds": usual.p95 / 1_000_000,
    }


def run_ids(runs: Sequence[WorkflowRun]) -> list[str]:
    return [run.run_id for run in runs]


def moment_json(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)


def seconds_json(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / 1_000_000


def dollars_json(micro_usd: int | None) -> float | None:
    return None if micro_usd is None else micro_usd / 1_000_000
