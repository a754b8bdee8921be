"""Gives model calls to the agent runs that made them, for whole traces: span_trees.py on the stored rows.

An agent run's calls are summed up anew from the rows, so nothing is added twice.
"""

from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from itertools import starmap
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q

from telemetry.models import SpanLink
from workbench.buckets import Bucket, bucket_of
from workbench.dialect import ColumnType
from workbench.fold import span_trees
from workbench.fold.batch import Batch
from workbench.fold.event_names import AGENT_EVENTS, MODEL_CALLED, sql_list
from workbench.fold.updates import adapt_key, update_rows
from workbench.models import AgentRun, ModelCall, WorkflowRun

SUMS: dict[str, ColumnType] = {
    "calls": "bigint",
    "called_input_tokens": "bigint",
    "called_output_tokens": "bigint",
    "called_cost_micro_usd": "bigint",
}


class StoredCall(NamedTuple):
    """A model call as it is stored."""

    event_key: UUID
    agent_run_id: str
    trace_id: str
    span_id: str
    parent_span_id: str
    run_id: str
    called_at: datetime
    owner_id: str
    cost_micro_usd: int | None
    is_counted: bool

    def traced(self) -> span_trees.TracedCall:
        return span_trees.TracedCall(*self[:5])


@dataclass(frozen=True)
class OwnedCalls:
    """What changed: agent runs whose sums did, workflow runs whose costs did, and the buckets of calls that moved.

    `event_keys` are the calls without an agent whose cost is in no counter yet.
    """

    agent_run_ids: Set[str] = frozenset()
    run_ids: Set[str] = frozenset()
    buckets: Set[Bucket] = frozenset()
    event_keys: Collection[UUID] = ()


def own_calls(batch: Batch, *, now: datetime) -> OwnedCalls:
    """Give the calls of all traces that the batch speaks of to their agents. Writes what changed."""
    named = batch.rows("SELECT DISTINCT run_id FROM fold_batch WHERE run_id IS NOT NULL")
    return own_calls_of(
        batch,
        trace_ids=_traces_in(batch),
        agent_run_ids=batch.agent_run_ids,
        run_ids={run_id for (run_id,) in named},
        now=now,
    )


def own_calls_of(
    batch: Batch,
    *,
    trace_ids: Collection[str] = (),
    agent_run_ids: Collection[str] = (),
    run_ids: Collection[str] = (),
    now: datetime,
) -> OwnedCalls:
    """Give the calls of these traces, and of those that these agent runs are or were in, to their agents.

    Then these workflow runs, and those that the calls name, are known as their calls tell.
    """
    traces = (set(trace_ids) | _traces_of_agents(batch, agent_run_ids)) - {""}
    calls = _calls_in(batch, traces)
    owners = _owners(batch, calls, trace_ids=traces, now=now) if calls else {}
    moved = [call for call in calls if call.owner_id != owners.get(call.event_key, "")]
    _write_owners(batch, moved, owners=owners)
    affected = {call.owner_id for call in moved} | {owners.get(call.event_key, "") for call in moved}
    # Sums are checked of all of them, also of an agent run that was made again with nothing in it.
    summed = _write_sums(batch, (affected | set(agent_run_ids) | set(owners.values())) - {""})
    know_runs_of_calls(batch, ({call.run_id for call in calls} | set(run_ids)) - {""})
    uncounted = [
        call
        for call in calls
        if call.cost_micro_usd is not None and not call.is_counted and call.event_key not in owners
    ]
    return OwnedCalls(
        agent_run_ids=(affected | summed) - {""},
        run_ids={call.run_id for call in (*moved, *uncounted)} - {""},
        buckets={bucket_of(call.called_at) for call in moved},
        event_keys=[call.event_key for call in uncounted],
    )


def _traces_in(batch: Batch) -> set[str]:
    trace_id = batch.dialect.text("traceId")
    rows = batch.rows(
        f"""
SELECT DISTINCT {trace_id}
FROM fold_batch
WHERE event IN ({sql_list((MODEL_CALLED, *AGENT_EVENTS))}) AND {trace_id} IS NOT NULL"""
    )
    return {name for (name,) in rows}


