"""The batch of events that a fold works on: a temporary table, and the ids of the things that its events are about."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.backends.utils import CursorWrapper

from telemetry.models import RawEvent
from workbench.dialect import Dialect, current
from workbench.fold.event_names import (
    AGENT_EVENTS,
    DRAFT_EVENTS,
    RUN_EVENTS,
    SESSION_ENDS,
    STAGED_EVENTS,
    sql_list,
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
    rejected_kinds: list[tuple[str, str, int]] | None
    source: str
    client: str
    first_day: date | None
    last_day: date | None
    traceparent: str | None
    is_replay: bool


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
    # Parameters that find the batch's raw events: their first day, their last day, their arrivals.
    raw_event_bounds: Sequence[Any]
    # Sessions that start or end in the batch.
    session_ids: Collection[str]
    draft_ids: Collection[str]
    run_ids: Collection[str]
    agent_run_ids: Collection[str]

    def rows(self, statement: str, parameters: Sequence[Any] = ()) -> list[SqlRow]:
        """The rows of a statement; without parameters a percent sign is itself."""
        self.cursor.execute(statement, parameters or None)
        rows: list[SqlRow] = self.cursor.fetchall()
        return rows

    def rows_of(self, ids: Collection[str], statement: str) -> list[SqlRow]:
        """The rows of a statement whose parameters are the environment and, for `any_of`, the ids."""
        return self.rows(statement, [self.environment, self.dialect.array(ids)]) if ids else []


def stage(cursor: CursorWrapper, *, environment: str, arrivals: Sequence[PendingArrival]) -> Batch:
    """Copies what the merges read of the arrivals' events (there is one at least) to the temporary table.

    Most events are only counted; those are not copied (see tally.py).
    """
    dialect = current()
    raw_event_bounds = _raw_event_bounds(cursor, dialect=dialect, arrivals=arrivals)
    # The days choose PostgreSQL's partitions. Index: raw_event_arrival (arrival_id).
    of_arrivals = f"day BETWEEN %s AND %s AND {dialect.any_of('arrival_id', 'bigint')}"
    _fill(cursor, dialect=dialect, condition=of_arrivals, parameters=raw_event_bounds)
    ids = _ids_by_event(cursor)
    return Batch(
        cursor=cursor,
        dialect=dialect,
        environment=environment,
        number=max(arrival.id for arrival in arrivals),
        raw_event_bounds=raw_event_bounds,
        session_ids=set().union(*(ids[event] for event in SESSION_ENDS)),
        draft_ids=set().union(*(ids[event] for event in DRAFT_EVENTS)),
        run_ids=set().union(*(ids[event] for event in RUN_EVENTS)),
        agent_run_ids=set().union(*(ids[event] for event in AGENT_EVENTS)),
    )


def stage_again(cursor: CursorWrapper, *, environment: str, number: int, events: Sequence[RawEvent]) -> Batch:
    """Copies events of one day that were folded before (there is one at least), to merge them into what was removed.

    `number` is that of an earlier fold, so that no counter counts them twice.
    """
    dialect = current()
    day_field, key_field = RawEvent._meta.get_field("day"), RawEvent._meta.pk
    parameters = [
        day_field.get_db_prep_value(events[0].day, cursor.db),
        dialect.array(key_field.get_db_prep_value(event.event_key, cursor.db) for event in events),
    ]
    # Index: the table's key (on PostgreSQL day and event_key).
    by_key = f"day = %s AND {dialect.any_of('event_key', 'uuid')}"
    _fill(cursor, dialect=dialect, condition=by_key, parameters=parameters)
    return empty_batch(cursor, environment=environment, number=number)


def empty_batch(cursor: CursorWrapper, *, environment: str, number: int) -> Batch:
    """A batch that names nothing, for pairing given sessions."""
    return Batch(
        cursor=cursor,
        dialect=current(),
        environment=environment,
        number=number,
        raw_event_bounds=(),
        session_ids=(),
        draft_ids=(),
        run_ids=(),
        agent_run_ids=(),
    )


def _fill(cursor: CursorWrapper, *, dialect: Dialect, condition: str, parameters: Sequence[Any]) -> None:
    cursor.execute(dialect.create_batch_table())
    cursor.execute("DELETE FROM fold_batch")
    cursor.execute(_stage_statement(dialect, condition=condition), parameters)


def _raw_event_bounds(
    cursor: CursorWrapper, *, dialect: Dialect, arrivals: Sequence[PendingArrival]
) -> Sequence[Any]:
    with_events = [arrival for arrival in arrivals if arrival.accepted]
    days = [day for arrival in with_events for day in (arrival.first_day, arrival.last_day) if day]
    day_field = RawEvent._meta.get_field("day")
    return [
        day_field.get_db_prep_value(min(days), cursor.db),
        day_field.get_db_prep_value(max(days), cursor.db),
        dialect.array(arrival.id for arrival in with_events),
    ]


def _stage_statement(dialect: Dialect, *, condition: str) -> str:
    """Its parameters are the condition's."""
    return f"""
INSERT INTO fold_batch (
  event_key, environment, event, session_id, occurred_at, draft_id, run_id, agent_run_id, properties
)
SELECT
  event_key,
  environment,
  event,
  session_id,
  occurred_at,
  {dialect.text("draftId")},
  {dialect.text("runId")},
  {dialect.text("agentRunId")},
  properties
FROM {RawEvent._meta.db_table}
WHERE {condition}
  AND event IN ({sql_list(STAGED_EVENTS)})"""


def _ids_by_event(cursor: CursorWrapper) -> Mapping[str, set[str]]:
    """Event to the ids of the things that it can change, of all staged events that change one by its id."""
    cursor.execute(f"""
SELECT DISTINCT
  event,
  CASE
    WHEN event IN ({sql_list(SESSION_ENDS)}) THEN session_id
    WHEN event IN ({sql_list(DRAFT_EVENTS)}) THEN draft_id
    WHEN event IN ({sql_list(RUN_EVENTS)}) THEN run_id
    ELSE agent_run_id
  END AS thing_id
FROM fold_batch
WHERE event IN ({sql_list((*SESSION_ENDS, *DRAFT_EVENTS, *RUN_EVENTS, *AGENT_EVENTS))})""")
    ids: defaultdict[str, set[str]] = defaultdict(set)
    for event, thing_id in cursor.fetchall():
        if thing_id is not None:
            ids[event].add(thing_id)
    return ids
