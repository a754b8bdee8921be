"""Celery tasks. They carry no work: the database is the queue."""

from celery import shared_task
from django.utils import timezone

from kpis.compute import rollup


@shared_task(name="kpis.roll_up")
def roll_up() -> None:
    rollup.bring_up_to_date(now=timezone.now())
