"""What a batch adds to the metric bridge: what was received, and each thing's outcome and duration, once.

A thing is counted as soon as it can be: a run at its completion, a duration when both its ends are known. A later
correction changes the KPIs but not the counters, because counters never fall.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from uuid import UUID

from telemetry.counters.bridge import Increment
from telemetry.counters.feeding import Fact, feeds
from telemetry.counters.ledger import Outcomes, outcomes
from workbench.costs import estimate_cost, usd_per_minute
from workbench.durations import APPROVAL
from workbench.fold.batch import Batch
from workbench.fold.changes import AgentRunChange, Changes, RunChange
from workbench.fold.counted_costs import CountedCost
from workbench.fold.updates import adapt_key
from workbench.labels import UNKNOWN
from workbench.models import ApprovalDecision


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
