"""Stores a post in the database. This is the one module of the door where the databases differ.

Both store a post in one transaction: its new events, its rejected ones, and an arrival row that counts what became
of them. No row is updated by two posts, so posts never wait for each other.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max, Min

from telemetry.models import ApiKey, Arrival, Environment, RawEvent, SpanLink
from web.tracing import spans

LINKS_PER_STATEMENT = 2_000

# (day, event key as 32 hex digits, event, client's id, session, occurred at, properties as JSON text). A plain
# tuple, day and key first: thousands are made and sorted a second.
EventRow = tuple[date, str, str, str, str, datetime, str]


class QuarantineRow(NamedTuple):
    """A rejected event; errors, payload and delivery are JSON texts, already redacted (see QuarantinedEvent)."""

    position: int
    event: str
    event_id: str
    code: str
    errors: str
    payload: str
    is_whole: bool = False
    delivery: str | None = None


class SpanLinkRow(NamedTuple):
    """A span of no role, and the one above it (see SpanLink)."""

    trace_id: str
    span_id: str
    parent_span_id: str


class PostedRows(NamedTuple):
    """What one post brings to the database. No event key stands twice in `rows`.

    `repeats` counts the events that repeat another one of the post. `rejected` counts by first error code, and
    `rejected_kinds` by code and event name: (code, event, number). `client` is what sent the post,
    and `traceparent` names the span in which it is stored.
    `unplaced`, event key → UTC day as sent, are rows of which a copy may be stored under another day.
    """

    rows: Sequence[EventRow]
    repeats: int
    quarantined: Sequence[QuarantineRow]
    rejected: dict[str, int]
    unplaced: Mapping[str, date] = MappingProxyType({})
    rejected_kinds: Sequence[tuple[str, str, int]] = ()
    client: str = ""
    traceparent: str | None = None
    links: Sequence[SpanLinkRow] = ()


class RawEventsKeptFromMoved(Exception):
    """Retention deleted raw events of the environment since the key was read. Nothing of the post is stored."""


@dataclass(frozen=True, slots=True)
class StoreResult:
    """`new_keys` are the event keys that the table did not have; None when it had none of the post's."""

    arrival_id: int
    accepted: int
    new_keys: frozenset[str] | None


def store_batch(batch: PostedRows, *, key: ApiKey, now: datetime) -> StoreResult:
    """Store a post in one transaction, and return which of its events were new. Committed when it returns.

    Safe to repeat: events that are stored already count as duplicates, in another arrival. Raises Django's
    database errors, and RawEventsKeptFromMoved when `raw_kept_from` of the key's environment is not the stored
    one; then nothing of the post is stored.
    """
    # Sorted, so that two posts with the same events wait for each other instead of deadlocking.
    ordered = batch._replace(rows=sorted(batch.rows))
    if connection.vendor == "postgresql":
        return store_on_postgresql(ordered, key=key, now=now)
    # One span stands for all statements of the transaction, as the one statement does on PostgreSQL.
    with spans.statement(SQLITE_STORE_EVENT, system="sqlite", rows=len(batch.rows), covers_others=True):
        # The event key alone is unique there, whatever the day.
        return store_on_sqlite(ordered, key=key, now=now)


# PostgreSQL: one statement is one round trip and one transaction. Arrays in binary form cost the least of all
# ways that keep the unique key (measured against COPY to a temporary table and executemany).
#
# The environment's row is read in the same statement: copies of events that retention has deleted must not come in
# again. Where its moment is another than the door's, nothing is stored and no row comes back. Index: its key.
POSTGRESQL_EVENTS = """
WITH arrival AS (
    SELECT nextval('telemetry_arrival_id_seq') AS id FROM telemetry_environment
    WHERE name = %(environment)s AND raw_kept_from IS NOT DISTINCT FROM %(raw_kept_from)s::timestamptz
), event AS (
    INSERT INTO telemetry_rawevent (
        event_key, day, arrival_id, environment, source, event, event_id, session_id, occurred_at, properties
    )
    SELECT sent.event_key::uuid, sent.day, arrival.id, %(environment)s, %(source)s,
        sent.event, sent.event_id, sent.session_id, sent.occurred_at, sent.properties::jsonb
    FROM arrival, unnest(
        %(days)b::date[], %(event_keys)b::text[], %(events)b::text[], %(event_ids)b::text[],
        %(session_ids)b::text[], %(moments)b::timestamptz[], %(properties)b::text[]
    ) AS sent (day, event_key, event, event_id, session_id, occurred_at, properties)
    ON CONFLICT DO NOTHING
    RETURNING day, event_key
)"""

