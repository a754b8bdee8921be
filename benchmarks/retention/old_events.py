"""Functions that run in a process of the portal: old events, made by the database itself, and pruning them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from django.db import connection, transaction

from benchmarks.retention.pruned import Pruned
from telemetry.lifecycle import partitions
from telemetry.lifecycle.retention import raw_events, runs
from telemetry.models import ApiKey, Arrival, RetentionPolicy, RetentionRun, RetentionSubject, RunStatus

# (rows in all) over (days), the newest of which is yesterday.
POSTGRESQL = """
INSERT INTO telemetry_rawevent (
    event_key, day, arrival_id, environment, source, event, event_id, session_id, occurred_at, properties
)
SELECT gen_random_uuid(), %(day)s::date, %(arrival)s, 'production', 'bench',
    (ARRAY['workbench.chat_message_sent', 'workbench.draft_created', 'appserver.request_completed'])[1 + n %% 3],
    'e-' || n, 's-' || n / 20, %(day)s::date + n * interval '1 day' / %(rows)s,
    '{"source": "chat", "draftId": "d-1", "nodeCount": 12, "messageLength": 240}'::jsonb
FROM generate_series(0, %(rows)s - 1) AS n
"""
SQLITE = """
INSERT INTO telemetry_rawevent (
    event_key, day, arrival_id, environment, source, event, event_id, session_id, occurred_at, properties
)
WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n < %(rows)s - 1)
SELECT lower(hex(randomblob(16))), %(day)s, %(arrival)s, 'production', 'bench',
    CASE n %% 3 WHEN 0 THEN 'workbench.chat_message_sent' ELSE 'workbench.draft_created' END,
    'e-' || n, 's-' || n / 20, %(day)s || ' 12:00:00',
    '{"source":"chat","draftId":"d-1","nodeCount":12,"messageLength":240}'
FROM number
"""


def load_old_events(*, events: int, days: int) -> None:
    """So many raw events, spread evenly over the days before today, as if folded long ago."""
    today = datetime.now(UTC).date()
    for age in range(days, 0, -1):
        load_day(today - timedelta(days=age), rows=events // days)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # As autovacuum would have done long ago.
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("CHECKPOINT")
        else:
            cursor.execute("ANALYZE")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def load_day(day: date, *, rows: int) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql" and day not in partitions.partition_days():
            partitions.make_partition(cursor, day=day)
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        arrival = Arrival.objects.create(
            key=ApiKey.objects.latest("pk"),
            environment="production",
            source="bench",
            received_at=noon,
            accepted=rows,
            duplicates=0,
            first_day=day,
            last_day=day,
            taken_at=noon,
        )
        statement = POSTGRESQL if connection.vendor == "postgresql" else SQLITE
        cursor.execute(statement, {"day": str(day), "arrival": arrival.pk, "rows": rows})


def prune(*, keep_days: int, seconds: float) -> Pruned:
    """Run retention for about so many seconds, or to its end; the next call goes on with what is left."""
    RetentionPolicy.objects.get_or_create(subject=RetentionSubject.RAW_EVENTS, keep_days=keep_days)
    now = datetime.now(UTC)
    with timed() as times:
        began_at = time.perf_counter()
        run = runs.open_run(now=now, requested_by="bench")
        is_over = not runs.carry_on(now=now, seconds=seconds)
        took = time.perf_counter() - began_at
    if not is_over:
        # Or the portal's own scheduler would carry it on.
        runs.end_run(run, status=RunStatus.FAILED, now=now)
    run.refresh_from_db()
    return Pruned(
        is_over=is_over,
        rows=run.rows,
        seconds=took,
        days=len(times.locks),
        drops=sum(times.locks) + sum(times.drops),
        longest_drop=max(times.locks, default=0),
        longest_step=max(times.steps, default=0),
    )


@dataclass
class Times:
    """Seconds of each detachment, from its first lock to the end of its commit, of each drop, and of each step."""

    locks: list[float] = field(default_factory=list)
    drops: list[float] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)


@contextmanager
def timed() -> Iterator[Times]:
    """Puts clocks around the three functions."""
    times = Times()
    detach, drop, locked = raw_events.detach_partition, raw_events.drop_detached, runs.locked

    def timed_detach(day: date) -> None:
        began_at = time.perf_counter()
        transaction.on_commit(lambda: times.locks.append(time.perf_counter() - began_at))
        detach(day)

    def timed_drop() -> None:
        began_at = time.perf_counter()
        drop()
        times.drops.append(time.perf_counter() - began_at)

    @contextmanager
    def timed_step(run: RetentionRun, *, now: datetime) -> Iterator[None]:
        with locked(run, now=now):
            began_at = time.perf_counter()
            transaction.on_commit(lambda: times.steps.append(time.perf_counter() - began_at))
            yield

    raw_events.detach_partition, raw_events.drop_detached, runs.locked = timed_detach, timed_drop, timed_step
    try:
        yield times
    finally:
        raw_events.detach_partition, raw_events.drop_detached, runs.locked = detach, drop, locked


def drop_plainly() -> float:
    """Seconds that a plain DROP TABLE of a day that is left takes, once all of it was read; the mean of these days."""
    today = datetime.now(UTC).date()
    days = sorted(day for day in partitions.partition_days() if day < today)
    took = 0.0
    with connection.cursor() as cursor:
        for day in days:
            raw_events.survey(day)
            began_at = time.perf_counter()
            cursor.execute(f"DROP TABLE {partitions.partition_name(day)}")
            took += time.perf_counter() - began_at
    return took / len(days)
