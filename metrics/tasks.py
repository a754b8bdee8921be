"""Metrics of Celery's tasks, counted in the memory of the processes that run them."""

from typing import Any

from celery import Task
from celery.exceptions import Retry
from celery.signals import task_failure, task_retry, task_success, worker_init
from prometheus_client import Counter, Gauge, disable_created_metrics

# Of Celery itself, which nothing here uses.
BUILT_IN = "celery."

task_failures = Counter("portal_task_failures_total", "Tasks that failed or were tried again.", ["task"])
task_backoff_seconds = Gauge(
    "portal_task_backoff_seconds",
    "How long a task waits before it is tried again; 0 after a success.",
    ["task"],
    multiprocess_mode="mostrecent",
)


def connect() -> None:
    """Count the successes, failures and retries of Celery's tasks in this process. Safe to repeat."""
    # Creation times would be a third of a scrape's lines, and nothing reads them.
    disable_created_metrics()  # type: ignore[no-untyped-call]  # It has no types.
    worker_init.connect(expect_tasks, dispatch_uid="portal_metrics")
    task_success.connect(note_success, dispatch_uid="portal_metrics")
    task_failure.connect(note_failure, dispatch_uid="portal_metrics")
    task_retry.connect(note_retry, dispatch_uid="portal_metrics")


def expect_tasks(sender: Any, **_: object) -> None:
    """Show that no task has failed before the first one does: Prometheus takes a first value as a beginning."""
    for name in sender.app.tasks:
        if not name.startswith(BUILT_IN):
            task_failures.labels(name).inc(0)


def note_success(sender: "Task[..., Any]", **_: object) -> None:
    task_failures.labels(sender.name).inc(0)
    task_backoff_seconds.labels(sender.name).set(0)


def note_failure(sender: "Task[..., Any]", **_: object) -> None:
    task_failures.labels(sender.name).inc()


def note_retry(sender: "Task[..., Any]", reason: Retry, **_: object) -> None:
    task_failures.labels(sender.name).inc()
    if isinstance(reason.when, int | float):
        task_backoff_seconds.labels(sender.name).set(reason.when)