POSTGRESQL_QUARANTINE = """, quarantined AS (
    INSERT INTO telemetry_quarantinedevent (
        arrival_id, key_id, environment, source, received_at, client,
        position, event, event_id, code, errors, payload, is_whole, delivery
    )
    SELECT arrival.id, %(key_id)s, %(environment)s, %(source)s, %(now)s, %(client)s,
        sent.position, sent.event, sent.event_id, sent.code, sent.errors::jsonb, sent.payload::jsonb,
        sent.is_whole, sent.delivery::jsonb
    FROM arrival, unnest(
        %(positions)b::int[], %(bad_events)b::text[], %(bad_event_ids)b::text[], %(codes)b::text[],
        %(errors)b::text[], %(payloads)b::text[], %(wholes)b::bool[], %(deliveries)b::text[]
    ) AS sent (position, event, event_id, code, errors, payload, is_whole, delivery)
)"""

POSTGRESQL_ARRIVAL = """, counted AS (
    SELECT count(*)::int AS accepted, min(day) AS first_day, max(day) AS last_day FROM event
), stored AS (
    INSERT INTO telemetry_arrival (
        id, key_id, environment, source, received_at, client, accepted, duplicates, rejected, rejected_kinds,
        first_day, last_day, traceparent
    )
    SELECT arrival.id, %(key_id)s, %(environment)s, %(source)s, %(now)s, %(client)s, counted.accepted,
        %(valid)s - counted.accepted, %(rejected)s::jsonb, %(rejected_kinds)s::jsonb,
        counted.first_day, counted.last_day, %(traceparent)s
    FROM arrival, counted
)
SELECT arrival.id, counted.accepted, CASE WHEN counted.accepted < %(distinct)s THEN
    ARRAY(SELECT replace(event_key::text, '-', '') FROM event)
END
FROM arrival, counted
"""

POSTGRESQL_STORE = POSTGRESQL_EVENTS + POSTGRESQL_ARRIVAL
POSTGRESQL_STORE_WITH_QUARANTINE = POSTGRESQL_EVENTS + POSTGRESQL_QUARANTINE + POSTGRESQL_ARRIVAL


# Copies of an event without a fixed day may land in different partitions, where the unique key does not find them:
# such posts wait for each other. Few locks, because a post has up to 2,500 events and the server's lock table is
# bounded. The first number is any that no other advisory lock of the portal uses.
POSTGRESQL_LOCK_COPIES = "SELECT pg_advisory_xact_lock(7301002, number) FROM unnest(%s::int[]) AS number"
COPY_LOCKS = 64


def store_on_postgresql(batch: PostedRows, *, key: ApiKey, now: datetime) -> StoreResult:
    if not batch.unplaced and not batch.links:
        return insert_on_postgresql(batch, key=key, now=now)
    with transaction.atomic():
        store_links(batch.links, key=key, now=now)
        if not batch.unplaced:
            return insert_on_postgresql(batch, key=key, now=now)
        lock_copies(batch.unplaced)
        return insert_on_postgresql(place_with_copies(batch, today=now.date()), key=key, now=now)


def lock_copies(event_keys: Collection[str]) -> None:
    """Let no other post store copies of these events before this transaction ends."""
    # Sorted, so that two posts cannot deadlock.
    numbers = sorted({int(event_key, 16) % COPY_LOCKS for event_key in event_keys})
    with connection.cursor() as cursor:
        cursor.execute(POSTGRESQL_LOCK_COPIES, [numbers])


