"""What a batch adds to the metric bridge: what was received, and each thing's outcome and duration, once.

A thing is counted as soon as it can be: a run at its completion, a duration when both its ends are known. A later
correction changes the KPIs but not the counters, because counters never fall.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from uuid import UUID

from telemetry.counters import bridge
from telemetry.counters.bridge import Increment
from telemetry.counters.ledger import Outcomes, outcomes
from workbench.costs import estimate_cost, usd_per_minute
from workbench.durations import APPROVAL
from workbench.fold.batch import Batch
from workbench.fold.changes import Changes
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
    changes: Changes, *, environment: str, paired_durations: Collection[int]
) -> Iterator[Increment]:
    """What the batch's things add; `paired_durations` are those that the pairing found, in microseconds."""
    observed = [draft.duration for draft in changes.drafts if draft.is_observed]
    yield from _observe("workbench_draft_acceptance_seconds", environment, [*observed, *paired_durations])
    yield from _observe("workbench_session_duration_seconds", environment, changes.session_durations)
    yield from _runs(changes, environment)
    yield from _agent_runs(changes, environment)


def _observe(family: str, environment: str, durations: Iterable[int | None]) -> list[Increment]:
    return bridge.observe_many(
        family, ((environment, (), duration) for duration in durations if duration is not None)
    )


def _runs(changes: Changes, environment: str) -> Iterator[Increment]:
    counted = Counter((run.status, run.trigger or UNKNOWN) for run in changes.runs if run.is_counted)
    for labels, runs in counted.items():
        yield Increment("workflow_runs_total", environment, labels, amount=runs)
    observed = [(run, run.duration) for run in changes.runs if run.is_observed and run.duration is not None]
    yield from bridge.observe_many(
        "workflow_duration_seconds", ((environment, (run.status,), duration) for run, duration in observed)
    )
    minutes: Counter[str] = Counter()
    estimates: Counter[str] = Counter()
    price = usd_per_minute()
    for run, duration in observed:
        minutes[run.workflow] += duration
        # A cost that an agent run reports takes the place of the estimate; _agent_runs counts it.
        if run.run_id not in changes.costed_run_ids:
            # Rounded a run, and not a batch: so the counter does not depend on how posts were batched.
            estimates[run.workflow] += estimate_cost(duration, usd_per_minute=price)
    for workflow, duration in minutes.items():
        yield Increment("workflow_execution_minutes_total", environment, (workflow,), amount=duration)
    for workflow, cost in estimates.items():
        yield Increment("workflow_cost_usd_total", environment, (workflow,), amount=cost)


def _agent_runs(changes: Changes, environment: str) -> Iterator[Increment]:
    counted = [run for run in changes.agent_runs if run.is_counted]
    for labels, runs in Counter((run.agent, run.status) for run in counted).items():
        yield Increment("agent_runs_total", environment, labels, amount=runs)
    failed = Counter((run.agent, run.error_type or UNKNOWN) for run in counted if run.status == "failed")
    for labels, runs in failed.items():
        yield Increment("agent_errors_total", environment, labels, amount=runs)
    for run in counted:
        if run.cost_micro_usd is not None:
            workflow = changes.workflows.get(run.run_id, UNKNOWN)
            yield Increment("workflow_cost_usd_total", environment, (workflow,), amount=run.cost_micro_usd)
    yield from bridge.observe_many(
        "agent_duration_seconds",
        (
            (environment, (run.agent,), run.duration)
            for run in changes.agent_runs
            if run.is_observed and run.duration is not None
        ),
    )


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
    return bridge.observe_many(
        "workflow_approval_wait_time_seconds",
        ((batch.environment, ("true" if approved else "false",), duration) for approved, duration in rows),
    )
