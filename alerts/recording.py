"""Writes what sources report of alerts. The same reports give the same rows in any order and any number of times."""

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby, pairwise

from django.db import connection, transaction

from alerts.models import Alert
from alerts.reports import AlertReport

# Any number that no other advisory lock of the portal uses.
RECORDING_LOCK = 7_301_003


def record(reports: Iterable[AlertReport], *, source: str) -> None:
    """Write the source's reports. Safe to repeat.

    An alert that was reported as over stays over: a report that it fires came late. Of several ends the latest counts.
    Its texts are those of the first report. An alert cannot fire twice at once: one of which no end is known counts as
    over when the same one starts again.
    """
    ordered = sorted(reports, key=lambda report: (report.fingerprint, report.started_at))
    with transaction.atomic():
        wait_for_turn()
        for report in ordered:
            merge(report, source=source)
        for fingerprint, group in groupby(ordered, key=lambda report: report.fingerprint):
            overtake(fingerprint, source=source, since=next(group).started_at)


def wait_for_turn() -> None:
    """Let no other process record before this transaction ends.

    Two messages about two starts of one alert would each not see the start of the other, or wait for each other's rows.
    SQLite has one writer anyway.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [RECORDING_LOCK])


def merge(report: AlertReport, *, source: str) -> None:
    """Into the row of its fingerprint and start, which is locked until the transaction ends."""
    alert, is_new = Alert.objects.select_for_update().get_or_create(
        source=source,
        fingerprint=report.fingerprint,
        started_at=report.started_at,
        defaults={**report.columns(), "ended_at": report.ended_at, "expires_at": report.expires_at},
    )
    if is_new:
        return
    ended_at = latest(alert.ended_at, report.ended_at)
    expires_at = max(alert.expires_at, report.expires_at)
    if (ended_at, expires_at) != (alert.ended_at, alert.expires_at):
        alert.ended_at, alert.expires_at = ended_at, expires_at
        alert.save(update_fields=["ended_at", "expires_at"])


def latest(first: datetime | None, second: datetime | None) -> datetime | None:
    return max(first, second) if first and second else first or second


def overtake(fingerprint: str, *, source: str, since: datetime) -> None:
    """Let each alert of which no end is known expire when the next one of the same fingerprint starts.

    It looks at those that started at `since` or later, and at the last one before.
    """
    # Index: alert_unique (source, fingerprint, started_at).
    alerts = Alert.objects.filter(source=source, fingerprint=fingerprint).select_for_update()
    before = alerts.filter(started_at__lt=since).order_by("-started_at")[:1]
    after = alerts.filter(started_at__gte=since).order_by("started_at")
    for earlier, later in pairwise([*before, *after]):
        if earlier.ended_at is None and earlier.expires_at > later.started_at:
            earlier.expires_at = later.started_at
            earlier.save(update_fields=["expires_at"])
