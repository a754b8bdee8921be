"""Celery tasks. They carry no work: the database is the queue."""

from celery import Task, shared_task
from django.utils import timezone

from workbench.erasure import steps

# About as long as it is until the next one.
SECONDS_PER_TASK = 4.5
# The scheduler runs the tasks itself where there is no broker, and has others to run.
SECONDS_IN_SCHEDULER = 1.5


@shared_task(name="workbench.erase", bind=True)
def erase(self: Task) -> None:
    seconds = SECONDS_IN_SCHEDULER if self.request.is_eager else SECONDS_PER_TASK
    steps.work(now=timezone.now(), seconds=seconds)
