"""What a run has removed: its report, the counters behind the gauges, and the size of rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from django.db import connection
from django.db.models import F, Max, Min, Model, Sum

from telemetry.counters import bridge
from telemetry.counters.bridge import Increment
from telemetry.models import RetentionReport, RetentionRun, RetentionSubject

# Families that hold what was removed, for the gauges of what is left.
REMOVED: Mapping[str, str] = MappingProxyType(
    {
        RetentionSubject.RAW_EVENTS: "portal_raw_events_removed_total",
        RetentionSubject.QUARANTINE: "portal_quarantine_removed_total",
    }
)
PRUNED = "portal_pruned_rows_total"


@dataclass(frozen=True, slots=True)
class RemovedRows:
    """Rows of one event (or table) of an environment on a UTC day, and their size in bytes."""

    environment: str
    event: str
    day: date
    rows: int
    bytes: int


def record(
    *, run: RetentionRun, subject: str, removed: Sequence[RemovedRows], seconds: float, position: str
) -> None:
    """Add a step to its run: report, progress and counters. Call it in the transaction that removed the rows.

    `seconds` is what the step took, and is shared out by rows. `position` is where the next step goes on.
    """
    total = sum(part.rows for part in removed)
    add_to_report(run=run, subject=subject, removed=removed, seconds_a_row=seconds / max(total, 1))
    bridge.increase(increments_of(subject, removed))
    RetentionRun.objects.filter(pk=run.pk).update(
        position=position,
        rows=F("rows") + total,
        bytes=F("bytes") + sum(part.bytes for part in removed),
        steps=F("steps") + 1,
    )


def increments_of(subject: str, removed: Iterable[RemovedRows]) -> list[Increment]:
    counted = [part for part in removed if part.rows]
    increments = [Increment(PRUNED, part.environment, (subject,), amount=part.rows) for part in counted]
    if subject in REMOVED:
        increments += [
            Increment(REMOVED[subject], part.environment, (), amount=part.rows) for part in counted
        ]
    return increments


def add_to_report(
    *, run: RetentionRun, subject: str, removed: Iterable[RemovedRows], seconds_a_row: float
) -> None:
    table = RetentionReport._meta.db_table
    rows = [
        (
            run.pk,
            subject,
            part.environment,
            part.event,
            part.day.isoformat(),
            part.rows,
            part.bytes,
            part.rows * seconds_a_row,
        )
        for part in removed
        if part.rows
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} (run_id, subject, environment, event, day, rows, bytes, seconds)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (run_id, subject, day, environment, event) DO UPDATE SET"
            f" rows = {table}.rows + excluded.rows, bytes = {table}.bytes + excluded.bytes,"
            f" seconds = {table}.seconds + excluded.seconds",
            rows,
        )


def row_bytes(model: type[Model], *, alias: str) -> str:
    """SQL of a row's size in bytes, without its indexes; `alias` is the name of the table in the statement."""
    if connection.vendor == "postgresql":
        return f"pg_column_size({alias}.*)"
    columns = (str(field.column) for field in model._meta.concrete_fields)
    # A number or a boolean takes about as many bytes as it has digits.
    return " + ".join(f"coalesce(length({alias}.{connection.ops.quote_name(name)}), 0)" for name in columns)


def report_lines(run: RetentionRun) -> list[str]:
    """What the run removed, a text for each subject, environment and event."""
    groups = RetentionReport.objects.filter(run=run).values_list("subject", "environment", "event")
    sums = groups.annotate(Sum("rows"), Sum("bytes"), Min("day"), Max("day"))
    return [
        f"{subject} {environment or '-'} {event}: {rows} rows, {size} bytes, {first} to {last}"
        for subject, environment, event, rows, size, first, last in sums.order_by(
            "subject", "environment", "event"
        )
    ]
