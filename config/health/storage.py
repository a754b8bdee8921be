"""Checks of what is stored: disk, tables, partitions, and since when raw events are kept."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import OperationalError, connection
from django.db.models import Sum

from config.health.findings import (
    Finding,
    HealthStatus,
    bytes_text,
    counted,
    seconds_text,
    status_above,
    status_below,
    worst,
)
from config.health.pipeline import values_of
from config.processes.storage import FULL_BYTES, LOW_BYTES, LOW_SHARE
from metrics.families.portal import portal_families
from telemetry.counters.bridge import read_counters
from telemetry.lifecycle.disk import read_disk_use
from telemetry.lifecycle.partitions import DAYS_AHEAD, partition_days
from telemetry.lifecycle.retention.runs import next_nightly, seconds_behind
from telemetry.models import ApiKey, Environment, LedgerHour, RetentionRun, RunStatus

GROWTH_DAYS = 7
DAYS_TO_ACT = 30
DAYS_TO_HURRY = 3
# A run comes each night: two were missed.
VERY_LATE_RETENTION = timedelta(days=2)
FARTHEST_DAYS = 3650
SHOWN_TABLES = 8
COUNTED_ROWS = 1000
# To sum up the tables SQLite reads every page of the file: 60 ms for 100 MiB.
LARGEST_MEASURED_FILE = 256 * 1024 * 1024
WHOLE_FILE = "the whole file"


def disk(now: datetime) -> Finding:
    """Free space where DATA_DIR is."""
    space = os.statvfs(settings.DATA_DIR)
    free, size = space.f_bavail * space.f_frsize, space.f_blocks * space.f_frsize
    status = status_below(free, warning=max(LOW_BYTES, LOW_SHARE * size), critical=FULL_BYTES)
    return Finding(status, f"{bytes_text(free)} of {bytes_text(size)} free", value=free)


def growth(now: datetime) -> Finding:
    """How the database grows and, where it lies on the disk of DATA_DIR, when that is full."""
    a_day = bytes_a_day(now)
    text = f"about {bytes_text(a_day)} a day over the last {GROWTH_DAYS} days"
    if connection.vendor != "sqlite" or a_day <= 0:
        return Finding(HealthStatus.OK, text, value=round(a_day))
    space = os.statvfs(settings.DATA_DIR)
    days = space.f_bavail * space.f_frsize / a_day
    status = status_below(days, warning=DAYS_TO_ACT, critical=DAYS_TO_HURRY)
    return Finding(status, f"{text}; the disk is full {when_full(days)}", value=round(a_day))


def when_full(days: float) -> str:
    return f"in {counted(int(days), 'day')}" if days < FARTHEST_DAYS else "in more than ten years"


def bytes_a_day(now: datetime) -> float:
    """Growth of the database as measured each day; before two days were, an estimate of it."""
    measured = read_disk_use(today=now.astimezone(UTC).date()).bytes_a_day
    return estimated_growth(now) if measured is None else measured


def estimated_growth(now: datetime) -> float:
    """Events accepted in a day of the last week, at the size that events have so far."""
    families = portal_families(read_counters(), now=now)
    kept = sum(values_of(families, name="portal_raw_events").values())
    if not kept:
        return 0.0
    keys = list(ApiKey.objects.values_list("pk", flat=True))
    hours = LedgerHour.objects.filter(
        key__in=keys, hour__gte=now - timedelta(days=GROWTH_DAYS), outcome="accepted"
    )
    accepted = hours.aggregate(total=Sum("events"))["total"] or 0
    return float(accepted / GROWTH_DAYS * database_bytes() / kept)


def database_bytes() -> int:
    """Size of the whole database; with SQLite without its log."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_database_size(current_database())")
        else:
            cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        return int(cursor.fetchone()[0])


def table_sizes(now: datetime) -> Finding:
    """Sizes of tables with their indexes and partitions, the largest first."""
    stored = {use.table: use.bytes for use in read_disk_use(today=now.astimezone(UTC).date()).tables}
    sizes = sorted((stored or measured_sizes()).items(), key=lambda pair: (-pair[1], pair[0]))
    total = sum(size for _, size in sizes)
    details = tuple((name, bytes_text(size)) for name, size in sizes[:SHOWN_TABLES])
    return Finding(HealthStatus.OK, f"{bytes_text(total)} in the database", value=total, details=details)


