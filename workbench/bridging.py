"""What a batch adds to the metric bridge: events by name, and each thing's outcome and duration, once.

A thing is counted when it first can be: a run at its completion, a duration when both its ends are known. A later
correction of it changes the KPIs but not the counters, which never fall.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Model

from telemetry import bridge
from telemetry.bridge import Increment
from telemetry.ledger import Outcomes, outcomes
from workbench import merges
from workbench.batch import Batch, Row
from workbench.dialect import Kind
from workbench.models import AgentRun, ApprovalDecision, Draft, Session, WorkflowRun

MICROSECONDS_A_MILLISECOND = 1000
SECONDS_A_MINUTE = 60
UNKNOWN = "unknown"


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


def _counted(batch: Batch, family: str, labels: Sequence[str], where: str) -> Iterator[Increment]:
    """One increment a label set, for the batch's events that meet the condition."""
    values = [f"coalesce({label}, '')" for label in labels]
    grouping = f"GROUP BY {', '.join(str(place + 1) for place in range(len(labels)))}" if labels else ""
    columns = ", ".join([*values, "count(*)"])
    for *found, events in batch.rows(f"SELECT {columns} FROM fold_batch WHERE {where} {grouping}"):
        yield Increment(family, batch.environment, tuple(found), amount=events)


def count_events(batch: Batch) -> Iterator[Increment]:
    """Counters that the events themselves feed."""
    text = batch.dialect.text
    status = f"CASE WHEN event = 'appserver.request_completed' THEN {_status_family(batch)} ELSE {text('status')} END"
    yield from _counted(
        batch, "workbench_events_total", ("event", status, _as_text(batch, "approved")), "true"
    )
    yield from _counted(
        batch,
        "agent_retries_total",
        (text("agentName"),),
        f"event = '{merges.AGENT_STARTED}' AND {batch.dialect.integer('attempt')} > 1",
    )
    yield from _app_server(batch)


def _app_server(batch: Batch) -> Iterator[Increment]:
    text = batch.dialect.text
    is_request = "event = 'appserver.request_completed'"
    labels = (text("route"), text("method"), _status_family(batch), text("model"))
    yield from _counted(batch, "appserver_requests_total", labels, is_request)
    values = ", ".join(f"coalesce({label}, '')" for label in labels)
    durations = batch.rows(
        f"SELECT {values}, {batch.dialect.integer('durationMs')} FROM fold_batch WHERE {is_request}"
    )
    yield from bridge.observe_many(
        "appserver_request_duration_seconds",
        ((batch.environment, row[:4], row[4] * MICROSECONDS_A_MILLISECOND) for row in durations),
    )
    category = text("errorCategory")
    yield from _counted(
        batch, "appserver_errors_total", (category,), f"{is_request} AND {category} IS NOT NULL"
    )
    for family, event in (
        ("appserver_streams_opened_total", "appserver.stream_opened"),
        ("appserver_streams_closed_total", "appserver.stream_closed"),
    ):
        yield from _counted(batch, family, (), f"event = '{event}'")
    yield from _counted(
        batch,
        "appserver_worker_restarts_total",
        (),
        f"event = 'appserver.worker_state_changed' AND {text('state')} = 'restarting'",
    )
    for state in ("started", "flushed", "aborted"):
        yield from _counted(
            batch,
            f"tool_buffer_{state}_total",
            (),
            f"event = 'appserver.tool_buffer_changed' AND {text('state')} = '{state}'",
        )


def _status_family(batch: Batch) -> str:
    return f"substr({batch.dialect.text('status')}, 1, 1) || 'xx'"


def _as_text(batch: Batch, name: str) -> str:
    return f"CASE {batch.dialect.boolean(name)} WHEN true THEN 'true' WHEN false THEN 'false' END"


def count_things(
    batch: Batch, *, paired_draft_ids: Collection[int], decision_keys: Collection[UUID]
) -> Iterator[Increment]:
    """Counters that the batch's things feed; marks each thing, so that it counts once."""
    yield from _sessions(batch)
    yield from _drafts(batch, paired_draft_ids)
    yield from _runs(batch)
    yield from _agent_runs(batch)
    yield from _decisions(batch, decision_keys)


def _mark(
    batch: Batch,
    model: type[Model],
    *,
    key: str,
    values: Collection[Any],
    mark: str,
    where: str,
    returning: str,
    kind: Kind = "text",
) -> list[Row]:
    """Sets the marks of the things named by a key that meet the condition; returns what the rows say."""
    if not values:
        return []
    return batch.rows(
        f"UPDATE {model._meta.db_table} SET {mark}"
        f" WHERE environment = %s AND {batch.dialect.any_of(key, kind)} AND {where} RETURNING {returning}",
        [batch.environment, batch.dialect.array(values)],
    )


def _duration(batch: Batch, start: str, end: str) -> str:
    """Microseconds between two moments."""
    return f"({batch.dialect.microseconds(end)} - {batch.dialect.microseconds(start)})"


def _reported_duration(batch: Batch, start: str, end: str) -> str:
    """Microseconds: as reported, else between two moments."""
    return f"coalesce(duration_ms * {MICROSECONDS_A_MILLISECOND}, {_duration(batch, start, end)})"


