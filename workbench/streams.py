"""Which streams of app servers are open."""

from datetime import datetime, timedelta

from django.db import connection

from workbench.models import AppServerStream

# A stream whose end nobody reported is over after this time.
OPEN_FOR = timedelta(hours=24)
# No more index entries than this are counted: many streams that were never closed must not slow a scrape down.
OPEN_LIMIT = 10_000

# Indexes: app_server_stream_open (opened_at, environment), of the streams that are not closed;
# app_server_state_session (session_id, environment). Only workers have a state and are started anew.
COUNT_OPEN = """
SELECT environment.name, (
  SELECT count(*) FROM (
    SELECT 1 FROM workbench_appserverstream AS stream
    WHERE stream.environment = environment.name AND stream.closed_at IS NULL AND stream.opened_at >= %(since)s
    AND NOT EXISTS (
      SELECT 1 FROM workbench_appserverstate AS state
      WHERE state.session_id = stream.session_id AND state.environment = stream.environment
      AND state.subject LIKE 'worker:%%' AND state.changed_at > stream.opened_at
    )
    LIMIT %(limit)s
  ) AS open_stream
)
FROM telemetry_environment AS environment
"""


def open_streams(*, now: datetime) -> dict[str, int]:
    """How many streams of each environment are open, counted up to OPEN_LIMIT. One query.

    A stream ends when it closes, when a worker of the instance that opened it reports a state afterwards (it was
    started anew, or stopped), or after OPEN_FOR. A server that dies reports nothing of its streams.
    """
    since = connection.ops.adapt_datetimefield_value(now - OPEN_FOR)
    with connection.cursor() as cursor:
        cursor.execute(COUNT_OPEN, {"since": since, "limit": OPEN_LIMIT})
        return dict(cursor.fetchall())


def forget_streams(environment: str, *, now: datetime) -> None:
    """Delete the streams that can no longer be open. Safe to repeat, also while events of them come late."""
    # Index: app_server_stream_seen (seen_at, environment).
    AppServerStream.objects.filter(environment=environment, seen_at__lt=now - OPEN_FOR).delete()
