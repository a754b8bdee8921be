"""The fold: takes arrivals off the queue and merges their events into the things they speak of.

One transaction an environment and batch: things, event counts, ledger, bridge counters, touched buckets, and
the arrivals marked taken. A crash anywhere leaves the arrivals on the queue and nothing else behind.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Exists, Max, OuterRef

from telemetry import bridge, ledger
from telemetry.bridge import Increment
from telemetry.models import Arrival, Environment, RawEvent
from workbench import bridging, merges, recompute
from workbench.buckets import Bucket, mark_touched
from workbench.dialect import Dialect, current
from workbench.models import AgentRun, AppServerState, Draft, EventCount, WorkflowRun

# A batch is as large as its work stays in memory and its transaction short (measured: larger is not faster).
EVENTS_PER_BATCH = 30_000
ARRIVALS_PER_BATCH = 4_000


@dataclass(frozen=True, slots=True)
class Taken:
    """An arrival that this transaction takes off the queue."""

    id: int
    key_id: int
    received_at: datetime
    accepted: int
    duplicates: int
    rejected: dict[str, int]
    first_day: date | None
    last_day: date | None


def fold_pending(*, now: datetime) -> int:
    """Takes the arrivals that are pending when it starts and free; returns how many it took.

    Safe to repeat and to run twice. What comes in meanwhile waits for the next call, so that it always ends.
    """
    newest = Arrival.objects.filter(taken_at__isnull=True).aggregate(newest=Max("id"))["newest"]
    taken = 0
    while newest and (batch := fold_batch(now=now, newest=newest)):
        taken += batch
    return taken


def fold_batch(*, now: datetime, newest: int) -> int:
    """Takes arrivals up to the newest id, of one environment, in one transaction; returns their number.

    It returns 0 when there are none, or none that another process does not fold already.

    The environment's row is the lock: pairing reads rows of several sessions, which row locks in key order
    could not cover. Two workers share the environments between them; one that is being folded is skipped.
    """
    with transaction.atomic():
        environment = _lock_environment_with_work(newest)
        if environment is None:
            return 0
        arrivals = _take_arrivals(environment, newest)
        increments = bridging.count_received(environment=environment, arrivals=arrivals)
        if any(arrival.accepted for arrival in arrivals):
            with connection.cursor() as cursor:
                increments += _fold_events(cursor, environment=environment, arrivals=arrivals)
        bridge.increase(increments)
        ledger.record(environment=environment, arrivals=arrivals)
        Arrival.objects.filter(id__in=[arrival.id for arrival in arrivals]).update(taken_at=now)
    return len(arrivals)


def _lock_environment_with_work(newest: int) -> str | None:
    pending = Arrival.objects.filter(environment=OuterRef("name"), taken_at__isnull=True, id__lte=newest)
    # no_key: making a key of the environment meanwhile need not wait.
    free = Environment.objects.filter(Exists(pending)).order_by("name")
    return free.select_for_update(skip_locked=True, no_key=True).values_list("name", flat=True).first()


def _take_arrivals(environment: str, newest: int) -> list[Taken]:
    """The oldest pending arrivals of the environment, as many as make a batch; one at least."""
    pending = Arrival.objects.filter(environment=environment, taken_at__isnull=True, id__lte=newest)
    arrivals: list[Taken] = []
    events = 0
    for row in pending.order_by("id").values_list(*Taken.__dataclass_fields__.keys())[:ARRIVALS_PER_BATCH]:
        arrival = Taken(*row)
        events += arrival.accepted
        if arrivals and events > EVENTS_PER_BATCH:
            break
        arrivals.append(arrival)
    return arrivals


def _fold_events(cursor: CursorWrapper, *, environment: str, arrivals: Sequence[Taken]) -> list[Increment]:
    """Merges the arrivals' events into the things; returns what they add to the bridge's counters."""
    dialect = current()
    _stage(cursor, dialect=dialect, arrivals=arrivals)
    touched = _touched_buckets(cursor, dialect)
    session_ids = recompute.sessions_to_pair(cursor, dialect)
    _merge_things(cursor, dialect)
    session_ids |= recompute.sessions_to_pair(cursor, dialect)
    drafts = recompute.pair_drafts(environment=environment, session_ids=session_ids)
    decisions = recompute.pair_approvals(cursor, dialect=dialect, environment=environment)
    touched |= _touched_buckets(cursor, dialect) | drafts.buckets | decisions.buckets
    touched |= _count_events(cursor, dialect)
    mark_touched(environment=environment, buckets=touched)
    batch = bridging.Batch(cursor=cursor, dialect=dialect, environment=environment)
    return [*bridging.count_events(batch), *bridging.count_things(batch, paired_draft_ids=drafts.draft_ids)]


def _stage(cursor: CursorWrapper, *, dialect: Dialect, arrivals: Sequence[Taken]) -> None:
    """Copies the arrivals' events to the temporary table that every later statement reads."""
    with_events = [arrival for arrival in arrivals if arrival.accepted]
    days = [day for arrival in with_events for day in (arrival.first_day, arrival.last_day) if day]
    events = RawEvent.objects.filter(
        arrival_id__in=[arrival.id for arrival in with_events], day__range=(min(days), max(days))
    ).values("event_key", "environment", "event", "session_id", "occurred_at", "properties")
    sql, parameters = events.query.sql_with_params()
    cursor.execute(dialect.create_batch_table())
    cursor.execute("DELETE FROM fold_batch")
    cursor.execute(
        "INSERT INTO fold_batch (event_key, environment, event, session_id, occurred_at, bucket, properties)"
        " SELECT event_key, environment, event, session_id, occurred_at,"
        f" {dialect.bucket('occurred_at')}, properties FROM ({sql}) AS taken",
        parameters,
    )


