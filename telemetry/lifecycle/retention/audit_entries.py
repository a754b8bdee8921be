"""Removes entries of the audit. They are final: the audit itself deletes the oldest, and nothing else can."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime

from django.db import connection
from django.db.models import Min, Sum
from django.db.models.expressions import RawSQL

from audit import trail
from audit.models import AuditEntry
from telemetry.lifecycle.retention.reports import RemovedRows, row_bytes
from telemetry.lifecycle.retention.rules import RetentionRules, midnight
from telemetry.models import RetentionSubject

TABLE = str(AuditEntry._meta.model_name)
# Entries that a step removes.
ENTRIES_PER_STEP = {"postgresql": 5_000, "sqlite": 1_000}


def due_before(rules: RetentionRules) -> datetime | None:
    """Entries older than this are due; None: all are kept.

    A hold, also one on an environment, keeps everything from its first day on: entries go from the oldest.
    """
    cut = rules.cut(RetentionSubject.AUDIT, environment="")
    if cut is None:
        return None
    first = min([cut, *(hold.first for hold in rules.holds)])
    return midnight(first) if first > date.min else None


def delete_oldest(moment: datetime) -> list[RemovedRows]:
    """Delete the oldest entries from before the moment, a step's worth at most. In the caller's transaction."""
    limit = ENTRIES_PER_STEP[connection.vendor]
    oldest = AuditEntry.objects.filter(timestamp__lt=moment).order_by("timestamp", "id")
    # Index: audit_entry_newest (timestamp, id).
    removed = summed(oldest.annotate(size=size()).values_list("timestamp", "size")[:limit])
    trail.delete_before(moment, limit=limit)
    return removed


def size() -> RawSQL:
    return RawSQL(row_bytes(AuditEntry, alias=AuditEntry._meta.db_table), [])


def summed(entries: Sequence[tuple[datetime, int]]) -> list[RemovedRows]:
    rows: Counter[date] = Counter()
    sizes: Counter[date] = Counter()
    for moment, size_in_bytes in entries:
        day = moment.astimezone(UTC).date()
        rows[day] += 1
        sizes[day] += int(size_in_bytes)
    return [RemovedRows("", TABLE, day, count, sizes[day]) for day, count in rows.items()]


def what_is_due(rules: RetentionRules) -> tuple[int, int, date] | None:
    """How many entries are due, their bytes and their oldest UTC day; None where none is."""
    moment = due_before(rules)
    rows = trail.count_before(moment) if moment else 0
    if not moment or not rows:
        return None
    due = AuditEntry.objects.filter(timestamp__lt=moment).annotate(size=size())
    found = due.aggregate(bytes=Sum("size"), oldest=Min("timestamp"))
    return rows, int(found["bytes"]), found["oldest"].astimezone(UTC).date()
