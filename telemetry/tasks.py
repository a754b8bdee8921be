"""Celery tasks of the telemetry app; config/celery.py says when they run."""

from typing import Any

from celery import shared_task
from celery.signals import beat_init, worker_ready
from django.utils import timezone

from telemetry import key_use
from telemetry.counters import sent
from telemetry.lifecycle import disk, partitions, quarantine_jobs
from telemetry.lifecycle.retention import runs, span_links
from telemetry.notices import rounds
from telemetry.plan.history import record_running_plan

# Without a broker the scheduler runs all tasks, and rollups wait meanwhile.
WORK_SECONDS = 2.0
SECONDS_A_TURN = 1.0


@shared_task(name="telemetry.make_partitions")
def make_partitions() -> None:
    partitions.ensure_partitions(today=timezone.now().date())


@shared_task(name="telemetry.work_on_quarantine")
def work_on_quarantine() -> None:
    quarantine_jobs.work_on_jobs(now=timezone.now(), seconds=WORK_SECONDS)


@shared_task(name="telemetry.send_notices")
def send_notices() -> None:
    rounds.make_round(now=timezone.now())


@shared_task(name="telemetry.note_key_uses")
def note_key_uses() -> None:
    key_use.store_notes()


@shared_task(name="telemetry.open_retention_run")
def open_retention_run() -> None:
    runs.open_nightly(now=timezone.now())
    span_links.forget_links(now=timezone.now())
    sent.forget_old_days(now=timezone.now())


@shared_task(name="telemetry.carry_on_retention")
def carry_on_retention() -> None:
    runs.carry_on(now=timezone.now(), seconds=SECONDS_A_TURN)


@shared_task(name="telemetry.measure_tables")
def measure_tables() -> None:
    disk.measure_tables(today=timezone.now().date())


@worker_ready.connect
def make_partitions_at_start(**kwargs: Any) -> None:
    make_partitions()


@worker_ready.connect
def record_plan_of_worker(**kwargs: Any) -> None:
    record_running_plan(process="worker")


@beat_init.connect
def record_plan_of_scheduler(**kwargs: Any) -> None:
    record_running_plan(process="scheduler")
