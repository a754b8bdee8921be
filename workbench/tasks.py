"""Celery tasks. They carry no work: the database is the queue."""

import time

from celery import Task, shared_task
from django.utils import timezone

from workbench.erasure import steps
from workbench.retries import schedule

# About as long as it is until the next one.
SECONDS_PER_TASK = 4.5
# The scheduler runs the tasks itself where there is no broker, and has others to run.
SECONDS_IN_SCHEDULER = 1.5


@shared_task(name="workbench.erase", bind=True)
def erase(self: Task) -> None:
    seconds = SECONDS_IN_SCHEDULER if self.request.is_eager else SECONDS_PER_TASK
    steps.work(now=timezone.now(), seconds=seconds)


@shared_task(name="workbench.send_retries", bind=True)
def send_retries(self: Task) -> None:
    until = time.monotonic() + SECONDS_PER_TASK
    # In the scheduler one attempt a turn: it may wait for its answer for seconds.
    while schedule.send_next(now=timezone.now()) and not self.request.is_eager:
        if time.monotonic() >= until:
            break
