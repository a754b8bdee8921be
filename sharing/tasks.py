"""Celery tasks of shared links; config/celery.py says when they run."""

from celery import shared_task
from django.utils import timezone

from sharing import links


@shared_task(name="sharing.forget_ended_links")
def forget_ended_links() -> None:
    links.forget_ended(now=timezone.now())
