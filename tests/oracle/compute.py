"""Every KPI by brute force, written from the KPIs' definitions alone: plain Python over all accepted events at once.

Nothing here shares code with the fold or the rollup, so that the same mistake would have to be made twice.
"""

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

UNKNOWN = "unknown"
MICROSECOND = timedelta(microseconds=1)
T = TypeVar("T")
K = TypeVar("K")


@dataclass(frozen=True, kw_only=True)
class Post:
    """One event object as a client posted it, with the environment and source of its key."""

    environment: str
    source: str
    document: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class AcceptedEvent:
    """An event as it was stored; `event_key` decides between events of the same moment."""

    environment: str
    event_key: UUID
    event: str
    session_id: str
    occurred_at: datetime
    properties: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Entered:
    """Workflows made elsewhere, entered by hand for one day of the reporting zone."""

    environment: str
    date: date
    source: str
    workflows: int


@dataclass(frozen=True)
class Row:
    """A KPI row: counts, or microseconds and how many durations, or micro-dollars and how many things."""

    numerator: int
    denominator: int
    durations: tuple[int, ...] = ()


RowKey = tuple[str, str, datetime, str, str]  # KPI, environment, period start, dimension, value
Rows = dict[RowKey, Row]


@dataclass(frozen=True, kw_only=True)
class Fact:
    """What one thing adds to a KPI at a moment; `excluded` names why it could not be measured."""

    kpi: str
    environment: str
    at: datetime
    numerator: int = 0
    denominator: int = 1
    duration: int | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    excluded: str = ""


# Duplicates -----------------------------------------------------------------------------------------------


def first_of_each(posts: Iterable[Post]) -> list[Post]:
    """The posts that count: the first of each environment, source, day and id, or content without an id."""
    seen: dict[tuple[str, str, str, date], Post] = {}
    for post in posts:
        seen.setdefault(identity(post), post)
    return list(seen.values())


def identity(post: Post) -> tuple[str, str, str, date]:
    """Two posts with the same identity are the same event."""
    moment = moment_of(post)
    given = post.document.get("id")
    name = f"id {given}" if given is not None else content_of(post, moment=moment)
    return post.environment, post.source, name, moment.date()


def content_of(post: Post, *, moment: datetime) -> str:
    """What tells events without an id apart: all they say, whatever zone their timestamp is written in."""
    return json.dumps({**post.document, "timestamp": moment.isoformat()}, sort_keys=True)


def moment_of(post: Post) -> datetime:
    """The event's timestamp, in UTC."""
    return datetime.fromisoformat(post.document["timestamp"]).astimezone(UTC)


# Rows -----------------------------------------------------------------------------------------------------


def expected_rows(
    events: Sequence[AcceptedEvent], *, entered: Iterable[Entered], rate: float, zone: str
) -> Rows:
    """All base rows (15 minutes, UTC) of all KPIs; `rate`: dollars a minute, `zone`: where a date begins."""
    facts = [
        *template_suggestion(events),
        *draft_facts(events),
        *adoption(events, entered=entered, zone=zone),
        *run_facts(events),
        *approval_facts(events),
        *agent_facts(events),
        *cost_facts(events, rate=rate),
    ]
    return sum_up((key, as_row(fact)) for fact in facts for key in keys_of(fact))


def expected_days(base_rows: Rows, *, zone: str) -> Rows:
    """The rows of days in the zone: sums of the base rows."""
    return sum_up(
        ((kpi, environment, start_of_day(bucket, zone=zone), dimension, value), row)
        for (kpi, environment, bucket, dimension, value), row in base_rows.items()
    )


def keys_of(fact: Fact) -> Iterator[RowKey]:
    """The rows that a fact adds to: the whole KPI and each breakdown, or the exclusion alone."""
    place = (fact.kpi, fact.environment, start_of_bucket(fact.at))
    if fact.excluded:
        yield *place, "excluded", fact.excluded
        return
    yield *place, "", ""
    for dimension, value in fact.values.items():
        yield *place, dimension, value


def as_row(fact: Fact) -> Row:
    return Row(fact.numerator, fact.denominator, () if fact.duration is None else (fact.duration,))


