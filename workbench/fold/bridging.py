"""What a batch adds to the metric bridge: what was received, and each thing's outcome and duration, once.

A thing is counted as soon as it can be: a run at its completion, a duration when both its ends are known. A later
correction changes the KPIs but not the counters, because counters never fall.

A reported cost counts when it counts in the KPIs too: an agent run's when it has completed, a model call's when its
agent has, or at once when it has none. Because nothing is taken back, it is noted: on each call, and on each agent run
whose own cost was counted before its calls were known. Those calls add only what they cost more than that.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple
from uuid import UUID

from telemetry.counters.bridge import Increment
from telemetry.counters.feeding import Fact, feeds
from telemetry.counters.ledger import Outcomes, outcomes
from workbench.costs import estimate_cost, usd_per_minute
from workbench.durations import APPROVAL
from workbench.fold.batch import Batch
from workbench.fold.call_owners import OwnedCalls
from workbench.fold.changes import AgentRunChange, Changes, RunChange
from workbench.fold.updates import adapt_key, update_rows
from workbench.labels import UNKNOWN
from workbench.models import AgentRun, ApprovalDecision, ModelCall


class CountedCost(NamedTuple):
    """Micro-dollars that the counters get, and the workflow run that they are of."""

    run_id: str
    micro_usd: int


def count_received(*, environment: str, arrivals: Iterable[Outcomes]) -> list[Increment]:
    """What the arrivals add to the received events, by outcome and reason."""
    totals: Counter[tuple[str, str]] = Counter()
    for arrival in arrivals:
        for outcome, reason, events in outcomes(arrival):
            totals[outcome, reason] += events
    return [
        Increment("portal_events_received_total", environment, labels, amount=events)
        for labels, events in totals.items()
    ]


def count_things(
    changes: Changes,
    *,
    environment: str,
    paired_durations: Collection[int] = (),
    costs: Collection[CountedCost] = (),
) -> Iterator[Increment]:
    """What the batch's things add; `paired_durations` are those that the pairing found, in microseconds."""
    drafts = [draft.duration for draft in changes.drafts if draft.is_observed]
    measured = {
        "draft.acceptance": _durations([*drafts, *paired_durations]),
        "session.duration": _durations(changes.session_durations),
        "workflow_run.ended": [_run_fact(run) for run in changes.runs if run.is_counted],
        "workflow_run.duration": [_run_fact(run) for run in changes.runs if _is_measured(run)],
        "workflow_run.cost": [*_estimated_costs(changes), *_reported_costs(changes, costs)],
        "agent_run.ended": [_agent_fact(run) for run in changes.agent_runs if run.is_counted],
        "agent_run.duration": [_agent_fact(run) for run in changes.agent_runs if _is_measured(run)],
    }
    for measure, facts in measured.items():
        yield from _feed(measure, environment, facts)


def _feed(measure: str, environment: str, facts: Collection[Fact]) -> Iterator[Increment]:
    """What the facts add to the metrics that the plan feeds with the measure."""
    for feed in feeds().of_measure.get(measure, ()):
        yield from feed.increments(environment, facts)


def _fact(value: int | None, **fields: str) -> Fact:
    return Fact(fields=fields, numbers={}, value=value)


def _durations(durations: Iterable[int | None]) -> list[Fact]:
    return [_fact(duration) for duration in durations]


def _is_measured(run: RunChange | AgentRunChange) -> bool:
    return run.is_observed and run.duration is not None


def _run_fact(run: RunChange) -> Fact:
    return _fact(run.duration, status=run.status, trigger=run.trigger or UNKNOWN, workflow=run.workflow)


def _agent_fact(run: AgentRunChange) -> Fact:
    return _fact(run.duration, agent=run.agent, status=run.status, error_type=run.error_type or UNKNOWN)


def _estimated_costs(changes: Changes) -> Iterator[Fact]:
    price = usd_per_minute()
    for run in changes.runs:
        # A cost that an agent run or a model call reports takes the place of the estimate.
        if run.is_observed and run.duration is not None and run.run_id not in changes.costed_run_ids:
            # Rounded a run, and not a batch: so the counter does not depend on how posts were batched.
            yield _fact(estimate_cost(run.duration, usd_per_minute=price), workflow=run.workflow)


def _reported_costs(changes: Changes, costs: Iterable[CountedCost]) -> Iterator[Fact]:
    for cost in costs:
        yield _fact(cost.micro_usd, workflow=changes.workflows.get(cost.run_id, UNKNOWN))


