"""One run with all that is known of it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from telemetry.models import SpanLink
from workbench.models import AgentRun, ModelCall, WorkflowRun
from workbench.runs.approvals import ApprovalWait, decisions_of, pair, requests_of
from workbench.runs.errors import FailedPart, SameError, failed_parts, read_same_error
from workbench.runs.events import RunEvents, events_of
from workbench.runs.filters import is_filled, with_workflow
from workbench.runs.lengths import taken
from workbench.runs.listing import ListedRun, describe_runs
from workbench.runs.totals import Used, used_by, used_in, used_itself

# What is read of one run, so that a run without end can be read too. The totals are of all.
MOST_AGENTS = 1_000
MOST_CALLS = 2_000
MOST_LINKS = 5_000
# Runs of the workflow before and after it.
NEIGHBOURS = 4
MOST_RETRIES = 10


class UnknownRun(LookupError):
    """The environment has no run of this id."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """What agents of one name, or calls of one model, used in the run.

    `microseconds` is the sum of their time, None where none of them says any. `times` is 0 for a model that agent runs
    name, and of which no call is known.
    """

    name: str
    times: int
    failed: int
    calls: int
    microseconds: int | None
    used: Used


@dataclass(frozen=True, kw_only=True)
class RunDetail:
    """`calls` have the agents' and those of nobody. `links` are spans of no role: the one above each, by its trace and
    id. `unnamed` is the run of the trace's id, where this one has another: its spans do not say which run they are of.
    `retry_of` is None where the run repeats none, or an unknown one.

    `earlier` and `later` are of the same workflow, the nearest first.
    """

    listed: ListedRun
    agents: Sequence[AgentRun]
    calls: Sequence[ModelCall]
    links: Mapping[tuple[str, str], str]
    approvals: Sequence[ApprovalWait]
    by_agent: Sequence[Part]
    by_model: Sequence[Part]
    failed: Sequence[FailedPart]
    same_error: SameError | None
    events: RunEvents
    unnamed: WorkflowRun | None
    retry_of: WorkflowRun | None
    retried_by: Sequence[WorkflowRun]
    earlier: Sequence[WorkflowRun]
    later: Sequence[WorkflowRun]

    @property
    def run(self) -> WorkflowRun:
        return self.listed.run


def read_run(run_id: str, *, environment: str, now: datetime) -> RunDetail:
    """The run with a fixed number of queries, however large it is. Raises UnknownRun.

    Indexes: workflow_run_unique, agent_run_of_run, model_call_run, model_call_owner, and those of approvals.py.
    """
    run = find_run(run_id, environment=environment)
    (listed,) = describe_runs([run], environment=environment, now=now)
    within = {"run_id": run_id, "environment": environment}
    agents = list(
        AgentRun.objects.filter(**within).order_by("started_at", "completed_at", "pk")[:MOST_AGENTS]
    )
    calls = calls_of(run, agents=agents)
    requests = requests_of(run)
    decisions = decisions_of(run, requests=requests)
    earlier, later = neighbours(run, workflow=listed.workflow)
    return RunDetail(
        listed=listed,
        agents=agents,
        calls=calls,
        links=links_of(run, agents=agents),
        approvals=pair(requests, decisions=decisions),
        by_agent=parts_by_agent(agents),
        by_model=parts_by_model(agents, calls=calls),
        failed=failed_parts(agents=agents, calls=calls),
        same_error=read_same_error(run.error_type, environment=environment, now=now)
        if run.error_type
        else None,
        events=events_of(run, agents=agents, calls=calls, requests=requests, decisions=decisions),
        unnamed=unnamed_in_trace(run),
        retry_of=repeated_by(run),
        retried_by=retries_of(run),
        earlier=earlier,
        later=later,
    )


def find_run(run_id: str, *, environment: str) -> WorkflowRun:
    """The run, with the annotation `workflow`. Raises UnknownRun."""
    if "\0" in run_id:
        raise UnknownRun(run_id)
    runs = with_workflow(WorkflowRun.objects.filter(run_id=run_id, environment=environment))
    try:
        run: WorkflowRun = runs.get()
    except WorkflowRun.DoesNotExist:
        raise UnknownRun(run_id) from None
    return run


def calls_of(run: WorkflowRun, *, agents: Iterable[AgentRun]) -> list[ModelCall]:
    """Those of its agents, which may name a trace only, and those that name the run and have no agent.

    A call of another run's agent is that run's, whatever it names: it counts there. The earliest first.
    """
    owners = [agent.agent_run_id for agent in agents if agent.calls]
    of_agents = Q(owner_id__in=owners) & ~Q(owner_id="")
    calls = ModelCall.objects.filter(
        Q(run_id=run.run_id, owner_id="") | of_agents, environment=run.environment
    )
    return list(calls.order_by("called_at", "pk")[:MOST_CALLS])


def links_of(run: WorkflowRun, *, agents: Iterable[AgentRun]) -> dict[tuple[str, str], str]:
    """Index: span_link_unique (trace_id, …)."""
    traces = {agent.trace_id for agent in agents if agent.parent_span_id} - {""}
    links = SpanLink.objects.filter(environment=run.environment, trace_id__in=traces)
    rows = links.order_by("trace_id", "span_id", "-parent_span_id")[:MOST_LINKS]
    # Of two that contradict each other the smallest.
    return {
        (trace, span): parent
        for trace, span, parent in rows.values_list("trace_id", "span_id", "parent_span_id")
    }


def parts_by_agent(agents: Iterable[AgentRun]) -> list[Part]:
    """The costliest first, then the one that took longest."""
    grouped: dict[str, list[AgentRun]] = defaultdict(list)
    for agent in agents:
        grouped[agent.agent_name or agent.agent_id or "unknown"].append(agent)
    return by_cost(
        Part(
            name=name,
            times=len(group),
            failed=sum(agent.status == "failed" for agent in group),
            calls=sum(agent.calls for agent in group),
            microseconds=sum_known(taken(agent) for agent in group),
            used=sum((used_by(agent) for agent in group), start=Used()),
        )
        for name, group in grouped.items()
    )


def parts_by_model(agents: Iterable[AgentRun], *, calls: Iterable[ModelCall]) -> list[Part]:
    """By model: its calls, and what agent runs that name it report and no call of them does."""
    parts: dict[str, list[Part]] = defaultdict(list)
    for call in calls:
        parts[call.model or "unknown"].append(
            Part(
                name="",
                times=1,
                failed=int(call.status == "failed"),
                calls=1,
                microseconds=None if call.duration_ms is None else call.duration_ms * 1000,
                used=used_in(call),
            )
        )
    for agent in agents:
        used = used_itself(agent)
        if used != Used():
            parts[agent.model or "unknown"].append(
                Part(name="", times=0, failed=0, calls=0, microseconds=None, used=used)
            )
    return by_cost(
        Part(
            name=name,
            times=sum(part.times for part in group),
            failed=sum(part.failed for part in group),
            calls=sum(part.calls for part in group),
            microseconds=sum_known(part.microseconds for part in group),
            used=sum((part.used for part in group), start=Used()),
        )
        for name, group in parts.items()
    )


def sum_known(numbers: Iterable[int | None]) -> int | None:
    """None where none is known."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def by_cost(parts: Iterable[Part]) -> list[Part]:
    return sorted(parts, key=lambda part: (-(part.used.cost or 0), -(part.microseconds or 0), part.name))


