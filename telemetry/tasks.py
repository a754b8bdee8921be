"""Celery tasks of the telemetry app; config/celery.py says when they run."""

from typing import Any

from celery import shared_task
from celery.signals import worker_ready
from django.utils import timezone

from telemetry.lifecycle import partitions


@shared_task(name="telemetry.make_partitions")
def make_partitions() -> None:
    partitions.ensure_partitions(today=timezone.now().date())


@worker_ready.connect
def make_partitions_at_start(**kwargs: Any) -> None:
    make_partitions()
