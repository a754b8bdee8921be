"""Celery tasks of the objectives; config/celery.py says when they run."""

from celery import shared_task
from django.utils import timezone

from objectives import history


@shared_task(name="objectives.sum_up")
def sum_up() -> None:
    history.sum_up(now=timezone.now())
