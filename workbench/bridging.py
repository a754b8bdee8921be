"""What a batch adds to the metric bridge: events by name, and each thing's outcome and duration, once.

A thing is counted when it first can be: a run at its completion, a duration when both its ends are known. A later
correction of it changes the KPIs but not the counters, which never fall.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.backends.utils import CursorWrapper

from telemetry import bridge
from telemetry.bridge import Increment
from telemetry.ledger import Outcomes, outcomes
from workbench import merges
from workbench.dialect import Dialect
from workbench.models import AgentRun, ApprovalDecision, Draft, Session, WorkflowRun

MICROSECONDS_A_MILLISECOND = 1000
UNKNOWN = "unknown"

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Batch:
    """The staged batch, as the queries of this module see it."""

    cursor: CursorWrapper
    dialect: Dialect
    environment: str

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        self.cursor.execute(sql, parameters or None)
        rows: list[Row] = self.cursor.fetchall()
        return rows

    def counted(self, family: str, labels: Sequence[str], where: str) -> Iterator[Increment]:
        """One increment a label set, for the batch's events that meet the condition."""
        expressions = ", ".join(f"coalesce({label}, '')" for label in labels)
        grouping = f"GROUP BY {', '.join(str(n + 1) for n in range(len(labels)))}" if labels else ""
        for *values, events in self.rows(
            f"SELECT {expressions}{', ' if labels else ''}count(*) FROM fold_batch WHERE {where} {grouping}"
        ):
            yield Increment(family, self.environment, tuple(values), amount=events)


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


def count_events(batch: Batch) -> Iterator[Increment]:
    """Counters that the events themselves feed."""
    text = batch.dialect.text
    status = f"CASE WHEN event = 'appserver.request_completed' THEN {_status_family(batch)} ELSE {text('status')} END"
    yield from batch.counted("workbench_events_total", ("event", status, _as_text(batch, "approved")), "true")
    yield from batch.counted(
        "agent_retries_total",
        (text("agentName"),),
        f"event = '{merges.AGENT_STARTED}' AND {batch.dialect.integer('attempt')} > 1",
    )
    yield from _app_server(batch)


def _app_server(batch: Batch) -> Iterator[Increment]:
    text = batch.dialect.text
    is_request = "event = 'appserver.request_completed'"
    labels = (text("route"), text("method"), _status_family(batch), text("model"))
    yield from batch.counted("appserver_requests_total", labels, is_request)
    values = ", ".join(f"coalesce({label}, '')" for label in labels)
    durations = batch.rows(
        f"SELECT {values}, {batch.dialect.integer('durationMs')} FROM fold_batch WHERE {is_request}"
    )
    yield from bridge.observe_many(
        "appserver_request_duration_seconds",
        ((batch.environment, row[:4], row[4] * MICROSECONDS_A_MILLISECOND) for row in durations),
    )
    category = text("errorCategory")
    yield from batch.counted(
        "appserver_errors_total", (category,), f"{is_request} AND {category} IS NOT NULL"
    )
    for family, event in (
        ("appserver_streams_opened_total", "appserver.stream_opened"),
        ("appserver_streams_closed_total", "appserver.stream_closed"),
    ):
        yield from batch.counted(family, (), f"event = '{event}'")
    yield from batch.counted(
        "appserver_worker_restarts_total",
        (),
        f"event = 'appserver.worker_state_changed' AND {text('state')} = 'restarting'",
    )
    for state in ("started", "flushed", "aborted"):
        yield from batch.counted(
            f"tool_buffer_{state}_total",
            (),
            f"event = 'appserver.tool_buffer_changed' AND {text('state')} = '{state}'",
        )


def _status_family(batch: Batch) -> str:
    return f"substr({batch.dialect.text('status')}, 1, 1) || 'xx'"


def _as_text(batch: Batch, name: str) -> str:
    return f"CASE {batch.dialect.boolean(name)} WHEN true THEN 'true' WHEN false THEN 'false' END"


def count_things(batch: Batch, *, paired_draft_ids: Iterable[int]) -> Iterator[Increment]:
    """Counters that the batch's things feed; marks each thing, so that it counts once."""
    yield from _sessions(batch)
    yield from _drafts(batch, paired_draft_ids)
    yield from _runs(batch)
    yield from _agent_runs(batch)
    yield from _decisions(batch)


def _mark(batch: Batch, *, table: str, flag: str, where: str, returning: str) -> list[Row]:
    """Sets the flag where it is not set and the condition holds; returns what the rows say."""
    return batch.rows(f"UPDATE {table} SET {flag} = true WHERE NOT {flag} AND {where} RETURNING {returning}")


def _of_batch(batch: Batch, *, key: str, value: str, events: Sequence[str]) -> str:
    names = merges.quoted(tuple(events))
    return (
        f"environment = (SELECT environment FROM fold_batch LIMIT 1)"
        f" AND {key} IN (SELECT {value} FROM fold_batch WHERE event IN ({names}))"
    )


def _between(batch: Batch, start: str, end: str) -> str:
    return f"{batch.dialect.microseconds(end)} - {batch.dialect.microseconds(start)}"


def _sessions(batch: Batch) -> Iterator[Increment]:
    own = _of_batch(
        batch,
        key="session_id",
        value="session_id",
        events=("workbench.session_started", "workbench.session_ended"),
    )
    rows = _mark(
        batch,
        table=Session._meta.db_table,
        flag="is_observed",
        where=f"{own} AND ended_at IS NOT NULL AND (duration_ms IS NOT NULL OR started_at <= ended_at)",
        returning=f"coalesce(duration_ms * 1000, {_between(batch, 'started_at', 'ended_at')})",
    )
    yield from bridge.observe_many(
        "workbench_session_duration_seconds", ((batch.environment, (), duration) for (duration,) in rows)
    )