def place_with_copies(batch: PostedRows, *, today: date) -> PostedRows:
    """Give each row the day under which a copy of it is stored: there the unique key makes it a duplicate."""
    days = days_of_copies(batch.unplaced, days=days_to_search(batch.unplaced, today=today))
    rows = [(days.get(row[1], row[0]), *row[1:]) for row in batch.rows]
    return batch._replace(rows=sorted(rows))


def days_to_search(unplaced: Mapping[str, date], *, today: date) -> set[date]:
    """The UTC days under which a copy may be stored that arrived within the late window.

    It is under its day as sent, or under that of its moment, which the plan's check kept within the late window
    before its arrival.
    """
    if not unplaced:
        return set()
    window = range(-2 * settings.LATE_WINDOW_DAYS - 1, 2)
    return {*unplaced.values(), *(today + timedelta(days=offset) for offset in window)}


def days_of_copies(event_keys: Collection[str], *, days: Collection[date]) -> dict[str, date]:
    """The days of those of the events that are stored under one of `days`, by event key. It only reads."""
    # With the days PostgreSQL reads only those partitions. Index: the table's key.
    stored = RawEvent.objects.filter(day__in=days, event_key__in=event_keys)
    return {key.hex: day for key, day in stored.values_list("event_key", "day")}


def insert_on_postgresql(batch: PostedRows, *, key: ApiKey, now: datetime) -> StoreResult:
    parameters = {
        "key_id": key.pk,
        "environment": key.environment_id,
        "source": key.source,
        "raw_kept_from": key.environment.raw_kept_from,
        "now": now,
        "valid": len(batch.rows) + batch.repeats,
        "distinct": len(batch.rows),
        "rejected": to_json(batch.rejected),
        "rejected_kinds": to_json(batch.rejected_kinds) if batch.rejected_kinds else None,
        "client": batch.client,
        "traceparent": batch.traceparent,
        **columns(
            ("days", "event_keys", "events", "event_ids", "session_ids", "moments", "properties"), batch.rows
        ),
    }
    statement = POSTGRESQL_STORE
    if batch.quarantined:
        statement = POSTGRESQL_STORE_WITH_QUARANTINE
        parameters |= columns(
            (
                *("positions", "bad_events", "bad_event_ids", "codes"),
                *("errors", "payloads", "wholes", "deliveries"),
            ),
            batch.quarantined,
        )
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        stored = cursor.fetchone()
    if stored is None:
        raise RawEventsKeptFromMoved
    arrival_id, accepted, new_keys = stored
    return StoreResult(arrival_id, accepted, None if new_keys is None else frozenset(new_keys))


