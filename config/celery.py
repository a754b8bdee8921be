"""The Celery application and the portal's only schedule.

A message to a task only says that there may be work. The work itself is in the database, so a message that is
lost, late or doubled changes nothing.
"""

import os
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
)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# A message that waited this long is dropped: a newer one is there. It is longer than any two clocks differ,
# because a worker whose clock is ahead by more would drop every message.
MESSAGE_EXPIRES_SECONDS = 60
SHRINK_SECONDS = 10 * 60

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_after_configure.connect
def schedule(sender: Celery, **kwargs: Any) -> None:
    from django.conf import settings

    sender.conf.beat_schedule = {
        "roll up": {
            "task": "kpis.roll_up",
            "schedule": settings.ROLLUP_INTERVAL_SECONDS,
            "options": {"expires": MESSAGE_EXPIRES_SECONDS},
        },
        "shrink the log": {
            "task": "config.shrink_log",
            "schedule": SHRINK_SECONDS,
            "options": {"expires": MESSAGE_EXPIRES_SECONDS},
        },
        "make partitions": {
            "task": "telemetry.make_partitions",
            # Hourly, though once a day is enough: a missed hour is made up for by the next one.
            "schedule": crontab(minute="7"),
            "options": {"expires": MESSAGE_EXPIRES_SECONDS},
        },
    }


@setup_logging.connect
def keep_logging_of_settings(**kwargs: Any) -> None:
    """While a receiver is connected, Celery leaves logging as the settings have it."""


@beat_init.connect
@worker_init.connect
def keep_files_private(**kwargs: Any) -> None:
    from config.processes import file_modes

    file_modes.keep_files_private()


@after_task_publish.connect
def scheduler_is_alive(**kwargs: Any) -> None:
    from config.processes import heartbeat

    heartbeat.leave(heartbeat.SCHEDULER)


@task_prerun.connect
@task_postrun.connect
def worker_is_alive(task: Any, **kwargs: Any) -> None:
    """Leave the worker's sign of life.

    Without a broker the scheduler runs the tasks. Then the sign is the scheduler's, and stale database
    connections are closed here, because no worker loop does it.
    """
    from django.db import close_old_connections

    from config.processes import heartbeat

    heartbeat.leave(heartbeat.SCHEDULER if task.request.is_eager else heartbeat.WORKER)
    if task.request.is_eager:
        close_old_connections()
