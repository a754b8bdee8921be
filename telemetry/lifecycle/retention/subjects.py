"""The tables that retention removes rows from, as data. Apps above this one add theirs when they start."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.admin.models import LogEntry
from django.db.models import Model, Q

from telemetry.models import Arrival, QuarantinedEvent, RetentionSubject


@dataclass(frozen=True, slots=True)
class RelatedRows:
    """Rows of a model whose `theirs` equals a row's `own` (not empty): the row stays while one of them is newer."""

    own: str
    model: type[Model]
    theirs: str
    moments: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class PrunableTable:
    """A table of a subject. A row is due when all its `moments` have passed, and those of its `related` rows.
    Rows without moments are due when they are `orphans`.

    `environment` is empty where rows have none. `event` is the column that reports name. Rows that do not meet
    `only` are never removed. With `is_chronological`, keys grow with time, so that a run ends at the first newer
    row. With `kept_from`, that moment of the environment is raised before rows are removed, unless `is_settled`
    (environment, moment) says that something before it is still to be computed from them.
    """

    subject: str
    model: type[Model]
    moments: Sequence[str]
    environment: str = "environment"
    event: str = ""
    only: Q = field(default_factory=Q)
    related: Sequence[RelatedRows] = ()
    is_chronological: bool = False
    kept_from: str = ""
    is_settled: Callable[[str, datetime], bool] | None = None
    # Of rows without moments: which are due where everything before the moment is gone: (environment, moment, whether
    # it is asked in the transaction that removes them).
    orphans: Callable[[str, datetime, bool], Q] | None = None


TABLES: list[PrunableTable] = [
    PrunableTable(
        subject=RetentionSubject.QUARANTINE,
        model=QuarantinedEvent,
        moments=("received_at",),
        event="event",
        is_chronological=True,
    ),
    PrunableTable(
        subject=RetentionSubject.ARRIVALS,
        model=Arrival,
        moments=("received_at",),
        # What the fold has not taken is its queue.
        only=Q(taken_at__isnull=False),
        is_chronological=True,
    ),
    # What Django's admin notes. Entries of the audit are removed by audit_entries.py.
    PrunableTable(
        subject=RetentionSubject.AUDIT,
        model=LogEntry,
        moments=("action_time",),
        environment="",
        is_chronological=True,
    ),
]


@dataclass(frozen=True, kw_only=True)
class EventCounts:
    """A table that counts accepted events by environment, name and time; retention removes nothing of it."""

    model: type[Model]
    moment: str
    event: str
    events: str


# At most one: the fold's.
COUNTED: list[EventCounts] = []


def add_tables(tables: Sequence[PrunableTable], *, counts: Sequence[EventCounts] = ()) -> None:
    """Add an app's tables, and where accepted events are counted. Safe to repeat."""
    TABLES.extend(table for table in tables if table not in TABLES)
    COUNTED.extend(count for count in counts if count not in COUNTED)


def tables_of(subject: str) -> list[PrunableTable]:
    return [table for table in TABLES if table.subject == subject]
