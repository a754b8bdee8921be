"""PostgreSQL alone: the same rows into an identical table, by one connection and without the portal."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

ROWS_A_TRANSACTION = 500

# telemetry.intake.storage.EventRow
EventRow = tuple[date, str, str, str, str, datetime, str]

COLUMNS = (
    "day, event_key, event, event_id, session_id, occurred_at, properties, arrival_id, environment, source"
)
TYPES = ("date", "uuid", "text", "text", "text", "timestamptz", "jsonb", "int8", "text", "text")

INSERT = f"""
INSERT INTO bench_event ({COLUMNS})
SELECT sent.day, sent.event_key, sent.event, sent.event_id, sent.session_id, sent.occurred_at,
    sent.properties::jsonb, 1, 'production', 'bench'
FROM unnest(%b::date[], %b::uuid[], %b::text[], %b::text[], %b::text[], %b::timestamptz[], %b::text[])
    AS sent (day, event_key, event, event_id, session_id, occurred_at, properties)
ON CONFLICT DO NOTHING
"""
COPY = f"COPY bench_event ({COLUMNS}) FROM STDIN (FORMAT BINARY)"

PARTITIONS = """
SELECT replace(child.relname, 'telemetry_rawevent', 'bench_event'), pg_get_expr(child.relpartbound, child.oid)
FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
WHERE inhparent = 'telemetry_rawevent'::regclass
"""


class RawTable:
    """A table with the columns, key, index and partitions of the raw events.

    The rows are prepared as far as possible before the clock starts.
    """

    def __init__(self, connection: psycopg.Connection[Any], rows: Sequence[EventRow]) -> None:
        self.connection = connection
        self.rows = len(rows)
        typed = [(day, UUID(key), *others) for day, key, *others in rows]
        self.arrays = [
            tuple(map(list, zip(*sorted(typed[first : first + ROWS_A_TRANSACTION]), strict=True)))
            for first in range(0, len(typed), ROWS_A_TRANSACTION)
        ]
        self.whole_rows = [
            (*others, Jsonb(properties, dumps=unchanged), 1, "production", "bench")
            for *others, properties in typed
        ]
        self.create()

    def create(self) -> None:
        self.connection.execute(
            "CREATE TABLE bench_event (LIKE telemetry_rawevent INCLUDING ALL) PARTITION BY RANGE (day)"
        )
        for name, bound in self.connection.execute(PARTITIONS).fetchall():
            self.connection.execute(f"CREATE TABLE {name} PARTITION OF bench_event {bound}")

    def insert(self) -> float:
        """Rows a second, ROWS_A_TRANSACTION in each, by the fastest way that keeps the unique key."""
        self.empty()
        began_at = time.perf_counter()
        with self.connection.cursor() as cursor:
            for arrays in self.arrays:
                cursor.execute(INSERT, arrays, prepare=True)
        return self.rate_since(began_at)

    def copy(self) -> float:
        """Rows a second of one COPY, which would fail at a duplicate: the ceiling."""
        self.empty()
        began_at = time.perf_counter()
        with self.connection.cursor() as cursor, cursor.copy(COPY) as copy:
            copy.set_types(TYPES)
            for row in self.whole_rows:
                copy.write_row(row)
        return self.rate_since(began_at)

    def rate_since(self, began_at: float) -> float:
        seconds = time.perf_counter() - began_at
        (count,) = self.connection.execute("SELECT count(*) FROM bench_event").fetchone() or (0,)
        if count != self.rows:
            raise ValueError(f"{count} of {self.rows} rows were inserted")
        return self.rows / seconds

    def empty(self) -> None:
        self.connection.execute("TRUNCATE bench_event")
        self.connection.execute("CHECKPOINT")


def unchanged(text: str) -> str:
    """The properties are JSON text already."""
    return text


@contextmanager
def raw_table(database_url: str, rows: Sequence[EventRow]) -> Iterator[RawTable]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield RawTable(connection, rows)