def _drafts(batch: Batch, paired_draft_ids: Iterable[int]) -> Iterator[Increment]:
    own = _of_batch(
        batch,
        key="draft_id",
        value=batch.dialect.text("draftId"),
        events=(merges.DRAFT_CREATED, merges.DRAFT_ACCEPTED),
    )
    paired = ", ".join(str(int(pk)) for pk in paired_draft_ids) or "NULL"
    rows = _mark(
        batch,
        table=Draft._meta.db_table,
        flag="is_observed",
        where=f"({own} OR id IN ({paired})) AND coalesce(created_at, paired_created_at) <= accepted_at",
        returning=_between(batch, "coalesce(created_at, paired_created_at)", "accepted_at"),
    )
    yield from bridge.observe_many(
        "workbench_draft_acceptance_seconds", ((batch.environment, (), duration) for (duration,) in rows)
    )


def _runs(batch: Batch) -> Iterator[Increment]:
    table = WorkflowRun._meta.db_table
    own = _of_batch(
        batch,
        key="run_id",
        value=batch.dialect.text("runId"),
        events=(merges.RUN_STARTED, merges.RUN_COMPLETED),
    )
    completed = _mark(
        batch,
        table=table,
        flag="is_counted",
        where=f"{own} AND completed_at IS NOT NULL",
        returning="status, trigger",
    )
    for status, trigger in completed:
        yield Increment("workflow_runs_total", batch.environment, (status, trigger or UNKNOWN))
    costed = (
        f"SELECT 1 FROM {AgentRun._meta.db_table} AS agent WHERE agent.environment = {table}.environment"
        f" AND agent.run_id = {table}.run_id AND agent.cost_micro_usd IS NOT NULL"
    )
    measured = _mark(
        batch,
        table=table,
        flag="is_observed",
        where=f"{own} AND completed_at IS NOT NULL AND (duration_ms IS NOT NULL OR started_at <= completed_at)",
        returning=(
            "status, coalesce(nullif(workflow_name, ''), nullif(workflow_id, ''), 'unknown'),"
            f" coalesce(duration_ms * 1000, {_between(batch, 'started_at', 'completed_at')}), EXISTS ({costed})"
        ),
    )
    yield from bridge.observe_many(
        "workflow_duration_seconds", ((batch.environment, (row[0],), row[2]) for row in measured)
    )
    for _, workflow, duration, is_costed in measured:
        yield Increment("workflow_execution_minutes_total", batch.environment, (workflow,), amount=duration)
        if not is_costed:
            estimate = round(duration * settings.COST_USD_PER_MINUTE / 60)
            yield Increment("workflow_cost_usd_total", batch.environment, (workflow,), amount=estimate)


def _agent_runs(batch: Batch) -> Iterator[Increment]:
    table = AgentRun._meta.db_table
    own = _of_batch(
        batch,
        key="agent_run_id",
        value=batch.dialect.text("agentRunId"),
        events=(merges.AGENT_STARTED, merges.AGENT_COMPLETED),
    )
    workflow = (
        "SELECT coalesce(nullif(workflow_name, ''), nullif(workflow_id, ''))"
        f" FROM {WorkflowRun._meta.db_table} AS run"
        f" WHERE run.environment = {table}.environment AND run.run_id = {table}.run_id"
    )
    completed = _mark(
        batch,
        table=table,
        flag="is_counted",
        where=f"{own} AND completed_at IS NOT NULL",
        returning=f"agent_name, status, error_type, cost_micro_usd, coalesce(({workflow}), 'unknown')",
    )
    for agent, status, error_type, cost, workflow_name in completed:
        yield Increment("agent_runs_total", batch.environment, (agent, status))
        if status == "failed":
            yield Increment("agent_errors_total", batch.environment, (agent, error_type or UNKNOWN))
        if cost is not None:
            yield Increment("workflow_cost_usd_total", batch.environment, (workflow_name,), amount=cost)
    measured = _mark(
        batch,
        table=table,
        flag="is_observed",
        where=f"{own} AND completed_at IS NOT NULL AND (duration_ms IS NOT NULL OR started_at <= completed_at)",
        returning=f"agent_name, coalesce(duration_ms * 1000, {_between(batch, 'started_at', 'completed_at')})",
    )
    yield from bridge.observe_many(
        "agent_duration_seconds", ((batch.environment, (agent,), duration) for agent, duration in measured)
    )


def _decisions(batch: Batch) -> Iterator[Increment]:
    own = _of_batch(
        batch,
        key="session_id",
        value="session_id",
        events=(merges.APPROVAL_REQUESTED, merges.APPROVAL_COMPLETED),
    )
    # A session that shares an approvalId with the batch is counted when it next has an approval of its own.
    rows = _mark(
        batch,
        table=ApprovalDecision._meta.db_table,
        flag="is_observed",
        where=f"{own} AND requested_at <= decided_at",
        returning=f"approved, {_between(batch, 'requested_at', 'decided_at')}",
    )
    yield from bridge.observe_many(
        "workflow_approval_wait_time_seconds",
        ((batch.environment, ("true" if approved else "false",), duration) for approved, duration in rows),
    )
