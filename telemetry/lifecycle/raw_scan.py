"""Reads all raw events in bounded steps, without an index: the one way to find what no index can find.

An index by session would cost every post. An erasure is rare, so it reads the table instead: by ranges of pages of
each partition on PostgreSQL, by ranges of row ids on SQLite. Readers wait for nobody, and nobody waits for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from telemetry.models import RawEvent

TABLE = RawEvent._meta.db_table
# About 16 MiB, or 30,000 events: some 50 ms.
PAGES_PER_STEP = 2000
ROWS_PER_STEP = 20_000
PAGE_BYTES = 8192


@dataclass(frozen=True)
class ScanPart:
    """A part of the table: from `start` on and before `end`, in pages of a partition or in row ids."""

    partition: str
    start: int
    end: int
    is_last: bool

    def condition(self) -> tuple[str, list[Any]]:
        """A condition in SQL that chooses the slice's rows, and its parameters."""
        if connection.vendor == "postgresql":
            # The last slice is open: pages that are added meanwhile hold only events that came later.
            upper = "" if self.is_last else f" AND ctid < '({self.end},0)'::tid"
            return f"ctid >= '({self.start},0)'::tid{upper}", []
        return "rowid >= %s AND rowid < %s", [self.start, self.end]

    def next_position(self) -> dict[str, Any]:
        """Where the next slice begins, as JSON."""
        return {"partition": self.partition, "start": self.end, "is_over": self.is_last}


def next_slice(position: dict[str, Any]) -> ScanPart | None:
    """The slice that begins at the position ({}: the beginning); None at the end of the table.

    The default partition comes first: rows may move from it to the partition of a new day, but never back.
    """
    if connection.vendor != "postgresql":
        return _next_of_rows(int(position.get("start", 0)))
    names = partitions()
    at = position.get("partition", "")
    names = [name for name in names if place(name) >= place(at)]
    if position.get("is_over"):
        names = [name for name in names if name != at]
    if not names:
        return None
    start = int(position["start"]) if names[0] == at else 0
    end = start + PAGES_PER_STEP
    return ScanPart(names[0], start=start, end=end, is_last=end >= _pages_of(names[0]))


def _next_of_rows(start: int) -> ScanPart | None:
    newest = _scalar(f"SELECT max(rowid) FROM {TABLE}") or 0
    if start > newest:
        return None
    end = start + ROWS_PER_STEP
    return ScanPart(TABLE, start=start, end=end, is_last=end > newest)


def partitions() -> list[str]:
    """The names of PostgreSQL's partitions of the raw events, in the order in which they are read."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid"
            " WHERE inhparent = %s::regclass",
            [TABLE],
        )
        return sorted((name for (name,) in cursor.fetchall()), key=place)


def place(partition: str) -> tuple[bool, str]:
    """Where a partition comes in the order; "" comes before all."""
    return partition != "" and not partition.endswith("_default"), partition


def share_done(position: dict[str, Any]) -> float:
    """About how much of the table lies before the position, from 0 to 1."""
    if connection.vendor != "postgresql":
        newest = _scalar(f"SELECT max(rowid) FROM {TABLE}") or 0
        return min(int(position.get("start", 0)) / (newest + 1), 1.0)
    names = partitions()
    before = sum(place(name) < place(position.get("partition", "")) for name in names)
    return before / len(names) if names else 1.0


def _pages_of(partition: str) -> int:
    return int(_scalar("SELECT pg_relation_size(%s::regclass)", [partition])) // PAGE_BYTES


def _scalar(statement: str, parameters: Sequence[Any] = ()) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchone()[0]
