"""The events that made a run what it is, and what became of those that were refused.

What is known of a run came from accepted events, so those are told from its things. That costs the intake no index
of raw events by run, which each event of an agent would pay for. A raw event is looked up where the thing has its key.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from telemetry.models import Environment, RawEvent
from workbench.models import AgentRun, ApprovalDecision, ApprovalRequest, ModelCall, WorkflowRun
from workbench.rejected_events import RejectedMention, rejected_events

MOST_EVENTS = 500
# A raw event is stored under the day of its timestamp as sent, which a corrected clock moved by this at most.
DAY_BEFORE, DAY_AFTER = timedelta(days=2), timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class RunEvent:
    """An accepted event. `subject` is the agent, model or approval that it is about.

    `source` is "" where its raw event is not kept, or cannot be looked up: then `raw` is None.
    """

    at: datetime
    event: str
    subject: str
    event_key: uuid.UUID | None
    raw: RawEvent | None = None


@dataclass(frozen=True, kw_only=True)
class RunEvents:
    """The oldest events first. Raw events before `raw_kept_from` are deleted; None: none are."""

    accepted: Sequence[RunEvent]
    left_out: int
    rejected: Sequence[RejectedMention]
    raw_kept_from: datetime | None


def events_of(
    run: WorkflowRun,
    *,
    agents: Iterable[AgentRun],
    calls: Iterable[ModelCall],
    requests: Iterable[ApprovalRequest],
    decisions: Iterable[ApprovalDecision],
) -> RunEvents:
    """Three queries."""
    known = [
        *_of_run(run),
        *(event for agent in agents for event in _of_agent(agent)),
        *(_event("agent.model_called", call.called_at, call.model, call.event_key) for call in calls),
        *(
            _event("workbench.approval_requested", row.requested_at, row.context_type, row.event_key)
            for row in requests
        ),
        *(
            _event(
                "workbench.approval_completed",
                row.decided_at,
                "approved" if row.approved else "rejected",
                row.event_key,
            )
            for row in decisions
        ),
    ]
    known.sort(key=lambda event: (event.at, event.event))
    shown = known[:MOST_EVENTS]
    raw = raw_events(shown, environment=run.environment)
    kept_from = (
        Environment.objects.filter(name=run.environment).values_list("raw_kept_from", flat=True).first()
    )
    return RunEvents(
        accepted=[
            RunEvent(
                at=event.at,
                event=event.event,
                subject=event.subject,
                event_key=event.event_key,
                raw=raw.get(event.event_key) if event.event_key else None,
            )
            for event in shown
        ],
        left_out=len(known) - len(shown),
        rejected=rejected_events(Q(payload__properties__runId=run.run_id), environment=run.environment),
        raw_kept_from=kept_from,
    )


def _of_run(run: WorkflowRun) -> Iterator[RunEvent]:
    subject = run.workflow_name or run.workflow_id
    if run.started_at:
        yield _event("workbench.workflow_run_started", run.started_at, subject)
    if run.completed_at:
        yield _event("workbench.workflow_run_completed", run.completed_at, run.status, run.completed_key)


def _of_agent(agent: AgentRun) -> Iterator[RunEvent]:
    name = agent.agent_name or agent.agent_id
    if agent.started_at:
        yield _event("agent.run_started", agent.started_at, name)
    if agent.completed_at:
        yield _event("agent.run_completed", agent.completed_at, name, agent.completed_key)


def _event(name: str, at: datetime, subject: str, key: uuid.UUID | None = None) -> RunEvent:
    return RunEvent(at=at, event=name, subject=subject, event_key=key)


def raw_events(events: Sequence[RunEvent], *, environment: str) -> dict[uuid.UUID, RawEvent]:
    """Those that are kept, by key."""
    keyed = {event.event_key: event.at for event in events if event.event_key is not None}
    rows = events_of_keys(keyed, environment=environment).defer("properties")
    return {row.event_key: row for row in rows}


def events_of_keys(keyed: Mapping[uuid.UUID, datetime], *, environment: str) -> QuerySet[RawEvent]:
    """The raw events of these keys and moments. Index: the primary key, which begins with the day on PostgreSQL."""
    days = {
        moment.date() + timedelta(days=shift)
        for moment in keyed.values()
        for shift in range(-DAY_BEFORE.days, DAY_AFTER.days + 1)
    }
    return RawEvent.objects.filter(day__in=days, event_key__in=list(keyed), environment=environment)