def _traces_of_agents(batch: Batch, agent_run_ids: Collection[str]) -> set[str]:
    """The traces that agent runs are in, and those of calls that are theirs or name them."""
    if not agent_run_ids:
        return set()
    ids = batch.dialect.subquery(agent_run_ids)
    in_environment = Q(environment=batch.environment)
    # Indexes: agent_run_unique (agent_run_id, environment), model_call_owner (owner_id, environment) and
    # model_call_agent (agent_run_id, environment); the last two leave the empty ones out.
    places = (
        (AgentRun, Q(agent_run_id__in=ids)),
        (ModelCall, Q(owner_id__in=ids) & ~Q(owner_id="")),
        (ModelCall, Q(agent_run_id__in=ids) & ~Q(agent_run_id="")),
    )
    return {
        trace_id
        for model, condition in places
        for trace_id in model._default_manager.filter(in_environment, condition)
        .values_list("trace_id", flat=True)
        .distinct()
    }


def _calls_in(batch: Batch, trace_ids: Collection[str]) -> list[StoredCall]:
    if not trace_ids:
        return []
    # Index: model_call_trace (trace_id, environment).
    rows = ModelCall.objects.filter(
        environment=batch.environment, trace_id__in=batch.dialect.subquery(trace_ids)
    )
    return list(starmap(StoredCall, rows.values_list(*StoredCall._fields)))


def _owners(
    batch: Batch, calls: Collection[StoredCall], *, trace_ids: Collection[str], now: datetime
) -> dict[UUID, str]:
    """Event key to the agent run that made the call, of all calls that have one."""
    in_traces = Q(environment=batch.environment, trace_id__in=batch.dialect.subquery(trace_ids))
    # Indexes: agent_run_trace (trace_id, environment), which leaves the empty ones out; span_link_unique (trace_id, …).
    agents = AgentRun.objects.filter(in_traces & ~Q(trace_id="")).values_list(
        "agent_run_id", "trace_id", "span_id"
    )
    links = SpanLink.objects.filter(in_traces).values_list("trace_id", "span_id", "parent_span_id")
    owners = span_trees.find_owners(
        calls=[call.traced() for call in calls],
        agents=list(starmap(span_trees.TracedAgent, agents)),
        links=list(starmap(span_trees.TracedSpan, links)),
        known=_known_agents(batch, {call.agent_run_id for call in calls} - {""}),
    )
    return _kept_owners(batch, calls, owners=owners, before=now - SpanLink.KEPT_FOR) | owners


def _kept_owners(
    batch: Batch, calls: Iterable[StoredCall], *, owners: Mapping[UUID, str], before: datetime
) -> dict[UUID, str]:
    """Those of old calls whose way up is no longer known: the links of their trace are forgotten by now."""
    kept = {
        call.event_key: call.owner_id
        for call in calls
        if call.owner_id and call.event_key not in owners and call.called_at < before
    }
    known = _known_agents(batch, set(kept.values()))
    return {event_key: owner for event_key, owner in kept.items() if owner in known}


def _known_agents(batch: Batch, agent_run_ids: Collection[str]) -> set[str]:
    if not agent_run_ids:
        return set()
    # Index: agent_run_unique (agent_run_id, environment).
    known = AgentRun.objects.filter(
        environment=batch.environment, agent_run_id__in=batch.dialect.subquery(agent_run_ids)
    )
    return set(known.values_list("agent_run_id", flat=True))


def _write_owners(batch: Batch, moved: Iterable[StoredCall], *, owners: Mapping[UUID, str]) -> None:
    rows = [(owners.get(call.event_key, ""), adapt_key(call.event_key)) for call in moved]
    update_rows(batch, ModelCall, key=("event_key", "uuid"), columns={"owner_id": "text"}, rows=rows)