def _merge_things(cursor: CursorWrapper, dialect: Dialect) -> None:
    for thing in merges.things(dialect):
        cursor.execute(merges.merge_statement(thing))
    for first in merges.firsts(dialect):
        cursor.execute(merges.first_statement(first, dialect))
    for statement in (*recompute.insert_statements(dialect), _app_server_statement(dialect)):
        cursor.execute(statement)


def _touched_buckets(cursor: CursorWrapper, dialect: Dialect) -> set[Bucket]:
    """The buckets in which the things of the batch count as they now stand; asked before and after the merge."""
    run_ids = f"""
      SELECT {dialect.text("runId")} AS run_id FROM fold_batch
      WHERE event IN ({merges.quoted((merges.RUN_STARTED, merges.RUN_COMPLETED))})
      UNION SELECT thing.run_id FROM {AgentRun._meta.db_table} AS thing JOIN fold_batch
      ON thing.environment = fold_batch.environment AND thing.agent_run_id = {dialect.text("agentRunId")}
      WHERE fold_batch.event IN ({merges.quoted((merges.AGENT_STARTED, merges.AGENT_COMPLETED))})"""
    agents = f"""
      SELECT {dialect.text("agentRunId")} FROM fold_batch
      WHERE event IN ({merges.quoted((merges.AGENT_STARTED, merges.AGENT_COMPLETED))})"""
    drafts = f"SELECT {dialect.text('draftId')} FROM fold_batch WHERE substr(event, 1, 10) = 'workbench.'"
    environment = "(SELECT environment FROM fold_batch LIMIT 1)"
    cursor.execute(f"""
SELECT DISTINCT {dialect.bucket("accepted_at")} FROM {Draft._meta.db_table}
WHERE accepted_at IS NOT NULL AND environment = {environment} AND draft_id IN ({drafts})
UNION SELECT {dialect.bucket("completed_at")} FROM {WorkflowRun._meta.db_table}
WHERE completed_at IS NOT NULL AND environment = {environment} AND run_id IN ({run_ids})
UNION SELECT {dialect.bucket("completed_at")} FROM {AgentRun._meta.db_table}
WHERE completed_at IS NOT NULL AND environment = {environment}
  AND (agent_run_id IN ({agents}) OR run_id IN ({run_ids}))""")
    return {bucket for (bucket,) in cursor.fetchall()}


def _count_events(cursor: CursorWrapper, dialect: Dialect) -> set[Bucket]:
    """Adds the batch to the event counts; returns the buckets that its events lie in."""
    table = EventCount._meta.db_table
    cursor.execute(f"""
INSERT INTO {table} (environment, bucket_start, event, variant, events)
SELECT environment, {dialect.bucket_start("bucket")}, event, coalesce({dialect.text("source")}, ''), count(*)
FROM fold_batch WHERE true GROUP BY environment, bucket, event, 4 ORDER BY 1, 2, 3, 4
ON CONFLICT (environment, bucket_start, event, variant) DO UPDATE SET events = {table}.events + excluded.events""")
    cursor.execute("SELECT DISTINCT bucket FROM fold_batch")
    return {bucket for (bucket,) in cursor.fetchall()}


def _app_server_statement(dialect: Dialect) -> str:
    """The newest report of each worker and of the maintenance switch wins; the largest key within a moment."""
    table = AppServerState._meta.db_table
    subject = (
        "CASE WHEN event = 'appserver.maintenance_changed' THEN 'maintenance'"
        f" ELSE 'worker:' || {dialect.text('workerId')} END"
    )
    state = (
        f"CASE WHEN event <> 'appserver.maintenance_changed' THEN {dialect.text('state')}"
        f" WHEN {dialect.boolean('enabled')} THEN 'on' ELSE 'off' END"
    )
    return f"""
INSERT INTO {table} (environment, subject, state, backoff_ms, changed_at, event_key)
SELECT environment, subject, state, backoff_ms, occurred_at, event_key FROM (
  SELECT environment, {subject} AS subject, {state} AS state,
    coalesce({dialect.integer("backoffMs")}, 0) AS backoff_ms, occurred_at, event_key,
    row_number() OVER (
      PARTITION BY environment, {subject} ORDER BY occurred_at DESC, event_key DESC
    ) AS position
  FROM fold_batch WHERE event IN ('appserver.worker_state_changed', 'appserver.maintenance_changed')
) AS ranked
WHERE position = 1 ORDER BY 1, 2
ON CONFLICT (environment, subject) DO UPDATE SET
  state = excluded.state, backoff_ms = excluded.backoff_ms,
  changed_at = excluded.changed_at, event_key = excluded.event_key
WHERE (excluded.changed_at, excluded.event_key) > ({table}.changed_at, {table}.event_key)"""
