"""The batch's events, counted in SQL: what the event counts and the plan's metrics take from them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from django.db import connection

from telemetry.counters.bridge import Increment
from telemetry.counters.feeding import Column, Fact, Feed, Reading, fact_of_event, feeds
from telemetry.models import RawEvent
from workbench.buckets import Bucket, bucket_start
from workbench.dialect import Dialect
from workbench.fold.batch import Batch
from workbench.fold.event_names import sql_list
from workbench.models import EventCount


class Tally(NamedTuple):
    """Equal events of a bucket; `variant` is empty where the event has no source."""

    bucket: Bucket
    event: str
    variant: str
    fact: Fact


def tally_events(batch: Batch) -> list[Tally]:
    """The batch's events, grouped by what the event counts and the metrics of all events tell apart."""
    columns = feeds().of_every_event_columns
    rows = batch.rows(_tally_statement(batch.dialect, columns), batch.raw_event_bounds)
    return [
        Tally(bucket, event, variant, fact_of_event(event, columns, values, times=count))
        for bucket, event, variant, *values, count in rows
    ]


def _tally_statement(dialect: Dialect, columns: Sequence[Column]) -> str:
    """Its parameters are the batch's `raw_event_bounds`. A source is cut to the length of its column."""
    return f"""
SELECT
  {dialect.bucket("occurred_at")} AS bucket,
  event,
  substr(coalesce({dialect.text("source")}, ''), 1, 32) AS variant,
  {_selected(dialect, columns)}
  count(*) AS events
FROM {RawEvent._meta.db_table}
-- The days choose PostgreSQL's partitions. Index: raw_event_arrival (arrival_id).
WHERE day BETWEEN %s AND %s AND {dialect.any_of("arrival_id", "bigint")}
GROUP BY {_positions(3 + len(columns))}"""


def _metrics_statement(dialect: Dialect, columns: Sequence[Column], events: Iterable[str]) -> str:
    """The events that metrics name, grouped by all that these read of them. Parameters as above."""
    return f"""
SELECT
  event,
  {_selected(dialect, columns)}
  count(*) AS events
FROM {RawEvent._meta.db_table}
-- The days choose PostgreSQL's partitions. Index: raw_event_arrival (arrival_id).
WHERE day BETWEEN %s AND %s AND {dialect.any_of("arrival_id", "bigint")}
  AND event IN ({sql_list(tuple(events))})
GROUP BY {_positions(1 + len(columns))}"""


def _selected(dialect: Dialect, columns: Sequence[Column]) -> str:
    return "\n  ".join(f"{_property(dialect, column)}," for column in columns)


def _positions(number: int) -> str:
    return ", ".join(str(position) for position in range(1, number + 1))


def _property(dialect: Dialect, column: Column) -> str:
    """The property of those events that have it, NULL of all others."""
    branches = (
        f"WHEN event IN ({sql_list(events)}) THEN {_reading(dialect, column.source, reading)}"
        for reading, events in column.readings
    )
    return f"CASE {' '.join(branches)} END"


def _reading(dialect: Dialect, source: str, reading: Reading) -> str:
    match reading:
        case Reading.TEXT:
            return dialect.text(source)
        case Reading.BOOLEAN:
            return f"CASE {dialect.boolean(source)} WHEN true THEN 'true' WHEN false THEN 'false' END"
        case Reading.STATUS_FAMILY:
            return f"substr({dialect.text(source)}, 1, 1) || 'xx'"
        case Reading.INTEGER:
            return dialect.integer(source)
        case Reading.MILLIONTHS:
            return dialect.micro(source)


def add_to_counts(tallies: list[Tally], *, environment: str) -> None:
    """Adds the events to the event counts; to be called once, in the transaction that takes them."""
    totals: Counter[tuple[Bucket, str, str]] = Counter()
    for tally in tallies:
        totals[tally.bucket, tally.event, tally.variant] += tally.fact.times
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        # Index: event_count_unique (bucket_start, event, variant, environment).
        cursor.executemany(
            f"""
INSERT INTO {EventCount._meta.db_table} AS stored (environment, bucket_start, event, variant, events)
VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (environment, bucket_start, event, variant) DO UPDATE SET
  events = stored.events + excluded.events""",
            [
                (environment, adapt(bucket_start(bucket)), event, variant, events)
                for (bucket, event, variant), events in sorted(totals.items())
            ],
        )


def count_events(batch: Batch, tallies: list[Tally]) -> Iterator[Increment]:
    """What the plan's metrics count of the events themselves."""
    running = feeds()
    for name in running.from_zero:
        yield Increment(name, batch.environment, (), amount=0)
    for feed in running.of_every_event:
        yield from feed.increments(batch.environment, (tally.fact for tally in tallies))
    named = {tally.event for tally in tallies} & running.of_event.keys()
    if named:
        yield from _count_named(batch)


def _count_named(batch: Batch) -> Iterator[Increment]:
    """What the metrics count that name their events."""
    running = feeds()
    columns = running.of_event_columns
    statement = _metrics_statement(batch.dialect, columns, running.of_event)
    facts: defaultdict[Feed, list[Fact]] = defaultdict(list)
    for event, *values, count in batch.rows(statement, batch.raw_event_bounds):
        fact = fact_of_event(event, columns, values, times=count)
        for feed in running.of_event[event]:
            facts[feed].append(fact)
    for feed, counted in facts.items():
        yield from feed.increments(batch.environment, counted)