def _write_sums(batch: Batch, agent_run_ids: Collection[str]) -> set[str]:
    """Sum up the calls of these agent runs; returns those whose sums changed."""
    sums = {
        owner: tuple(None if value is None else int(value) for value in values)
        for owner, *values in batch.rows_of(
            agent_run_ids,
            f"""
SELECT owner_id, count(*), sum(input_tokens), sum(output_tokens), sum(cost_micro_usd)
FROM {ModelCall._meta.db_table}
-- Index: model_call_owner (owner_id, environment); it leaves the empty ones out.
WHERE environment = %s AND NOT (owner_id = '') AND {batch.dialect.any_of("owner_id")}
GROUP BY owner_id""",
        )
    }
    stored = batch.rows_of(
        agent_run_ids,
        f"""
SELECT agent_run_id, id, {", ".join(SUMS)}
FROM {AgentRun._meta.db_table}
-- Index: agent_run_unique (agent_run_id, environment).
WHERE environment = %s AND {batch.dialect.any_of("agent_run_id")}""",
    )
    changed = {
        (name, pk): sums.get(name, (0, None, None, None))
        for name, pk, *values in stored
        if tuple(values) != sums.get(name, (0, None, None, None))
    }
    rows = [(*values, pk) for (_, pk), values in changed.items()]
    update_rows(batch, AgentRun, key=("id", "bigint"), columns=SUMS, rows=rows)
    return {name for name, _ in changed}


# Workflow runs that calls name -----------------------------------------------------------------------------

# A call that belongs to an agent of another run does not make the run known that it names. A call's own span seldom
# says which run it is part of, and then names its trace, where the agent's span knows better.
COUNTS_FOR_ITS_RUN = f"""(call.owner_id = '' OR EXISTS (
    -- Index: agent_run_unique (agent_run_id, environment).
    SELECT 1 FROM {AgentRun._meta.db_table} AS owner
    WHERE owner.environment = call.environment AND owner.agent_run_id = call.owner_id
      AND owner.run_id IN ('', call.run_id)
  ))"""


def know_runs_of_calls(batch: Batch, run_ids: Collection[str]) -> None:
    """Forget those of the runs that no call makes known, know the others, and when their calls saw them.

    It counts all calls that name a run, whatever was forgotten of it meanwhile, so that the order does not matter.
    """
    if not run_ids:
        return
    ids = batch.dialect.array(run_ids)
    named = batch.dialect.any_of("run_id")
    # Index of all: workflow_run_unique (run_id, environment) and model_call_run (run_id, environment).
    batch.cursor.execute(
        f"""
DELETE FROM {WorkflowRun._meta.db_table} AS run
WHERE run.environment = %s AND run.{named} AND run.is_only_called AND NOT EXISTS (
  SELECT 1 FROM {ModelCall._meta.db_table} AS call
  WHERE call.environment = run.environment AND call.run_id = run.run_id AND {COUNTS_FOR_ITS_RUN}
)""",
        [batch.environment, ids],
    )
    batch.cursor.execute(
        f"""
INSERT INTO {WorkflowRun._meta.db_table} (environment, run_id, is_only_called, first_seen_at, last_seen_at)
SELECT environment, run_id, true, min(called_at), max(called_at)
FROM {ModelCall._meta.db_table} AS call
WHERE call.environment = %s AND call.{named} AND {COUNTS_FOR_ITS_RUN}
GROUP BY environment, run_id
ON CONFLICT DO NOTHING""",
        [batch.environment, ids],
    )
    batch.cursor.execute(
        f"""
UPDATE {WorkflowRun._meta.db_table} AS run SET
  first_seen_at = {batch.dialect.least("run.first_seen_at", "called.first_at")},
  last_seen_at = {batch.dialect.greatest("run.last_seen_at", "called.last_at")}
FROM (
  SELECT environment, run_id, min(called_at) AS first_at, max(called_at) AS last_at
  FROM {ModelCall._meta.db_table}
  WHERE environment = %s AND {named}
  GROUP BY environment, run_id
) AS called
WHERE run.environment = called.environment AND run.run_id = called.run_id
  AND (run.first_seen_at > called.first_at OR run.last_seen_at < called.last_at)""",
        [batch.environment, ids],
    )
