"""How long the database takes, as each process sees it."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from prometheus_client import Histogram

# Most statements take less than a millisecond; a fold's take seconds.
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

query_duration = Histogram(
    "portal_database_query_seconds", "How long statements of the database took.", buckets=BUCKETS
)


def connect() -> None:
    """Time the statements of this process's connections. Safe to repeat."""
    connection_created.connect(watch, dispatch_uid="portal_metrics")


def watch(connection: BaseDatabaseWrapper, **_: object) -> None:
    # A connection that was lost and made again keeps its wrappers.
    if timed not in connection.execute_wrappers:
        connection.execute_wrappers.append(timed)


def timed(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """A wrapper of Django: runs the statement and observes how long it took, failures included."""
    started_at = perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        query_duration.observe(perf_counter() - started_at)
