"""Removes raw events, one UTC day after the other: a dropped partition where all of a day is due, else in steps.

Before anything is deleted, `raw_kept_from` says so. The door refuses what lies before it, by its moment or by its
day, and checks that in the transaction that stores (see telemetry/intake/storage.py). So no copy of a deleted event
comes in again, however old the door's own knowledge is.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from telemetry.lifecycle.partitions import partition_days, partition_name
from telemetry.lifecycle.retention.portions import portions
from telemetry.lifecycle.retention.reports import RemovedRows, row_bytes
from telemetry.lifecycle.retention.rules import RetentionRules, day_after, midnight
from telemetry.models import Arrival, Environment, RawEvent, RetentionSubject

TABLE = RawEvent._meta.db_table
# Posts queue behind a lock that retention waits for: this bounds their wait. An attempt that fails is repeated.
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '50ms'"
# The most that a step removes. On SQLite the clock ends it before, as a rule (see portions.py).
ROWS_A_STEP = {"postgresql": 5_000, "sqlite": 1_000}


@dataclass(frozen=True, slots=True)
class EventGroup:
    """The raw events of one name and environment on a UTC day. `first` and `last` are their earliest and latest."""

    environment: str
    event: str
    rows: int
    bytes: int
    first: datetime
    last: datetime

    def removed_from(self, day: date) -> RemovedRows:
        return RemovedRows(self.environment, self.event, day, self.rows, self.bytes)


def next_day(after: date | None, *, before: date) -> date | None:
    """The first day with raw events after `after` and before `before`; None when there is none."""
    if connection.vendor == "postgresql":
        days = sorted({*partition_days(), *days_without_partition()})
        return next((day for day in days if (after is None or day > after) and day < before), None)
    # Index: raw_event_day (day, arrival_id).
    later = RawEvent.objects.filter(day__lt=before, **({} if after is None else {"day__gt": after}))
    return later.order_by("day").values_list("day", flat=True).first()


def days_without_partition() -> set[date]:
    """The days of the rows that the default partition caught; there are few."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT day FROM {TABLE}_default")
        return {row[0] for row in cursor.fetchall()}


@dataclass(slots=True)
class SurveyedDay:
    """The groups of the day that steps delete from, so that not each of them reads the whole day.

    Posts add nothing to the groups that are due, once these were announced.
    """

    day: date | None = None
    groups: list[EventGroup] = field(default_factory=list)

    def groups_of(self, day: date) -> list[EventGroup]:
        if day != self.day:
            self.day, self.groups = day, survey(day)
        return self.groups

    def forget(self) -> None:
        self.day = None


def survey(day: date) -> list[EventGroup]:
    """The groups of a day. It reads the whole day once."""
    if connection.vendor != "postgresql":
        # No transaction: it would take SQLite's only write lock.
        return read_groups(day)
    with transaction.atomic():
        with connection.cursor() as cursor:
            # One processor is enough: the others are for posts.
            cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0")
        return read_groups(day)


def read_groups(day: date) -> list[EventGroup]:
    with connection.cursor() as cursor:
        # PostgreSQL reads the day's partition. Index on SQLite: raw_event_day (day, arrival_id).
        cursor.execute(
            "SELECT environment, event, count(*),"
            f" sum({row_bytes(RawEvent, alias='raw')}), min(occurred_at), max(occurred_at)"
            f" FROM {TABLE} AS raw WHERE day = %s GROUP BY environment, event",
            [day if connection.vendor == "postgresql" else day.isoformat()],
        )
        rows = cursor.fetchall()
    return [
        EventGroup(environment, event, count, int(size), in_utc(first), in_utc(last))
        for environment, event, count, size, first, last in rows
    ]


def in_utc(value: datetime | str) -> datetime:
    """A moment as the driver gives it: SQLite's texts have no zone."""
    if isinstance(value, datetime):
        return value
    return datetime.fromisoformat(f"{value}+00:00")