def sum_up(parts: Iterable[tuple[RowKey, Row]]) -> Rows:
    """Rows with the same key added together; a row of nothing but zeros does not exist."""
    rows: Rows = {}
    for key, part in parts:
        row = rows.get(key, Row(0, 0))
        rows[key] = Row(
            row.numerator + part.numerator,
            row.denominator + part.denominator,
            tuple(sorted(row.durations + part.durations)),
        )
    return {key: row for key, row in rows.items() if row.numerator > 0 or row.denominator > 0}


def start_of_bucket(moment: datetime) -> datetime:
    return moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)


def start_of_day(moment: datetime, *, zone: str) -> datetime:
    """The first moment (UTC) of the day that the zone's calendar shows at the moment."""
    return start_of_date(moment.astimezone(ZoneInfo(zone)).date(), zone=zone)


def start_of_date(day: date, *, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


# What several KPIs need -----------------------------------------------------------------------------------


def named(events: Iterable[AcceptedEvent], *names: str) -> list[AcceptedEvent]:
    return [event for event in events if event.event in names]


def grouped(things: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    groups: dict[K, list[T]] = defaultdict(list)
    for thing in things:
        groups[key(thing)].append(thing)
    return dict(groups)


def by_property(events: Iterable[AcceptedEvent], name: str) -> dict[tuple[str, str], list[AcceptedEvent]]:
    """The events that carry the property, by environment and the property's value."""
    carrying = (event for event in events if event.properties.get(name))
    return grouped(carrying, lambda event: (event.environment, event.properties[name]))


def order(event: AcceptedEvent) -> tuple[datetime, UUID]:
    return event.occurred_at, event.event_key


def earliest(events: Iterable[AcceptedEvent]) -> AcceptedEvent | None:
    return min(events, key=order, default=None)


def smallest(events: Iterable[AcceptedEvent], name: str) -> str:
    """The smallest value that any of the events gives the property; empty when none does."""
    return min((event.properties[name] for event in events if event.properties.get(name)), default="")


def microseconds(start: datetime, end: datetime) -> int:
    return (end - start) // MICROSECOND


# Chat -----------------------------------------------------------------------------------------------------


def template_suggestion(events: Iterable[AcceptedEvent]) -> Iterator[Fact]:
    for event in named(events, "workbench.template_suggested", "workbench.chat_message_sent"):
        is_suggestion = event.event == "workbench.template_suggested"
        yield Fact(
            kpi="template-suggestion-rate",
            environment=event.environment,
            at=event.occurred_at,
            numerator=int(is_suggestion),
            denominator=int(not is_suggestion),
        )


# Drafts ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class AcceptedDraft:
    """A draft that was accepted, with its creations: its own, or the one without id that it took."""

    environment: str
    draft_id: str
    session_id: str
    accepted_at: datetime
    creations: Sequence[AcceptedEvent]
    used_template: bool


def accepted_drafts(events: Sequence[AcceptedEvent]) -> list[AcceptedDraft]:
    own = by_property(named(events, "workbench.draft_created"), "draftId")
    acceptances = by_property(named(events, "workbench.draft_accepted"), "draftId")
    insertions = by_property(named(events, "workbench.template_inserted"), "draftId")
    paired = pair_creations(events, own=own, acceptances=acceptances)
    drafts = []
    for draft, accepting in acceptances.items():
        accepted_at, session_id = acceptance(accepting)
        creations = own.get(draft) or paired.get(draft, [])
        was_inserted = any(event.occurred_at <= accepted_at for event in insertions.get(draft, []))
        said_template = any(
            event.properties.get("source") == "template" for event in [*creations, *accepting]
        )
        drafts.append(
            AcceptedDraft(
                environment=draft[0],
                draft_id=draft[1],
                session_id=session_id,
                accepted_at=accepted_at,
                creations=creations,
                used_template=was_inserted or said_template,
            )
        )
    return drafts


def acceptance(accepting: Iterable[AcceptedEvent]) -> tuple[datetime, str]:
    """Moment and session of a draft's earliest acceptance; of several at once, the smallest session."""
    return min((event.occurred_at, event.session_id) for event in accepting)


def pair_creations(
    events: Iterable[AcceptedEvent],
    *,
    own: Mapping[tuple[str, str], Sequence[AcceptedEvent]],
    acceptances: Mapping[tuple[str, str], Sequence[AcceptedEvent]],
) -> dict[tuple[str, str], list[AcceptedEvent]]:
    """The creation without draftId that each draft takes which has none of its own."""
    waiting = [
        event for event in named(events, "workbench.draft_created") if not event.properties.get("draftId")
    ]
    pairs = {}
    takers = [(*acceptance(accepting), draft) for draft, accepting in acceptances.items() if draft not in own]
    for accepted_at, session_id, draft in sorted(takers, key=lambda taker: (taker[0], taker[2][1])):
        candidates = [
            event
            for event in waiting
            if (event.environment, event.session_id) == (draft[0], session_id)
            and event.occurred_at <= accepted_at
        ]
        if candidates:
            taken = max(candidates, key=order)
            waiting.remove(taken)
            pairs[draft] = [taken]
    return pairs


def draft_facts(events: Sequence[AcceptedEvent]) -> Iterator[Fact]:
    for draft in accepted_drafts(events):
        place: dict[str, Any] = {"environment": draft.environment, "at": draft.accepted_at}
        yield Fact(kpi="template-usage-rate", numerator=int(draft.used_template), **place)
        yield Fact(kpi="workbench-adoption", numerator=1, values={"origin": "workbench"}, **place)
        yield time_to_create(draft)


def time_to_create(draft: AcceptedDraft) -> Fact:
    place: dict[str, Any] = {
        "kpi": "time-to-create-workflow",
        "environment": draft.environment,
        "at": draft.accepted_at,
    }
    created = earliest(draft.creations)
    if created is None:
        return Fact(excluded="no_creation", **place)
    if created.occurred_at > draft.accepted_at:
        return Fact(excluded="created_after_acceptance", **place)
    duration = microseconds(created.occurred_at, draft.accepted_at)
    source = smallest(draft.creations, "source") or UNKNOWN
    return Fact(numerator=duration, duration=duration, values={"source": source}, **place)


def adoption(events: Iterable[AcceptedEvent], *, entered: Iterable[Entered], zone: str) -> Iterator[Fact]:
    """What was made elsewhere; the accepted drafts are among the facts of the drafts."""
    for event in named(events, "workflow.created"):
        origin = {"origin": event.properties["source"]}
        yield Fact(
            kpi="workbench-adoption", environment=event.environment, at=event.occurred_at, values=origin
        )
    for count in entered:
        yield Fact(
            kpi="workbench-adoption",
            environment=count.environment,
            at=start_of_date(count.date, zone=zone),
            denominator=count.workflows,
            values={"origin": count.source},
        )


# Runs -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class CompletedRun:
    """A workflow run at its earliest completion; `duration` (microseconds) or the reason that it has none."""

    environment: str
    run_id: str
    completed_at: datetime
    status: str
    workflow: str
    trigger: str
    duration: int | None
    excluded: str


def completed_runs(events: Iterable[AcceptedEvent]) -> list[CompletedRun]:
    names = ("workbench.workflow_run_started", "workbench.workflow_run_completed")
    runs = []
    for (environment, run_id), own in by_property(named(events, *names), "runId").items():
        completion = earliest(named(own, "workbench.workflow_run_completed"))
        if completion is None:
            continue
        duration, excluded = run_duration(
            completion, start=earliest(named(own, "workbench.workflow_run_started"))
        )
        runs.append(
            CompletedRun(
                environment=environment,
                run_id=run_id,
                completed_at=completion.occurred_at,
                status=completion.properties["status"],
                workflow=workflow_of(own),
                trigger=smallest(own, "trigger") or UNKNOWN,
                duration=duration,
                excluded=excluded,
            )
        )
    return runs


def workflow_of(run_events: Sequence[AcceptedEvent]) -> str:
    return smallest(run_events, "workflowName") or smallest(run_events, "workflowId") or UNKNOWN


def run_duration(completion: AcceptedEvent, *, start: AcceptedEvent | None) -> tuple[int | None, str]:
    """Microseconds and an empty reason, or None and why it can't be measured."""
    if completion.properties.get("durationMs") is not None:
        return completion.properties["durationMs"] * 1000, ""
    if start is None:
        return None, "no_start"
    if start.occurred_at > completion.occurred_at:
        return None, "completed_before_start"
    return microseconds(start.occurred_at, completion.occurred_at), ""


def run_facts(events: Sequence[AcceptedEvent]) -> Iterator[Fact]:
    for run in completed_runs(events):
        place: dict[str, Any] = {"environment": run.environment, "at": run.completed_at}
        if run.status in {"completed", "failed"}:
            yield Fact(
                kpi="workflow-success-rate",
                numerator=int(run.status == "completed"),
                values={"workflow": run.workflow, "trigger": run.trigger},
                **place,
            )
        if run.duration is None:
            yield Fact(kpi="workflow-duration", excluded=run.excluded, **place)
        else:
            yield Fact(
                kpi="workflow-duration",
                numerator=run.duration,
                duration=run.duration,
                values={"workflow": run.workflow, "status": run.status},
                **place,
            )


# Approvals ------------------------------------------------------------------------------------------------


def approval_facts(events: Sequence[AcceptedEvent]) -> Iterator[Fact]:
    for decision, request in answered(events):
        place: dict[str, Any] = {"environment": decision.environment, "at": decision.occurred_at}
        approved = decision.properties["approved"]
        yield Fact(kpi="approval-rate", numerator=int(approved), **place)
        if request is None:
            yield Fact(kpi="approval-wait", excluded="no_request", **place)
        elif request.occurred_at > decision.occurred_at:
            yield Fact(kpi="approval-wait", excluded="decided_before_request", **place)
        else:
            waited = microseconds(request.occurred_at, decision.occurred_at)
            values = {"approved": "true" if approved else "false"}
            yield Fact(kpi="approval-wait", numerator=waited, duration=waited, values=values, **place)


def answered(events: Sequence[AcceptedEvent]) -> list[tuple[AcceptedEvent, AcceptedEvent | None]]:
    """Every decision that is not a repeat, with the request that it answers."""
    decisions = without_repeats(named(events, "workbench.approval_completed"))
    open_requests = without_repeats(named(events, "workbench.approval_requested"))
    by_id = {approval_of(request): request for request in open_requests if approval_id(request)}
    pairs: list[tuple[AcceptedEvent, AcceptedEvent | None]] = []
    others = []
    for decision in decisions:
        request = by_id.get(approval_of(decision))
        if request is None:
            others.append(decision)
        else:
            open_requests.remove(request)
            pairs.append((decision, request))
    for decision in sorted(others, key=order):
        request = earliest(request for request in open_requests if may_answer(decision, request))
        if request is not None:
            open_requests.remove(request)
        pairs.append((decision, request))
    return pairs


def approval_id(event: AcceptedEvent) -> str:
    return event.properties.get("approvalId") or ""


def approval_of(event: AcceptedEvent) -> tuple[str, str]:
    return event.environment, approval_id(event)


def without_repeats(events: Sequence[AcceptedEvent]) -> list[AcceptedEvent]:
    """The events without approvalId, and the earliest of each approvalId."""
    firsts = [min(same, key=order) for same in by_property(events, "approvalId").values()]
    return [event for event in events if not approval_id(event)] + firsts


def may_answer(decision: AcceptedEvent, request: AcceptedEvent) -> bool:
    """Whether a decision that no approvalId pairs could be the answer to a request that is still open."""
    tools = set(decision.properties.get("toolIds") or [])
    return (
        (request.environment, request.session_id) == (decision.environment, decision.session_id)
        and request.occurred_at <= decision.occurred_at
        and not (approval_id(decision) and approval_id(request))
        and (not tools or tools == set(request.properties["toolIds"]))
    )


# Agents and cost ------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class CompletedAgentRun:
    """An agent run at its earliest completion; `cost` is in micro-dollars, None where none was reported."""

    environment: str
    agent_run_id: str
    run_id: str
    agent: str
    completed_at: datetime
    status: str
    cost: int | None


def completed_agent_runs(events: Iterable[AcceptedEvent]) -> list[CompletedAgentRun]:
    runs = []
    agent_events = named(events, "agent.run_started", "agent.run_completed")
    for (environment, agent_run_id), own in by_property(agent_events, "agentRunId").items():
        completion = earliest(named(own, "agent.run_completed"))
        if completion is None:
            continue
        runs.append(
            CompletedAgentRun(
                environment=environment,
                agent_run_id=agent_run_id,
                run_id=smallest(own, "runId"),
                agent=smallest(own, "agentName") or UNKNOWN,
                completed_at=completion.occurred_at,
                status=completion.properties["status"],
                cost=micro_dollars(completion.properties.get("costUsd")),
            )
        )
    return runs


def micro_dollars(cost_usd: float | None) -> int | None:
    """Dollars, read as the decimal that was written, as whole micro-dollars; a half is rounded up."""
    return None if cost_usd is None else half_up(Fraction(Decimal(str(cost_usd))) * 1_000_000)


def half_up(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))


def agent_facts(events: Iterable[AcceptedEvent]) -> Iterator[Fact]:
    for run in completed_agent_runs(events):
        if run.status in {"completed", "failed"}:
            yield Fact(
                kpi="agent-failure-rate",
                environment=run.environment,
                at=run.completed_at,
                numerator=int(run.status == "failed"),
                values={"agent": run.agent},
            )


Calls = dict[tuple[str, str], list[AcceptedEvent]]


def calls_of_agents(events: Sequence[AcceptedEvent]) -> Calls:
    """Environment and agent run to its model calls; those of no agent stand under an empty agent run."""
    agents = by_property(named(events, "agent.run_started", "agent.run_completed"), "agentRunId")
    places = {
        (environment, smallest(own, "traceId"), smallest(own, "spanId"), agent_run_id)
        for (environment, agent_run_id), own in agents.items()
    }
    called = named(events, "agent.model_called")
    edges = {
        (call.environment, *(call.properties.get(name) for name in ("traceId", "spanId", "parentSpanId")))
        for call in called
    }
    return grouped(called, lambda call: (call.environment, agent_of(call, agents, places, edges)))


def agent_of(call: AcceptedEvent, agents: Iterable[Any], places: set[Any], edges: set[Any]) -> str:
    """The agent run that the call names, if there is one; else the first on the shortest way up."""
    given = call.properties.get("agentRunId")
    if given and (call.environment, given) in set(agents):
        return str(given)
    trace = (call.environment, call.properties["traceId"])
    reached = {call.properties.get("parentSpanId")}
    for _ in range(len(edges) + 1):
        found = [
            agent for *place, span, agent in places if tuple(place) == trace and span in reached and span
        ]
        if found:
            return str(min(found))
        reached = {
            parent for *place, span, parent in edges if tuple(place) == trace and span in reached and span
        }
    return ""


def called_cost(calls: Iterable[AcceptedEvent]) -> int | None:
    """What the calls report in micro-dollars; None where none of them reports any."""
    costs = [cost for call in calls if (cost := micro_dollars(call.properties.get("costUsd"))) is not None]
    return sum(costs) if costs else None


def cost_facts(events: Sequence[AcceptedEvent], *, rate: float) -> Iterator[Fact]:
    names = ("workbench.workflow_run_started", "workbench.workflow_run_completed")
    workflows = {run: workflow_of(own) for run, own in by_property(named(events, *names), "runId").items()}
    reported = set()
    for environment, run_id, at, cost in reported_costs(events):
        reported.add((environment, run_id))
        yield Fact(
            kpi="execution-cost",
            environment=environment,
            at=at,
            numerator=cost,
            values={"workflow": workflows.get((environment, run_id), UNKNOWN)},
        )
    runs = (run for run in completed_runs(events) if (run.environment, run.run_id) not in reported)
    yield from estimates(runs, rate=rate)


def reported_costs(events: Sequence[AcceptedEvent]) -> Iterator[tuple[str, str, datetime, int]]:
    """(environment, run, moment, micro-dollars): of completed agent runs by their calls, else by themselves, and of
    calls of no agent."""
    calls = calls_of_agents(events)
    for run in completed_agent_runs(events):
        called = called_cost(calls.get((run.environment, run.agent_run_id), []))
        cost = run.cost if called is None else called
        if cost is not None:
            yield run.environment, run.run_id, run.completed_at, cost
    for (environment, agent_run_id), own in calls.items():
        for call in own if not agent_run_id else ():
            if (cost := called_cost([call])) is not None:
                yield environment, call.properties.get("runId", ""), call.occurred_at, cost


def estimates(runs: Iterable[CompletedRun], *, rate: float) -> Iterator[Fact]:
    """A bucket's microseconds of each workflow at the rate; rounded once, a half up."""
    measured = (run for run in runs if run.duration is not None)
    places = grouped(measured, lambda run: (run.environment, start_of_bucket(run.completed_at), run.workflow))
    for (environment, bucket, workflow), same in places.items():
        minutes = Fraction(sum(run.duration or 0 for run in same), 60_000_000)
        yield Fact(
            kpi="execution-cost",
            environment=environment,
            at=bucket,
            numerator=half_up(minutes * Fraction(Decimal(str(rate))) * 1_000_000),
            denominator=len(same),
            values={"workflow": workflow},
        )


# Reading --------------------------------------------------------------------------------------------------


def percentile(durations: Sequence[int], fraction: float) -> float:
    """Seconds at the fraction (0 to 1) of the sorted microseconds; linear between two neighbours."""
    ordered = sorted(durations)
    position = Fraction(str(fraction)) * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    exact = ordered[below] + (ordered[above] - ordered[below]) * (position - below)
    return float(exact / 1_000_000)


# The funnel -----------------------------------------------------------------------------------------------

FUNNEL = (
    "workbench.session_started",
    "workbench.draft_created",
    "workbench.draft_accepted",
    "workbench.workflow_run_started",
    "workbench.workflow_run_completed",
)


@dataclass(frozen=True, kw_only=True)
class FunnelSession:
    """How far a session came: the moments of its steps, one after the other."""

    environment: str
    session_id: str
    moments: tuple[datetime, ...]
    sources: tuple[str, ...]
    used_template: bool


@dataclass(frozen=True)
class FunnelRow:
    """Sessions that took a step, and the microseconds from the step before."""

    sessions: int
    durations: tuple[int, ...]


# Environment, period start, number of the step, sources, whether a template was used.
FunnelRows = dict[tuple[str, datetime, int, tuple[str, ...], bool], FunnelRow]


def funnel_sessions(events: Iterable[AcceptedEvent]) -> Iterator[FunnelSession]:
    """Every session that started. Each step is its first event at or after the step before; the first that has none is
    where the session stopped."""
    named_by_itself = (event for event in events if event.properties.get("traceId") != event.session_id)
    sessions = grouped(named_by_itself, lambda event: (event.environment, event.session_id))
    for (environment, session_id), own in sessions.items():
        moments: list[datetime] = []
        for name in FUNNEL:
            later = [event.occurred_at for event in named(own, name)]
            later = [moment for moment in later if not moments or moment >= moments[-1]]
            if not later:
                break
            moments.append(min(later))
        if moments:
            created = {event.properties["source"] for event in named(own, FUNNEL[1])}
            accepted = {event.properties.get("source") for event in named(own, FUNNEL[2])}
            yield FunnelSession(
                environment=environment,
                session_id=session_id,
                moments=tuple(moments),
                sources=tuple(sorted(created)),
                used_template="template" in created | accepted
                or any(named(own, "workbench.template_inserted")),
            )


def expected_funnel(
    events: Iterable[AcceptedEvent], *, period_start: Callable[[datetime], datetime]
) -> FunnelRows:
    """The sessions by the period of their start."""
    durations: defaultdict[tuple[Any, ...], list[int]] = defaultdict(list)
    sessions: defaultdict[tuple[Any, ...], int] = defaultdict(int)
    for session in funnel_sessions(events):
        place = (session.environment, period_start(session.moments[0]))
        kind = (session.sources, session.used_template)
        for number, moment in enumerate(session.moments):
            key = (*place, number + 1, *kind)
            sessions[key] += 1
            if number:
                durations[key].append((moment - session.moments[number - 1]) // MICROSECOND)
    return {key: FunnelRow(count, tuple(sorted(durations[key]))) for key, count in sessions.items()}