# Reported costs --------------------------------------------------------------------------------------------


def count_costs(batch: Batch, changes: Changes, *, calls: OwnedCalls) -> list[CountedCost]:
    """What the counters get, noted as counted. To be called once, in the transaction that adds it."""
    completed = [agent for agent in changes.agent_runs if agent.bucket is not None]
    called = _count_owned(batch, {agent.agent_run_id for agent in completed})
    return [*_count_ownerless(batch, calls.event_keys), *_count_agents(batch, completed, called=called)]


def _count_ownerless(batch: Batch, event_keys: Collection[UUID]) -> Iterator[CountedCost]:
    if not event_keys:
        return
    rows = batch.rows(
        f"""
UPDATE {ModelCall._meta.db_table} SET is_counted = true
-- Index: the primary key (event_key).
WHERE {batch.dialect.any_of("event_key", "uuid")}
RETURNING run_id, cost_micro_usd""",
        [batch.dialect.array(adapt_key(key) for key in event_keys)],
    )
    # Sums of a run, so that their order is not that of the rows.
    totals: Counter[str] = Counter()
    for run_id, micro_usd in rows:
        totals[run_id] += micro_usd
    yield from (CountedCost(run_id, micro_usd) for run_id, micro_usd in totals.items())


def _count_owned(batch: Batch, agent_run_ids: Collection[str]) -> Mapping[str, int]:
    """Agent run to the costs of its calls that were not counted yet."""
    rows = batch.rows_of(
        agent_run_ids,
        f"""
UPDATE {ModelCall._meta.db_table} SET is_counted = true
-- Index: model_call_owner (owner_id, environment); it leaves the empty ones out.
WHERE environment = %s AND NOT (owner_id = '') AND {batch.dialect.any_of("owner_id")}
  AND NOT is_counted AND cost_micro_usd IS NOT NULL
RETURNING owner_id, cost_micro_usd""",
    )
    totals: defaultdict[str, int] = defaultdict(int)
    for owner, micro_usd in rows:
        totals[owner] += micro_usd
    return totals


def _count_agents(
    batch: Batch, agents: Iterable[AgentRunChange], *, called: Mapping[str, int]
) -> Iterator[CountedCost]:
    noted: list[tuple[int, str]] = []
    for agent in agents:
        fresh, counted = called.get(agent.agent_run_id, 0), agent.counted_micro_usd
        own = agent.cost_micro_usd if agent.is_counted and agent.called_micro_usd is None else None
        if own is not None:
            counted += own
        made_up = min(fresh, counted)
        if own is not None or fresh > made_up:
            yield CountedCost(agent.run_id, (own or 0) + fresh - made_up)
        if counted - made_up != agent.counted_micro_usd:
            noted.append((counted - made_up, agent.agent_run_id))
    _note(batch, noted)


def _note(batch: Batch, noted: Collection[tuple[int, str]]) -> None:
    stored = batch.rows_of(
        {agent_run_id for _, agent_run_id in noted},
        f"""
SELECT agent_run_id, id
FROM {AgentRun._meta.db_table}
-- Index: agent_run_unique (agent_run_id, environment).
WHERE environment = %s AND {batch.dialect.any_of("agent_run_id")}""",
    )
    keys: dict[str, int] = dict(stored)
    rows = [(counted, keys[agent_run_id]) for counted, agent_run_id in noted]
    update_rows(batch, AgentRun, key=("id", "bigint"), columns={"counted_micro_usd": "bigint"}, rows=rows)


# Decisions -------------------------------------------------------------------------------------------------


def count_decisions(batch: Batch, decision_keys: Collection[UUID]) -> list[Increment]:
    """The waits of the decisions whose request is now known. Each decision is marked, so that it counts once."""
    if not decision_keys:
        return []
    dialect = batch.dialect
    rows = batch.rows(
        f"""
UPDATE {ApprovalDecision._meta.db_table} SET is_observed = true
-- Index: the primary key (event_key).
WHERE {dialect.any_of("event_key", "uuid")}
  AND NOT is_observed AND NOT is_repeat AND {APPROVAL.counts}
RETURNING approved, {APPROVAL.microseconds(dialect)}""",
        [dialect.array(adapt_key(key) for key in decision_keys)],
    )
    facts = [_fact(duration, approved="true" if approved else "false") for approved, duration in rows]
    return list(_feed("approval.wait", batch.environment, facts))