def due_groups(groups: Iterable[EventGroup], *, day: date, rules: RetentionRules) -> list[EventGroup]:
    """Those groups of a day that no policy keeps any longer, no hold covers, and whose posts are all folded."""
    waiting = environments_with_waiting_posts(day)
    return [
        group for group in groups if group.environment not in waiting and is_due(group, day=day, rules=rules)
    ]


def is_due(group: EventGroup, *, day: date, rules: RetentionRules) -> bool:
    """Both the day and all moments must have passed: where a clock was corrected, the two differ."""
    cut = rules.cut(RetentionSubject.RAW_EVENTS, environment=group.environment, event=group.event)
    first, last = min(day, group.first.date()), max(day, group.last.date())
    return (
        cut is not None
        and last < cut
        and not rules.is_held(environment=group.environment, first=first, last=last)
    )


def environments_with_waiting_posts(day: date) -> set[str]:
    """The environments of which a post with events of that day waits to be folded."""
    # Index: arrival_pending (id).
    waiting = Arrival.objects.pending().filter(first_day__lte=day, last_day__gte=day)
    return set(waiting.values_list("environment", flat=True))


def announce(groups: Collection[EventGroup], *, day: date) -> None:
    """Record that raw events of these groups are no longer kept, committed before the first of them is deleted."""
    for environment, moment in kept_from_without(groups, day=day).items():
        raise_kept_from("raw_kept_from", environment=environment, moment=moment)


def kept_from_without(groups: Iterable[EventGroup], *, day: date) -> dict[str, datetime]:
    """The first midnight that lies after the day and all moments of the groups, by environment."""
    moments: dict[str, datetime] = {}
    for group in groups:
        moment = midnight(day_after(max(day, group.last.date())))
        moments[group.environment] = max(moment, moments.get(group.environment, moment))
    return moments


def is_announced(groups: Iterable[EventGroup], *, day: date) -> bool:
    stored = dict(Environment.objects.values_list("name", "raw_kept_from"))
    return all(
        (kept_from := stored.get(environment)) is not None and kept_from >= moment
        for environment, moment in kept_from_without(groups, day=day).items()
    )


def raise_kept_from(field: str, *, environment: str, moment: datetime) -> None:
    """Move a moment of the environment's row ahead; it never goes back."""
    earlier = Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__lt": moment})
    behind = Environment.objects.filter(earlier, name=environment)
    # On SQLite an update takes the lock that all posts need, even where it finds nothing.
    if behind.exists():
        behind.update(**{field: moment})


def wait_for_posts() -> None:
    """Return when every statement has ended that may have read `raw_kept_from` before it was raised.

    On SQLite there is none: a transaction that writes is alone. Raises OperationalError after 50 ms.
    """
    if connection.vendor != "postgresql":
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LOCK_TIMEOUT)
        cursor.execute(f"LOCK TABLE ONLY {TABLE} IN SHARE MODE")


def has_partition(day: date) -> bool:
    return connection.vendor == "postgresql" and day in partition_days()


