"""Celery tasks of the digests; config/celery.py says when they run."""

from celery import shared_task
from django.utils import timezone

from digests import sending


@shared_task(name="digests.send")
def send_digests() -> None:
    sending.send_due(now=timezone.now())