def columns(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """The rows as one array a column, by name."""
    arrays = map(list, zip(*rows, strict=True)) if rows else ([] for _ in names)
    return dict(zip(names, arrays, strict=True))


def store_links(links: Collection[SpanLinkRow], *, key: ApiKey, now: datetime) -> None:
    """Store the links that are not stored yet. Safe to repeat."""
    # Sorted, so that two posts with the same links wait for each other instead of deadlocking.
    rows = [
        SpanLink(environment=key.environment_id, received_at=now, **link._asdict())
        for link in sorted(set(links))
    ]
    # Index: span_link_unique (trace_id, span_id, parent_span_id, environment).
    SpanLink.objects.bulk_create(rows, batch_size=LINKS_PER_STATEMENT, ignore_conflicts=True)


SQLITE_STORE_EVENT = """
INSERT INTO telemetry_rawevent (
    day, event_key, event, event_id, session_id, occurred_at, properties, arrival_id, environment, source
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (event_key) DO NOTHING
"""


def store_on_sqlite(batch: PostedRows, *, key: ApiKey, now: datetime) -> StoreResult:
    with transaction.atomic():
        check_kept_from(key)
        arrival = Arrival.objects.create(
            key=key,
            environment=key.environment_id,
            source=key.source,
            received_at=now,
            accepted=0,
            duplicates=0,
            rejected=batch.rejected,
            rejected_kinds=batch.rejected_kinds or None,
            client=batch.client,
            traceparent=batch.traceparent,
        )
        accepted = insert_on_sqlite(batch.rows, arrival=arrival)
        all_new = accepted == len(batch.rows)
        first_day, last_day = day_range(batch.rows) if all_new else stored_day_range(arrival)
        quarantine_on_sqlite(batch.quarantined, arrival=arrival)
        store_links(batch.links, key=key, now=now)
        Arrival.objects.filter(pk=arrival.pk).update(
            accepted=accepted,
            duplicates=len(batch.rows) + batch.repeats - accepted,
            first_day=first_day,
            last_day=last_day,
        )
        new_keys = None if all_new else keys_of(arrival)
    return StoreResult(arrival.pk, accepted, new_keys)


def check_kept_from(key: ApiKey) -> None:
    """Raises RawEventsKeptFromMoved. In a transaction that writes: retention waits until it ends."""
    environments = Environment.objects.filter(name=key.environment_id)
    if environments.values_list("raw_kept_from", flat=True).get() != key.environment.raw_kept_from:
        raise RawEventsKeptFromMoved


def insert_on_sqlite(rows: Sequence[EventRow], *, arrival: Arrival) -> int:
    """Insert the rows that are not stored yet, and return how many those were."""
    owner = (arrival.pk, arrival.environment, arrival.source)
    values = [
        (
            day.isoformat(),
            event_key,
            event,
            event_id,
            session_id,
            sqlite_moment(occurred_at),
            properties,
            *owner,
        )
        for day, event_key, event, event_id, session_id, occurred_at, properties in rows
    ]
    with connection.cursor() as cursor:
        before = connection.connection.total_changes
        # The driver's own executemany: Django's would rewrite the statement's placeholders.
        with connection.wrap_database_errors:
            cursor.connection.executemany(SQLITE_STORE_EVENT, values)
        return int(connection.connection.total_changes - before)


def sqlite_moment(moment: datetime) -> str:
    """The moment as Django's ORM writes it: UTC, without a zone, and without a fraction of zero."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")


SQLITE_QUARANTINE = """
INSERT INTO telemetry_quarantinedevent (
    arrival_id, key_id, environment, source, received_at, client,
    position, event, event_id, code, errors, payload, is_whole, delivery
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


def quarantine_on_sqlite(rows: Sequence[QuarantineRow], *, arrival: Arrival) -> None:
    received_at = sqlite_moment(arrival.received_at)
    owner = (arrival.pk, arrival.key_id, arrival.environment, arrival.source, received_at, arrival.client)
    with connection.cursor() as cursor, connection.wrap_database_errors:
        cursor.connection.executemany(SQLITE_QUARANTINE, [(*owner, *row) for row in rows])


def day_range(rows: Sequence[EventRow]) -> tuple[date | None, date | None]:
    """First and last day, both included, of rows that are sorted by day."""
    return (rows[0][0], rows[-1][0]) if rows else (None, None)


def stored_day_range(arrival: Arrival) -> tuple[date | None, date | None]:
    days = RawEvent.objects.filter(arrival_id=arrival.pk).aggregate(first=Min("day"), last=Max("day"))
    return days["first"], days["last"]


def keys_of(arrival: Arrival) -> frozenset[str]:
    keys = RawEvent.objects.filter(arrival_id=arrival.pk).values_list("event_key", flat=True)
    return frozenset(key.hex for key in keys)


def keys_already_stored(rows: Sequence[EventRow], *, other_days: Collection[date] = ()) -> frozenset[str]:
    """The event keys of the rows that are in the table, under their own days or under others. It only reads."""
    days = {row[0] for row in rows}.union(other_days)
    return frozenset(days_of_copies([row[1] for row in rows], days=days))


def to_json(value: object) -> str:
    return msgspec.json.encode(value).decode()
