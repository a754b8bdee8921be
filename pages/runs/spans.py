"""What a run's waterfall draws: its agent runs, model calls and approvals as spans."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from pages.runs.waterfall import RunSpan, Waterfall, lay_out
from workbench.models import AgentRun, ModelCall
from workbench.runs.approvals import ApprovalWait
from workbench.runs.detail import RunDetail

# With more calls than this, calls are marks on the rows of their agents.
MOST_CALL_ROWS = 120


def waterfall_of(detail: RunDetail, *, now: datetime) -> Waterfall | None:
    """None where nothing of the run has a moment."""
    run = detail.run
    over = run.completed_at or run.last_seen_at or now
    agents = agent_spans(detail, is_over=run.completed_at is not None, over=over)
    calls = call_spans(detail.calls, agents=detail.agents)
    approvals = [
        approval_span(wait, is_over=run.completed_at is not None, over=over) for wait in detail.approvals
    ]
    has_rows = len(calls) <= MOST_CALL_ROWS
    spans = [*agents, *approvals, *(calls if has_rows else calls_of_nobody(calls, agents=agents))]
    start = run.started_at or run.first_seen_at
    if not spans or start is None:
        return None
    end = run.completed_at or (now if detail.listed.state.value == "running" else over)
    marks = {} if has_rows else calls_by_agent(calls, agents=agents)
    return lay_out(spans, start=start, end=end, marks=marks)


def agent_spans(detail: RunDetail, *, is_over: bool, over: datetime) -> list[RunSpan]:
    return [
        agent_span(agent, parent=parent_of(agent, links=detail.links), is_over=is_over, over=over)
        for agent in detail.agents
        if agent.started_at is not None or agent.completed_at is not None
    ]


def parent_of(agent: AgentRun, *, links: Mapping[tuple[str, str], str]) -> str:
    """The span above the agent's, over those of no role, such as that of a tool which asks another agent."""
    parent, passed = agent.parent_span_id, set[str]()
    while (above := links.get((agent.trace_id, parent))) and parent not in passed:
        passed.add(parent)
        parent = above
    return parent


def agent_span(agent: AgentRun, *, parent: str, is_over: bool, over: datetime) -> RunSpan:
    end = agent.completed_at or (over if is_over else None)
    return RunSpan(
        key=key_of(agent),
        parent=parent,
        kind="agent",
        name=agent.agent_name or agent.agent_id or _("agent"),
        note=agent.action,
        start=agent.started_at or earlier(agent.completed_at, milliseconds=agent.duration_ms),
        end=end,
        state=agent.status or ("unknown" if is_over else "running"),
        attempt=agent.attempt or 1,
    )


def key_of(agent: AgentRun) -> str:
    """The span's id, by which others name it as their parent; else a key of its own."""
    return agent.span_id or f"agent {agent.agent_run_id}"


def call_spans(calls: Iterable[ModelCall], *, agents: Iterable[AgentRun]) -> list[RunSpan]:
    """A call whose parent is not drawn stands below the agent run that made it."""
    keys = {agent.agent_run_id: key_of(agent) for agent in agents}
    drawn = set(keys.values())
    return [
        RunSpan(
            key=call.span_id or f"call {call.event_key}",
            parent=call.parent_span_id if call.parent_span_id in drawn else keys.get(call.owner_id, ""),
            kind="call",
            name=call.model or _("model call"),
            note="",
            start=earlier(call.called_at, milliseconds=call.duration_ms),
            end=call.called_at,
            state=call.status or "completed",
        )
        for call in calls
    ]


def approval_span(wait: ApprovalWait, *, is_over: bool, over: datetime) -> RunSpan:
    request, decision = wait.request, wait.decision
    if request.decided_at is None:
        note = _("nobody decided") if is_over else _("waiting")
        state = "unknown" if is_over else "running"
    elif decision is None:
        note, state = _("decided"), "completed"
    else:
        note, state = (_("approved"), "completed") if decision.approved else (_("rejected"), "cancelled")
    return RunSpan(
        key=f"approval {request.event_key}",
        parent="",
        kind="approval",
        name=approval_name(request.context_type),
        note=note,
        start=request.requested_at,
        end=request.decided_at or (over if is_over else None),
        state=state,
    )


def approval_name(context: str) -> str:
    return _("Approval: %(context)s") % {"context": context} if context else _("Approval")


def calls_of_nobody(calls: Iterable[RunSpan], *, agents: Sequence[RunSpan]) -> list[RunSpan]:
    keys = {span.key for span in agents}
    return [call for call in calls if call.parent not in keys]


def calls_by_agent(calls: Iterable[RunSpan], *, agents: Sequence[RunSpan]) -> Mapping[str, Sequence[RunSpan]]:
    keys = {span.key for span in agents}
    grouped: dict[str, list[RunSpan]] = defaultdict(list)
    for call in calls:
        if call.parent in keys:
            grouped[call.parent].append(call)
    return grouped


def earlier(moment: datetime | None, *, milliseconds: int | None) -> datetime:
    if moment is None:
        raise ValueError("a span without any moment is not drawn")
    # No run is as long as would leave the calendar.
    length = timedelta(milliseconds=min(max(milliseconds or 0, 0), 10**11))
    return moment - length
