"""Gauges of what goes on in the workflow engine and the app servers."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Max, Q
from prometheus_client.core import Metric

from metrics.families.building import gauge
from telemetry.models import Environment
from workbench.models import AppServerState, WorkflowRun
from workbench.runs.states import ACTIVE_FOR
from workbench.streams import open_streams

# No more index entries than this are counted: many unfinished runs must not slow a scrape down.
ACTIVE_LIMIT = 10_000


def workbench_gauges(*, now: datetime) -> Iterator[Metric]:
    """Active runs, open streams, and what the app servers reported last."""
    yield gauge(
        "workflows_active",
        "Runs that started within the last 24 hours and have not completed; counted up to 10,000.",
        {environment: active_runs(environment, now=now) for environment in Environment.names()},
    )
    yield gauge(
        "appserver_active_streams",
        "Streams opened and not closed.",
        {environment: open_streams(environment, now=now) for environment in Environment.names()},
    )
    yield from app_server_gauges()


def active_runs(environment: str, *, now: datetime) -> int:
    runs = WorkflowRun.objects.filter(
        environment=environment, started_at__gte=now - ACTIVE_FOR, completed_at=None
    )
    return runs.values("started_at")[:ACTIVE_LIMIT].count()


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
