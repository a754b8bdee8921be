"""Which reported costs a fold adds to the counters, each once.

A cost counts as soon as it counts in the KPIs too: an agent run's when it has completed, a model call's when its agent
has, or at once when it has none. What is counted is never taken back, so it is noted: on each call, and on each agent
run whose own cost was counted before its calls were known. Those calls add only what they have more than that.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple
from uuid import UUID

from workbench.fold.batch import Batch
from workbench.fold.call_owners import OwnedCalls
from workbench.fold.changes import AgentRunChange, Changes
from workbench.fold.updates import adapt_key, update_rows
from workbench.models import AgentRun, ModelCall


class CountedCost(NamedTuple):
    """Micro-dollars that the counters get, and the workflow run that they are of."""

    run_id: str
    micro_usd: int


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
