"""The Celery application and the portal's only schedule.

A message to a task only says that there may be work. The work itself is in the database, so a message that is
lost, late or doubled changes nothing.
"""

import os
import time
from collections.abc import Mapping
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import (
    after_task_publish,
    beat_init,
    setup_logging,
    task_postrun,
    task_prerun,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# A message that waited this long is dropped: a newer one is there. It is longer than any two clocks differ,
# because a worker whose clock is ahead by more would drop every message.
MESSAGE_EXPIRES_SECONDS = 60
# Name of an entry → its task, and when its bell rings: every so many seconds, or at a minute of each hour. Hourly,
# though once a day is enough: a missed hour is made up for by the next one. `kpis.roll_up` comes from the settings.
SCHEDULE: Mapping[str, tuple[str, float | crontab]] = {
    # Erasures go on where they were: this is also what resumes one whose worker was killed.
    "erase": ("workbench.erase", 5),
    # What comes for an attempt after 5 s is not much later; a request rings the bell itself where there is a broker.
    "send retries": ("workbench.send_retries", 2),
    "shrink the log": ("config.shrink_log", 10 * 60),
    "work on the quarantine": ("telemetry.work_on_quarantine", 3),
    "send notices": ("telemetry.send_notices", 60),
    "send digests": ("digests.send", 60),
    # As often as config.processes.watch expects it.
    "look for alerts": ("config.look_for_alerts", 20),
    "note the uses of keys": ("telemetry.note_key_uses", 60),
    "keep visits": ("people.keep_visits", 5 * 60),
    "forget ended sessions": ("people.forget_ended_sessions", crontab(minute="37")),
    "forget ended links": ("sharing.forget_ended_links", crontab(hour="3", minute="41")),
    "sum objectives up": ("objectives.sum_up", crontab(minute="23")),
    "make partitions": ("telemetry.make_partitions", crontab(minute="7")),
    # It opens one a day, after the hour in telemetry.lifecycle.retention.runs.
    "open the night's run of retention": ("telemetry.open_retention_run", crontab(minute="11")),
    # The first of a day measures.
    "measure the tables": ("telemetry.measure_tables", crontab(minute="17")),
    # A turn takes about a second, so an open run has a fifth of the time.
    "carry on retention": ("telemetry.carry_on_retention", 5),
}

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_after_configure.connect
def schedule(sender: Celery, **kwargs: Any) -> None:
    from django.conf import settings

    entries = {"roll up": ("kpis.roll_up", settings.ROLLUP_INTERVAL_SECONDS), **SCHEDULE}
    sender.conf.beat_schedule = {
        name: {"task": task, "schedule": bell, "options": {"expires": MESSAGE_EXPIRES_SECONDS}}
        for name, (task, bell) in entries.items()
    }


@setup_logging.connect
def keep_logging_of_settings(**kwargs: Any) -> None:
    """While a receiver is connected, Celery leaves logging as the settings have it."""


@beat_init.connect
@worker_init.connect
def keep_files_private(**kwargs: Any) -> None:
    from config.processes import file_modes

    file_modes.keep_files_private()


@worker_init.connect
def show_metrics(**kwargs: Any) -> None:
    from config.processes import worker_metrics

    worker_metrics.begin()


@worker_process_init.connect
def leave_metrics(**kwargs: Any) -> None:
    from config.processes import worker_metrics

    worker_metrics.leave()


@worker_process_init.connect
def trace_worker(**kwargs: Any) -> None:
    """In each process of the pool: the one that forks them runs no task."""
    from web.tracing import start

    start.start(process="worker")


@worker_process_shutdown.connect
def end_traces_of_worker(**kwargs: Any) -> None:
    from web.tracing import start

    start.stop()


@beat_init.connect
def trace_scheduler(**kwargs: Any) -> None:
    from web.tracing import start

    start.start(process="scheduler")


@beat_init.connect
def watch_publishing(**kwargs: Any) -> None:
    """In the scheduler alone: web processes publish too, which says nothing of it."""
    after_task_publish.connect(scheduler_is_alive)


def scheduler_is_alive(**kwargs: Any) -> None:
    from config.processes import heartbeat

    heartbeat.leave(heartbeat.SCHEDULER)


@beat_init.connect
def keep_pulse(**kwargs: Any) -> None:
    """Without a broker the scheduler runs the tasks: it says that it lives while a long one runs."""
    from config.processes import pulse

    if app.conf.task_always_eager:
        pulse.of_scheduler.beat_in_background()


@task_prerun.connect
def task_begins(task: Any, **kwargs: Any) -> None:
    from config.processes import pulse

    if task.request.is_eager:
        pulse.of_scheduler.task_started_at = time.monotonic()
    worker_is_alive(task)


@task_postrun.connect
def task_ended(task: Any, **kwargs: Any) -> None:
    from config.processes import pulse

    if task.request.is_eager:
        pulse.of_scheduler.task_started_at = None
    worker_is_alive(task)


def worker_is_alive(task: Any) -> None:
    """Leave the worker's sign of life.

    Without a broker the scheduler runs the tasks. Then the sign is the scheduler's, and stale database
    connections are closed here, because no worker loop does it.
    """
    from django.db import close_old_connections

    from config.processes import heartbeat

    heartbeat.leave(heartbeat.SCHEDULER if task.request.is_eager else heartbeat.WORKER)
    if task.request.is_eager:
        close_old_connections()
