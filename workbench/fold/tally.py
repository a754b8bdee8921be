"""The batch's events, counted once over: what the event counts and the metric bridge take from them."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from django.db import connection

from telemetry.counters import bridge
from telemetry.counters.bridge import Increment
from workbench.buckets import Bucket, bucket_start
from workbench.fold import merges
from workbench.fold.batch import Batch
from workbench.fold.merges import REQUEST_COMPLETED, WORKER_CHANGED
from workbench.models import EventCount

BUFFER_CHANGED = "appserver.tool_buffer_changed"
MICROSECONDS_A_MILLISECOND = 1000

STREAMS = {
    "appserver_streams_opened_total": "appserver.stream_opened",
    "appserver_streams_closed_total": "appserver.stream_closed",
}
BUFFERS = {f"tool_buffer_{state}_total": state for state in ("started", "flushed", "aborted")}


class Tally(NamedTuple):
    """Equal events of a bucket. Texts are empty where the event has none; `retry_of` is an agent's name."""

    bucket: Bucket
    event: str
    variant: str
    status: str
    approved: str
    state: str
    retry_of: str
    events: int


def tally(batch: Batch) -> list[Tally]:
    """The batch's events in one pass, grouped by all that is counted of them."""
    dialect = batch.dialect
    text = dialect.text
    # A plan of another team may have longer sources than the column.
    columns = (
        dialect.bucket("occurred_at"),
        "event",
        f"substr(coalesce({text('source')}, ''), 1, 32)",
        f"CASE WHEN event = '{REQUEST_COMPLETED}' THEN {_status_family(batch)} ELSE coalesce({text('status')}, '') END",
        f"CASE {dialect.boolean('approved')} WHEN true THEN 'true' WHEN false THEN 'false' ELSE '' END",
        f"CASE WHEN event IN ('{WORKER_CHANGED}', '{BUFFER_CHANGED}') THEN {text('state')} ELSE '' END",
        f"CASE WHEN event = '{merges.AGENT_STARTED}' AND {dialect.integer('attempt')} > 1"
        f" THEN {text('agentName')} ELSE '' END",
    )
    places = ", ".join(str(place + 1) for place in range(len(columns)))
    source, parameters = batch.taken
    rows = batch.rows(f"SELECT {', '.join(columns)}, count(*) {source} GROUP BY {places}", parameters)
    return [Tally(*row) for row in rows]


def add_to_counts(tallies: list[Tally], *, environment: str) -> None:
    """Adds the events to the event counts; to be called once, in the transaction that takes them."""
    totals: Counter[tuple[Bucket, str, str]] = Counter()
    for one in tallies:
        totals[one.bucket, one.event, one.variant] += one.events
    table = EventCount._meta.db_table
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} (environment, bucket_start, event, variant, events) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (environment, bucket_start, event, variant)"
            f" DO UPDATE SET events = {table}.events + excluded.events",
            [
                (environment, adapt(bucket_start(bucket)), event, variant, events)
                for (bucket, event, variant), events in sorted(totals.items())
            ],
        )


def count_events(batch: Batch, tallies: list[Tally]) -> Iterator[Increment]:
    """Counters that the events themselves feed."""
    environment = batch.environment
    for one in tallies:
        labels = (one.event, one.status, one.approved)
        yield Increment("workbench_events_total", environment, labels, amount=one.events)
        if one.retry_of:
            yield Increment("agent_retries_total", environment, (one.retry_of,), amount=one.events)
    yield from _app_server(batch, tallies)


def _app_server(batch: Batch, tallies: list[Tally]) -> Iterator[Increment]:
    totals: Counter[str] = Counter()
    for one in tallies:
        totals[one.event] += one.events
        if one.event == BUFFER_CHANGED:
            totals[one.state] += one.events
        if one.event == WORKER_CHANGED and one.state == "restarting":
            totals["restarts"] += one.events
    # A counter that is there at zero lets its first increase be seen.
    for family, key in {**STREAMS, **BUFFERS, "appserver_worker_restarts_total": "restarts"}.items():
        yield Increment(family, batch.environment, (), amount=totals[key])
    if totals[REQUEST_COMPLETED]:
        yield from _requests(batch)


def _requests(batch: Batch) -> Iterator[Increment]:
    text = batch.dialect.text
    labels = (text("route"), text("method"), _status_family(batch), text("model"), text("errorCategory"))
    values = ", ".join(f"coalesce({label}, '')" for label in labels)
    rows = batch.rows(
        f"SELECT {values}, {batch.dialect.integer('durationMs')}, count(*) FROM fold_batch"
        f" WHERE event = '{REQUEST_COMPLETED}' GROUP BY 1, 2, 3, 4, 5, 6"
    )
    requests: Counter[tuple[str, ...]] = Counter()
    errors: Counter[str] = Counter()
    durations = []
    for *request, category, milliseconds, count in rows:
        labels_of_request = tuple(request)
        requests[labels_of_request] += count
        if category:
            errors[category] += count
        duration = milliseconds * MICROSECONDS_A_MILLISECOND
        durations += [(batch.environment, labels_of_request, duration)] * count
    for labels_of_request, count in requests.items():
        yield Increment("appserver_requests_total", batch.environment, labels_of_request, amount=count)
    for category, count in errors.items():
        yield Increment("appserver_errors_total", batch.environment, (category,), amount=count)
    yield from bridge.observe_many("appserver_request_duration_seconds", durations)


def _status_family(batch: Batch) -> str:
    return f"substr({batch.dialect.text('status')}, 1, 1) || 'xx'"
