"""Celery tasks of the portal as a whole; config/celery.py says when they run."""

from celery import shared_task

from config.processes import storage, watch


@shared_task(name="config.shrink_log")
def shrink_log() -> None:
    storage.shrink_log()


@shared_task(name="config.look_for_alerts")
def look_for_alerts() -> None:
    watch.look_by_schedule()