def _sessions(batch: Batch) -> Iterator[Increment]:
    rows = _mark(
        batch,
        Session,
        key="session_id",
        values=batch.session_ids,
        mark="is_observed = true",
        where="NOT is_observed AND ended_at IS NOT NULL AND (duration_ms IS NOT NULL OR started_at <= ended_at)",
        returning=_reported_duration(batch, "started_at", "ended_at"),
    )
    yield from bridge.observe_many(
        "workbench_session_duration_seconds", ((batch.environment, (), duration) for (duration,) in rows)
    )


def _drafts(batch: Batch, paired_draft_ids: Collection[int]) -> Iterator[Increment]:
    created = "coalesce(created_at, paired_created_at)"
    rows = []
    places: list[tuple[str, Collection[Any], Kind]] = [
        ("draft_id", batch.draft_ids, "text"),
        ("id", paired_draft_ids, "bigint"),
    ]
    for key, values, kind in places:
        rows += _mark(
            batch,
            Draft,
            key=key,
            values=values,
            kind=kind,
            mark="is_observed = true",
            where=f"NOT is_observed AND {created} <= accepted_at",
            returning=_duration(batch, created, "accepted_at"),
        )
    yield from bridge.observe_many(
        "workbench_draft_acceptance_seconds", ((batch.environment, (), duration) for (duration,) in rows)
    )


MEASURABLE = "coalesce(duration_ms >= 0, started_at <= completed_at, false)"


def _mark_completed(
    batch: Batch, model: type[Model], *, key: str, values: Collection[str], returning: str
) -> tuple[list[Row], list[Row]]:
    """The runs that completed, and those whose duration is known, each for the first time.

    A row is (duration in microseconds or None, …what `returning` names).
    """
    duration = _reported_duration(batch, "started_at", "completed_at")
    # By the mark that was just set: within RETURNING, SQLite 3.40 takes every column IS NOT NULL for true.
    columns = f"CASE WHEN is_observed THEN {duration} END, {returning}"
    completed = _mark(
        batch,
        model,
        key=key,
        values=values,
        mark=f"is_counted = true, is_observed = {MEASURABLE}",
        # Not by completed_at: SQLite would take its index and read all that ever completed.
        where="NOT is_counted AND status <> ''",
        returning=columns,
    )
    # A start that came after its completion.
    measured_late = _mark(
        batch,
        model,
        key=key,
        values=values,
        mark="is_observed = true",
        where=f"is_counted AND NOT is_observed AND {MEASURABLE}",
        returning=columns,
    )
    return completed, [row for row in completed if row[0] is not None] + measured_late


WORKFLOW = f"coalesce(nullif(workflow_name, ''), nullif(workflow_id, ''), '{UNKNOWN}')"


def _runs(batch: Batch) -> Iterator[Increment]:
    completed, measured = _mark_completed(
        batch,
        WorkflowRun,
        key="run_id",
        values=batch.run_ids,
        returning=f"status, trigger, run_id, {WORKFLOW}",
    )
    for _, status, trigger, _, _ in completed:
        yield Increment("workflow_runs_total", batch.environment, (status, trigger or UNKNOWN))
    yield from bridge.observe_many(
        "workflow_duration_seconds", ((batch.environment, (row[1],), row[0]) for row in measured)
    )
    # Asked by itself: within RETURNING, SQLite reads the whole table for each row.
    costs = batch.select(
        AgentRun._meta.db_table, "run_id, cost_micro_usd", run_id={row[3] for row in measured}
    )
    costed = {run_id for run_id, cost in costs if cost is not None}
    for duration, _, _, run_id, workflow in measured:
        yield Increment("workflow_execution_minutes_total", batch.environment, (workflow,), amount=duration)
        if run_id not in costed:
            estimate = round(duration * settings.COST_USD_PER_MINUTE / SECONDS_A_MINUTE)
            yield Increment("workflow_cost_usd_total", batch.environment, (workflow,), amount=estimate)


def _agent_runs(batch: Batch) -> Iterator[Increment]:
    completed, measured = _mark_completed(
        batch,
        AgentRun,
        key="agent_run_id",
        values=batch.agent_run_ids,
        returning="agent_name, status, error_type, cost_micro_usd, run_id",
    )
    run_ids = {row[5] for row in completed}
    named = batch.select(WorkflowRun._meta.db_table, f"run_id, {WORKFLOW}", run_id=run_ids)
    workflows: dict[str, str] = dict(row[:2] for row in named)
    for _, agent, status, error_type, cost, run_id in completed:
        yield Increment("agent_runs_total", batch.environment, (agent, status))
        if status == "failed":
            yield Increment("agent_errors_total", batch.environment, (agent, error_type or UNKNOWN))
        if cost is not None:
            workflow = workflows.get(run_id, UNKNOWN)
            yield Increment("workflow_cost_usd_total", batch.environment, (workflow,), amount=cost)
    yield from bridge.observe_many(
        "agent_duration_seconds", ((batch.environment, (row[1],), row[0]) for row in measured)
    )


def _decisions(batch: Batch, decision_keys: Collection[UUID]) -> Iterator[Increment]:
    is_native = connection.features.has_native_uuid_field
    rows = _mark(
        batch,
        ApprovalDecision,
        key="event_key",
        values=[key if is_native else key.hex for key in decision_keys],
        kind="uuid",
        mark="is_observed = true",
        where="NOT is_observed AND NOT is_repeat AND requested_at <= decided_at",
        returning=f"approved, {_duration(batch, 'requested_at', 'decided_at')}",
    )
    yield from bridge.observe_many(
        "workflow_approval_wait_time_seconds",
        ((batch.environment, ("true" if approved else "false",), duration) for approved, duration in rows),
    )
