"""Celery tasks of the portal as a whole; config/celery.py says when they run."""

from celery import shared_task

from config.processes import storage


@shared_task(name="config.shrink_log")
def shrink_log() -> None:
    storage.shrink_log()