def unnamed_in_trace(run: WorkflowRun) -> WorkflowRun | None:
    """What spans of the run's trace made that do not name a run. Index: workflow_run_unique."""
    if run.trace_id in {"", run.run_id}:
        return None
    return WorkflowRun.objects.filter(run_id=run.trace_id, environment=run.environment).first()


def repeated_by(run: WorkflowRun) -> WorkflowRun | None:
    """The run that this one repeats. Index: workflow_run_unique."""
    if not run.retry_of_run_id:
        return None
    return WorkflowRun.objects.filter(run_id=run.retry_of_run_id, environment=run.environment).first()


def retries_of(run: WorkflowRun) -> list[WorkflowRun]:
    """Runs that repeat this one, the newest first. Index: workflow_run_retry, which the fold needs too."""
    retries = WorkflowRun.objects.filter(
        is_filled("retry_of_run_id"), retry_of_run_id=run.run_id, environment=run.environment
    )
    return list(retries.order_by("-first_seen_at", "-pk")[:MOST_RETRIES])


def neighbours(run: WorkflowRun, *, workflow: str) -> tuple[list[WorkflowRun], list[WorkflowRun]]:
    """Earlier and later runs of the workflow, the nearest first. Index: workflow_run_of_workflow."""
    if run.first_seen_at is None:
        return [], []
    others = with_workflow(WorkflowRun.objects.filter(environment=run.environment)).filter(workflow=workflow)
    earlier = others.filter(first_seen_at__lte=run.first_seen_at).filter(
        Q(first_seen_at__lt=run.first_seen_at) | Q(pk__lt=run.pk)
    )
    later = others.filter(first_seen_at__gte=run.first_seen_at).filter(
        Q(first_seen_at__gt=run.first_seen_at) | Q(pk__gt=run.pk)
    )
    return (
        list(earlier.order_by("-first_seen_at", "-pk")[:NEIGHBOURS]),
        list(later.order_by("first_seen_at", "pk")[:NEIGHBOURS]),
    )
