"""The batch of events that a fold works on: a temporary table, and the ids that its events speak of."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.backends.utils import CursorWrapper
from django.db.models import Model

from telemetry.models import RawEvent
from workbench.dialect import Dialect, current
from workbench.fold.merges import (
    AGENT_EVENTS,
    DRAFT_EVENTS,
    RUN_EVENTS,
    SESSION_ENDS,
    STAGED_EVENTS,
    quoted,
)

SqlRow = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class PendingArrival:
    """An arrival that this transaction takes off the queue."""

    id: int
    key_id: int
    received_at: datetime
    accepted: int
    duplicates: int
    rejected: dict[str, int]
    first_day: date | None
    last_day: date | None


@dataclass(frozen=True)
class Batch:
    """The staged events of one environment, and the ids of the things that they can change.

    Statements name things by these ids and not by a join with the staged events: whatever the planner believes
    of a table that grew a moment ago, it then uses the table's key.
    """

    cursor: CursorWrapper
    dialect: Dialect
    environment: str
    # The fold's number, above 0: its newest arrival, which no other fold takes.
    number: int
    # FROM and WHERE of the raw events taken, with their parameters.
    taken: tuple[str, Sequence[Any]]
    # Sessions that start or end in the batch.
    session_ids: Collection[str]
    draft_ids: Collection[str]
    run_ids: Collection[str]
    agent_run_ids: Collection[str]

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[SqlRow]:
        """The rows of a statement; without parameters a percent sign is itself."""
        self.cursor.execute(sql, parameters or None)
        rows: list[SqlRow] = self.cursor.fetchall()
        return rows

    def select(self, model: type[Model], columns: str, **keys: Collection[str]) -> list[SqlRow]:
        """Columns of the environment's rows whose key column has one of the values; keys: one column."""
        [(key, values)] = keys.items()
        if not values:
            return []
        table = model._meta.db_table
        return self.rows(
            f"SELECT {columns} FROM {table} WHERE environment = %s AND {self.dialect.any_of(key)}",
            [self.environment, self.dialect.array(values)],
        )


def stage(cursor: CursorWrapper, *, environment: str, arrivals: Sequence[PendingArrival]) -> Batch:
    """Copies what the merges read of the arrivals' events (there is one at least) to the temporary table.

    Most events are only counted; those are not copied (see tally.py).
    """
    dialect = current()
    with_events = [arrival for arrival in arrivals if arrival.accepted]
    days = [day for arrival in with_events for day in (arrival.first_day, arrival.last_day) if day]
    days_adapted = [
        RawEvent._meta.get_field("day").get_db_prep_value(day, cursor.db) for day in (min(days), max(days))
    ]
    taken = f"FROM {RawEvent._meta.db_table} WHERE day BETWEEN %s AND %s AND {dialect.any_of('arrival_id', 'bigint')}"
    parameters = [*days_adapted, dialect.array(arrival.id for arrival in with_events)]
    cursor.execute(dialect.create_batch_table())
    cursor.execute("DELETE FROM fold_batch")
    cursor.execute(
        f"""
INSERT INTO fold_batch (
  event_key, environment, event, session_id, occurred_at, draft_id, run_id, agent_run_id, properties
)
SELECT event_key, environment, event, session_id, occurred_at,
  {dialect.text("draftId")}, {dialect.text("runId")}, {dialect.text("agentRunId")}, properties
{taken} AND event IN ({quoted(STAGED_EVENTS)})""",
        parameters,
    )
    keys = _keys(cursor)
    return Batch(
        cursor=cursor,
        dialect=dialect,
        environment=environment,
        number=max(arrival.id for arrival in arrivals),
        taken=(taken, parameters),
        session_ids=keys[SESSION_ENDS],
        draft_ids=keys[DRAFT_EVENTS],
        run_ids=keys[RUN_EVENTS],
        agent_run_ids=keys[AGENT_EVENTS],
    )


def _keys(cursor: CursorWrapper) -> dict[tuple[str, ...], set[str]]:
    """Kind of events to the ids of the things that they can change."""
    columns = {SESSION_ENDS: 0, DRAFT_EVENTS: 1, RUN_EVENTS: 2, AGENT_EVENTS: 3}
    keys: dict[tuple[str, ...], set[str]] = {kind: set() for kind in columns}
    by_event = {event: (keys[kind], column) for kind, column in columns.items() for event in kind}
    cursor.execute(
        "SELECT DISTINCT session_id, draft_id, run_id, agent_run_id, event FROM fold_batch"
        f" WHERE event IN ({quoted(tuple(by_event))})"
    )
    for row in cursor.fetchall():
        ids, column = by_event[row[4]]
        ids.add(row[column])
    for ids in keys.values():
        ids.discard(None)
    return keys
