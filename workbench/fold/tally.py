"""The batch's events, counted in one pass: what the event counts and the metric bridge take from them."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from django.db import connection

from telemetry.counters import bridge
from telemetry.counters.bridge import Increment
from telemetry.models import RawEvent
from workbench.buckets import Bucket, bucket_start
from workbench.dialect import Dialect
from workbench.fold.batch import Batch
from workbench.fold.event_names import AGENT_STARTED, BUFFER_CHANGED, REQUEST_COMPLETED, WORKER_CHANGED
from workbench.models import EventCount

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


def tally_events(batch: Batch) -> list[Tally]:
    """The batch's events, grouped by all that is counted of them."""
    rows = batch.rows(_tally_statement(batch.dialect), batch.raw_event_bounds)
    return [Tally(*row) for row in rows]


def _tally_statement(dialect: Dialect) -> str:
    """Its parameters are the batch's `raw_event_bounds`. A source is cut to the length of its column."""
    text = dialect.text
    return f"""
SELECT
  {dialect.bucket("occurred_at")} AS bucket,
  event,
  substr(coalesce({text("source")}, ''), 1, 32) AS variant,
  CASE event WHEN '{REQUEST_COMPLETED}' THEN {_status_family(dialect)} ELSE coalesce({text("status")}, '') END
    AS status,
  CASE {dialect.boolean("approved")} WHEN true THEN 'true' WHEN false THEN 'false' ELSE '' END AS approved,
  CASE WHEN event IN ('{WORKER_CHANGED}', '{BUFFER_CHANGED}') THEN {text("state")} ELSE '' END AS state,
  CASE WHEN event = '{AGENT_STARTED}' AND {dialect.integer("attempt")} > 1 THEN {text("agentName")} ELSE '' END
    AS retry_of,
  count(*) AS events
FROM {RawEvent._meta.db_table}
-- The days choose PostgreSQL's partitions. Index: raw_event_arrival (arrival_id).
WHERE day BETWEEN %s AND %s AND {dialect.any_of("arrival_id", "bigint")}
GROUP BY 1, 2, 3, 4, 5, 6, 7"""


def add_to_counts(tallies: list[Tally], *, environment: str) -> None:
    """Adds the events to the event counts; to be called once, in the transaction that takes them."""
    totals: Counter[tuple[Bucket, str, str]] = Counter()
    for tally in tallies:
        totals[tally.bucket, tally.event, tally.variant] += tally.events
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
    """Counters that the events themselves feed."""
    environment = batch.environment
    for tally in tallies:
        labels = (tally.event, tally.status, tally.approved)
        yield Increment("workbench_events_total", environment, labels, amount=tally.events)
        if tally.retry_of:
            yield Increment("agent_retries_total", environment, (tally.retry_of,), amount=tally.events)
    yield from _app_server(batch, tallies)


def _app_server(batch: Batch, tallies: list[Tally]) -> Iterator[Increment]:
    totals: Counter[str] = Counter()
    for tally in tallies:
        totals[tally.event] += tally.events
        if tally.event == BUFFER_CHANGED:
            totals[tally.state] += tally.events
        if tally.event == WORKER_CHANGED and tally.state == "restarting":
            totals["restarts"] += tally.events
    # A counter that is there at zero lets its first increase be seen.
    for family, key in {**STREAMS, **BUFFERS, "appserver_worker_restarts_total": "restarts"}.items():
        yield Increment(family, batch.environment, (), amount=totals[key])
    if totals[REQUEST_COMPLETED]:
        yield from _requests(batch)


def _requests(batch: Batch) -> Iterator[Increment]:
    """Requests to app servers: how many, how long they took, and their errors."""
    requests: Counter[tuple[str, ...]] = Counter()
    errors: Counter[str] = Counter()
    durations = []
    for *labels, category, milliseconds, count in batch.rows(_requests_statement(batch.dialect)):
        request = tuple(labels)
        requests[request] += count
        if category:
            errors[category] += count
        duration = milliseconds * MICROSECONDS_A_MILLISECOND
        durations += [(batch.environment, request, duration)] * count
    for request, count in requests.items():
        yield Increment("appserver_requests_total", batch.environment, request, amount=count)
    for category, count in errors.items():
        yield Increment("appserver_errors_total", batch.environment, (category,), amount=count)
    yield from bridge.observe_many("appserver_request_duration_seconds", durations)


def _requests_statement(dialect: Dialect) -> str:
    return f"""
SELECT
  coalesce({dialect.text("route")}, '') AS route,
  coalesce({dialect.text("method")}, '') AS method,
  coalesce({_status_family(dialect)}, '') AS status,
  coalesce({dialect.text("model")}, '') AS model,
  coalesce({dialect.text("errorCategory")}, '') AS category,
  {dialect.integer("durationMs")} AS milliseconds,
  count(*) AS requests
FROM fold_batch
WHERE event = '{REQUEST_COMPLETED}'
GROUP BY 1, 2, 3, 4, 5, 6"""


def _status_family(dialect: Dialect) -> str:
    """`5xx` for 503."""
    return f"substr({dialect.text('status')}, 1, 1) || 'xx'"