def measured_sizes() -> Mapping[str, int]:
    """Bytes by table; of a large SQLite file the whole."""
    if connection.vendor == "postgresql":
        return sizes_of(POSTGRESQL_SIZES)
    if database_bytes() > LARGEST_MEASURED_FILE:
        return {WHOLE_FILE: database_bytes()}
    try:
        return sizes_of(SQLITE_SIZES)
    except OperationalError:
        # SQLite is built without dbstat on some systems.
        return {WHOLE_FILE: database_bytes()}


# A partition counts with its parent.
POSTGRESQL_SIZES = """
SELECT coalesce(parent.relname, own.relname), sum(pg_total_relation_size(own.oid))::bigint
FROM pg_class AS own
LEFT JOIN pg_inherits ON inhrelid = own.oid
LEFT JOIN pg_class AS parent ON parent.oid = inhparent
WHERE own.relkind = 'r' AND own.relnamespace = 'public'::regnamespace
GROUP BY 1
"""
SQLITE_SIZES = """
SELECT part.tbl_name, sum(dbstat.pgsize)
FROM dbstat JOIN sqlite_master AS part ON part.name = dbstat.name
WHERE dbstat.aggregate = TRUE
GROUP BY 1
"""


def sizes_of(statement: str) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return {name: int(size) for name, size in cursor.fetchall()}


def partitions(now: datetime) -> Finding:
    """Whether the coming days have their partitions, and none of the events fell into the default one."""
    if connection.vendor != "postgresql":
        return Finding(HealthStatus.OK, "only PostgreSQL has them")
    today = now.astimezone(UTC).date()
    ahead = {today + timedelta(days=number) for number in range(DAYS_AHEAD + 1)}
    missing, strays = sorted(ahead - partition_days()), stray_rows()
    is_urgent = bool(missing) and missing[0] <= today + timedelta(days=1)
    status = worst(
        HealthStatus.WARNING if missing or strays else HealthStatus.OK,
        HealthStatus.CRITICAL if is_urgent else HealthStatus.OK,
    )
    text = (
        f"{counted(len(missing), 'coming day')} without one, {strays_text(strays)} in the default partition"
    )
    return Finding(status, text, value=len(missing), details=tuple((f"{day}", "missing") for day in missing))


def stray_rows() -> int:
    """Rows in the default partition; counted up to one more than COUNTED_ROWS."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT 1 FROM telemetry_rawevent_default LIMIT %s) AS counted",
            [COUNTED_ROWS + 1],
        )
        return int(cursor.fetchone()[0])


def strays_text(rows: int) -> str:
    return f"more than {COUNTED_ROWS:,} events" if rows > COUNTED_ROWS else counted(rows, "event")


def retention(now: datetime) -> Finding:
    """The newest run of retention that ended, how long runs are behind, and since when raw events are kept."""
    newest = RetentionRun.objects.filter(finished_at__isnull=False).order_by("-pk").first()
    behind = seconds_behind(now=now)
    has_failed = newest is not None and newest.status == RunStatus.FAILED
    status = worst(
        HealthStatus.CRITICAL if has_failed else HealthStatus.OK,
        status_above(behind, warning=1, critical=VERY_LATE_RETENTION.total_seconds()),
    )
    late = f", {seconds_text(behind)} behind" if behind else ""
    return Finding(
        status,
        f"{last_run_text(newest, now=now)}; {next_run_text(now)}{late}",
        value=round(behind),
        details=pruned_environments(),
    )


def last_run_text(run: RetentionRun | None, *, now: datetime) -> str:
    """Of the newest run that ended; a failed one names the kind of its fault."""
    if run is None or run.finished_at is None:
        return "no run has ended yet"
    ago = f"{seconds_text((now - run.finished_at).total_seconds())} ago"
    return f"the last run failed {ago} ({run.fault})" if run.status == RunStatus.FAILED else f"last run {ago}"


def next_run_text(now: datetime) -> str:
    """`next run 2026-02-16 02:00 UTC`, or that it is due."""
    following = next_nightly(now=now)
    if following is None:
        return "no policy is in force"
    return "the next run is due" if following <= now else f"next run {following:%Y-%m-%d %H:%M} UTC"


def pruned_environments() -> tuple[tuple[str, str], ...]:
    """Those of which raw events were pruned, and the first day that is kept."""
    environments = Environment.objects.exclude(raw_kept_from=None).order_by("name")
    return tuple(
        (name, f"raw events from {since:%Y-%m-%d}")
        for name, since in environments.values_list("name", "raw_kept_from")
        if since is not None
    )