def lock_day(day: date) -> None:
    """Keep posts away from a day's partition until the transaction ends; they have none for it."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK_TIMEOUT)
        cursor.execute(f"LOCK TABLE {partition_name(day)} IN SHARE MODE")


def detach_partition(day: date) -> None:
    """Detach a day's partition, as the last statement of its transaction: from here to the commit all posts wait.

    DETACH … CONCURRENTLY would not lock the whole table, but PostgreSQL refuses it where there is a default
    partition. The commit need not wait for the disk: what a power cut undoes is undone together with its report. A
    DROP would make it wait, which took 30 ms in place of 2 on a busy machine.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
        cursor.execute(f"LOCK TABLE ONLY {TABLE} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(f"ALTER TABLE {TABLE} DETACH PARTITION {partition_name(day)}")


DETACHED = """
SELECT relname FROM pg_class
WHERE relname ~ '^telemetry_rawevent_[0-9]{8}$' AND relkind = 'r'
  AND NOT EXISTS (SELECT 1 FROM pg_inherits WHERE inhrelid = pg_class.oid)
"""


def drop_detached() -> None:
    """Drop the days that are detached, those too that a killed process left. No post knows these tables."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(DETACHED)
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP TABLE IF EXISTS {connection.ops.quote_name(name)}")


@dataclass(frozen=True, slots=True)
class NextRows:
    """Rows of an environment and a day that a step may delete, in order: keys on PostgreSQL, row ids on SQLite.

    `are_last` says that no others were due when they were read.
    """

    environment: str
    day: date
    events: list[str]
    ids: list[Any]
    are_last: bool


# Only what lies before the stored `raw_kept_from` is due. Index: the key (day, event_key); on SQLite raw_event_day
# (day, arrival_id), because rows that came together lie side by side in the table.
NEXT_ROWS = {
    "postgresql": f"""
SELECT event_key FROM {TABLE}
WHERE day = %s AND environment = %s AND event = ANY(%s)
    AND occurred_at < (SELECT raw_kept_from FROM telemetry_environment WHERE name = %s)
ORDER BY event_key LIMIT %s""",
    "sqlite": f"""
SELECT rowid FROM {TABLE} INDEXED BY raw_event_day
WHERE day = %s AND environment = %s AND event IN (SELECT value FROM json_each(%s))
    AND occurred_at < (SELECT raw_kept_from FROM telemetry_environment WHERE name = %s)
ORDER BY arrival_id, rowid LIMIT %s""",
}
# Each row by its own key: with an array as it is PostgreSQL, without statistics SQLite, would read all of the day.
DELETE_ROWS = {
    "postgresql": f"""
DELETE FROM {TABLE}
WHERE day = %s AND environment = %s AND event = ANY(%s)
    AND occurred_at < (SELECT raw_kept_from FROM telemetry_environment WHERE name = %s)
    AND event_key = ANY(ARRAY(SELECT unnest(%s::uuid[])))
RETURNING event, {{size}}""",
    "sqlite": f"""
DELETE FROM {TABLE} NOT INDEXED
WHERE day = %s AND environment = %s AND event IN (SELECT value FROM json_each(%s))
    AND occurred_at < (SELECT raw_kept_from FROM telemetry_environment WHERE name = %s)
    AND rowid IN (SELECT value FROM json_each(%s))
RETURNING event, {{size}}""",
}


def next_rows(groups: Sequence[EventGroup], *, day: date) -> NextRows:
    """Up to ROWS_A_STEP rows of due groups of one environment. It only reads: nobody waits for the search."""
    environment = groups[0].environment
    events = sorted(group.event for group in groups if group.environment == environment)
    limit = ROWS_A_STEP[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(
            NEXT_ROWS[connection.vendor], [str(day), environment, as_list(events), environment, limit]
        )
        ids = [row_id for (row_id,) in cursor.fetchall()]
    return NextRows(environment, day, events, ids, are_last=len(ids) < limit)


def as_list(values: Sequence[Any]) -> Any:
    """A list as a parameter of the statements above."""
    return list(values) if connection.vendor == "postgresql" else json.dumps(values)


def delete_rows(rows: NextRows) -> tuple[list[RemovedRows], bool]:
    """Delete as many of the rows as the step has time for: what went, and whether it came to the last of them.

    A row goes only if it is still due. Call it in a transaction.
    """
    sizes: defaultdict[str, list[int]] = defaultdict(list)
    tried = 0
    for portion in portions(rows.ids):
        for event, size in delete_portion(rows, portion):
            sizes[event].append(size)
        tried += len(portion)
    removed = [
        RemovedRows(rows.environment, event, rows.day, len(of_event), sum(of_event))
        for event, of_event in sizes.items()
    ]
    return removed, tried == len(rows.ids)


def delete_portion(rows: NextRows, ids: Sequence[Any]) -> list[tuple[str, int]]:
    """The name and size of each row that it deleted."""
    due = [str(rows.day), rows.environment, as_list(rows.events), rows.environment]
    statement = DELETE_ROWS[connection.vendor].format(size=row_bytes(RawEvent, alias=TABLE))
    with connection.cursor() as cursor:
        cursor.execute(statement, [*due, as_list(ids)])
        return [(event, size) for event, size in cursor.fetchall()]
