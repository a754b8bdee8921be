"""Which streams of app servers are open."""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef

from workbench.models import AppServerState, AppServerStream

# A stream whose end nobody reported is over after this time.
OPEN_FOR = timedelta(hours=24)
# No more index entries than this are counted: many streams that were never closed must not slow a scrape down.
OPEN_LIMIT = 10_000


def open_streams(environment: str, *, now: datetime) -> int:
    """How many of the environment's streams are open, counted up to OPEN_LIMIT.

    A stream ends when it closes, when a worker of the instance that opened it reports a state afterwards (it was
    started anew, or stopped), or after OPEN_FOR. A server that dies reports nothing of its streams.
    """
    # Index: app_server_state_session (session_id, environment). Only workers have a state and are started anew.
    started_anew = AppServerState.objects.filter(
        session_id=OuterRef("session_id"),
        environment=OuterRef("environment"),
        subject__startswith="worker:",
        changed_at__gt=OuterRef("opened_at"),
    )
    # Index: app_server_stream_open (opened_at, environment), of the streams that are not closed.
    opened = AppServerStream.objects.filter(
        environment=environment, closed_at=None, opened_at__gte=now - OPEN_FOR
    )
    return opened.exclude(Exists(started_anew)).values("opened_at")[:OPEN_LIMIT].count()


def forget_streams(environment: str, *, now: datetime) -> None:
    """Delete the streams that can no longer be open. Safe to repeat, also while events of them come late."""
    # Index: app_server_stream_seen (seen_at, environment).
    AppServerStream.objects.filter(environment=environment, seen_at__lt=now - OPEN_FOR).delete()
