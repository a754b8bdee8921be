"""Policies, holds, old events and whole runs, with defaults."""

from datetime import date, datetime, timedelta
from typing import Any

from telemetry.lifecycle.retention import runs
from telemetry.models import (
    Environment,
    RetentionHold,
    RetentionPolicy,
    RetentionReport,
    RetentionRun,
    RetentionSubject,
)
from tests.builders import NOW, event, store, table
from workbench.fold import pending

TODAY = NOW.date()


def keep(days: int = 30, **fields: Any) -> RetentionPolicy:
    """A policy; of raw events unless `subject` says otherwise."""
    return RetentionPolicy.objects.create(
        **{"subject": RetentionSubject.RAW_EVENTS, "keep_days": days} | fields
    )


def hold(**fields: Any) -> RetentionHold:
    return RetentionHold.objects.create(**{"reason": "An audit"} | fields)


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def day_ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def stored(*ages: float, environment: str = "production", name: str = "workbench.chat_message_sent") -> None:
    """Folded events, each so many days old."""
    for age in ages:
        store(event(name, days_ago(age), number=str(age)), environment=environment, received_at=days_ago(age))
    pending.fold_pending(now=NOW)


def prune(*, now: datetime = NOW) -> RetentionRun:
    """A whole run of the policies."""
    return carry_through(runs.open_run(now=now, requested_by="test"), now=now)


def carry_through(run: RetentionRun, *, now: datetime = NOW) -> RetentionRun:
    while runs.carry_on(now=now, seconds=60, pause=lambda seconds: None):
        pass
    run.refresh_from_db()
    return run


def report(subject: str = RetentionSubject.RAW_EVENTS) -> list[tuple[Any, ...]]:
    """(environment, event, day, rows) of all runs."""
    rows = RetentionReport.objects.filter(subject=subject)
    return sorted(rows.values_list("environment", "event", "day", "rows"))


def kept_from(environment: str = "production") -> datetime | None:
    return Environment.objects.get(name=environment).raw_kept_from


__all__ = ["table"]
