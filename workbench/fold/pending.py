"""The fold: takes arrivals off the queue and merges their events into the things they speak of.

One transaction an environment and batch: things, event counts, ledger, bridge counters, touched buckets, and
the arrivals marked taken. A crash anywhere leaves the arrivals on the queue and nothing else behind.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Max

from telemetry.counters import bridge, ledger
from telemetry.counters.bridge import Increment
from telemetry.models import Arrival, Environment
from workbench.buckets import mark_touched
from workbench.dialect import Dialect
from workbench.fold import bridging, merges, recompute
from workbench.fold.batch import Batch, PendingArrival, stage
from workbench.fold.changes import read_changes
from workbench.fold.tally import add_to_counts, count_events, tally
from workbench.isolation import Isolated
from workbench.models import AppServerState

# A batch is as large as its work stays in memory and its transaction short (measured: larger is not faster).
EVENTS_PER_BATCH = 30_000
ARRIVALS_PER_BATCH = 4_000


def fold_pending(*, now: datetime, wait: bool = False) -> int:
    """Takes the arrivals that are pending when it starts; returns how many it took.

    An environment that another process folds is left to it, unless `wait` is set. Safe to repeat and to run twice.
    What comes in meanwhile waits for the next call, so that it always ends. An environment that cannot be folded
    does not stop the others; afterwards an ExceptionGroup says what went wrong.
    """
    pending = Arrival.objects.filter(taken_at__isnull=True)
    newest = pending.aggregate(newest=Max("id"))["newest"]
    taken = 0
    with Isolated("not every environment could be folded") as isolated:
        for environment in sorted(pending.values_list("environment", flat=True).distinct()):
            with isolated.step():
                while batch := fold_batch(environment=environment, now=now, newest=newest, wait=wait):
                    taken += batch
    return taken


def fold_batch(*, environment: str, now: datetime, newest: int, wait: bool = False) -> int:
    """Takes arrivals of the environment up to the newest id in one transaction; returns their number.

    It is 0 when none are left, or another process folds the environment and `wait` is not set.

    The environment's row is the lock: pairing reads rows of several sessions, which row locks in key order
    could not cover. Two workers share the environments between them.
    """
    with transaction.atomic():
        # no_key: making a key of the environment meanwhile need not wait.
        row = Environment.objects.select_for_update(skip_locked=not wait, no_key=True).filter(
            name=environment
        )
        if not row:
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


def _take_arrivals(environment: str, newest: int) -> list[PendingArrival]:
    """The oldest pending arrivals of the environment, as many as make a batch; one at least, if there are any."""
    pending = Arrival.objects.filter(environment=environment, taken_at__isnull=True, id__lte=newest)
    arrivals: list[PendingArrival] = []
    events = 0
    for row in pending.order_by("id").values_list(*PendingArrival.__dataclass_fields__.keys())[
        :ARRIVALS_PER_BATCH
    ]:
        arrival = PendingArrival(*row)
        events += arrival.accepted
        if arrivals and events > EVENTS_PER_BATCH:
            break
        arrivals.append(arrival)
    return arrivals


def _fold_events(
    cursor: CursorWrapper, *, environment: str, arrivals: Sequence[PendingArrival]
) -> list[Increment]:
    """Merges the arrivals' events into the things; returns what they add to the bridge's counters."""
    batch = stage(cursor, environment=environment, arrivals=arrivals)
    tallies = tally(batch)
    add_to_counts(tallies, environment=environment)
    _merge_things(batch)
    changes = read_changes(batch)
    drafts = recompute.pair_drafts(batch, drafts=changes.drafts)
    decisions = recompute.pair_approvals(batch)
    mark_touched(
        environment=environment,
        buckets=changes.touched | drafts.buckets | decisions.buckets | {one.bucket for one in tallies},
    )
    return [
        *count_events(batch, tallies),
        *bridging.count_things(changes, environment=environment, paired_durations=drafts.durations),
        *bridging.count_decisions(batch, decisions.event_keys),
    ]


def _merge_things(batch: Batch) -> None:
    for thing in merges.things(batch.dialect):
        batch.cursor.execute(merges.merge_statement(thing, batch.dialect), {"fold": batch.number})
    for statement in (*recompute.insert_statements(batch.dialect), _app_server_statement(batch.dialect)):
        batch.cursor.execute(statement)


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
WHERE position = 1
ON CONFLICT (environment, subject) DO UPDATE SET
  state = excluded.state, backoff_ms = excluded.backoff_ms,
  changed_at = excluded.changed_at, event_key = excluded.event_key
WHERE (excluded.changed_at, excluded.event_key) > ({table}.changed_at, {table}.event_key)"""
