"""The Celery application and the only schedule of the portal.

A task is a bell: the database holds the work, so a lost, late or doubled message changes nothing.
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

# A bell that nobody heard for this long is not rung later. Longer than any two clocks are apart: a worker
# whose clock is ahead would else throw every bell away.
BELL_EXPIRES_SECONDS = 60
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
            "options": {"expires": BELL_EXPIRES_SECONDS},
        },
        "shrink the log": {
            "task": "config.shrink_log",
            "schedule": SHRINK_SECONDS,
            "options": {"expires": BELL_EXPIRES_SECONDS},
        },
        "make partitions": {
            "task": "telemetry.make_partitions",
            "schedule": crontab(minute="7"),
            "options": {"expires": BELL_EXPIRES_SECONDS},
        },
    }


@setup_logging.connect
def keep_logging_of_settings(**kwargs: Any) -> None:
    """Celery configures no logging of its own while this is connected."""


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
    """Leaves a sign of life; without a broker the scheduler is the worker, and it gives connections back."""
    from django.db import close_old_connections

    from config.processes import heartbeat

    heartbeat.leave(heartbeat.SCHEDULER if task.request.is_eager else heartbeat.WORKER)
    if task.request.is_eager:
        close_old_connections()
