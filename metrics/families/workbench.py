"""Gauges of what goes on in the workflow engine and the app servers."""

from collections.abc import Iterator
from datetime import datetime

from django.db import connection
from django.db.models import Count, Max, Q
from prometheus_client.core import Metric

from metrics.families.building import gauge
from workbench.models import AppServerState
from workbench.runs.states import ACTIVE_FOR
from workbench.streams import open_streams

# No more index entries than this are counted: many unfinished runs must not slow a scrape down.
ACTIVE_LIMIT = 10_000

# Index: workflow_run_active (started_at, environment), of the runs that have not completed.
COUNT_ACTIVE = """
SELECT environment.name, (
  SELECT count(*) FROM (
    SELECT 1 FROM workbench_workflowrun AS run
    WHERE run.environment = environment.name AND run.completed_at IS NULL AND run.started_at >= %(since)s
    LIMIT %(limit)s
  ) AS active_run
)
FROM telemetry_environment AS environment
"""


def workbench_gauges(*, now: datetime) -> Iterator[Metric]:
    """Active runs, open streams, and what the app servers reported last."""
    yield gauge(
        "workflows_active",
        "Runs that started within the last 24 hours and have not completed; counted up to 10,000.",
        active_runs(now=now),
    )
    yield gauge("appserver_active_streams", "Streams opened and not closed.", open_streams(now=now))
    yield from app_server_gauges()


def active_runs(*, now: datetime) -> dict[str, int]:
    """By environment, in one query."""
    since = connection.ops.adapt_datetimefield_value(now - ACTIVE_FOR)
    with connection.cursor() as cursor:
        cursor.execute(COUNT_ACTIVE, {"since": since, "limit": ACTIVE_LIMIT})
        return dict(cursor.fetchall())


def app_server_gauges() -> Iterator[Metric]:
    """The newest reports of app servers about their workers and their maintenance."""
    states = AppServerState.objects.order_by()
    workers = states.filter(subject__startswith="worker:").values_list("environment")
    ready = workers.annotate(ready=Count("pk", filter=Q(state="ready")))
    yield gauge("appserver_worker_ready", "Workers whose newest state is ready.", dict(ready))
    backoff = workers.annotate(longest=Max("backoff_ms", filter=Q(state="backoff")))
    yield gauge(
        "appserver_worker_backoff_seconds",
        "The longest delay of those workers whose newest state is backoff.",
        {environment: (longest or 0) / 1000 for environment, longest in backoff},
    )
    maintenance = states.filter(subject="maintenance").values_list("environment", "state")
    yield gauge(
        "appserver_maintenance",
        "Whether the app server's maintenance is on.",
        {environment: float(state == "on") for environment, state in maintenance},
    )
