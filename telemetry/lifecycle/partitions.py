"""The partitions of the raw events, a UTC day each. Only PostgreSQL has them; SQLite keeps one table."""

from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from telemetry.models import RawEvent

PARTITIONED = RawEvent._meta.db_table
DAYS_AHEAD = 7
# Any number that no other advisory lock of the portal uses.
PARTITION_LOCK = 7_301_001


def ensure_partitions(*, today: date) -> list[date]:
    """Create the missing partitions of the raw events, and return their UTC days in order.

    There is one for each day from the oldest that posts may still bring (the late window) to DAYS_AHEAD days after
    `today`, both included. Rows of such a day move from the default partition to the new one. Safe to repeat and
    to run at the same time; readers and posts wait meanwhile. On other databases it does nothing.
    """
    needed = days_with_partition(today)
    if connection.vendor != "postgresql" or needed <= partition_days():
        return []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [PARTITION_LOCK])
        # Another process may have created them before this one got the lock. No post may write to the default
        # partition while rows move out of it.
        missing = sorted(needed - partition_days())
        if missing:
            cursor.execute("LOCK TABLE telemetry_rawevent_default IN ACCESS EXCLUSIVE MODE")
        for day in missing:
            make_partition(cursor, day=day)
    return missing


def days_with_partition(today: date) -> set[date]:
    return {today + timedelta(days=offset) for offset in range(-settings.LATE_WINDOW_DAYS, DAYS_AHEAD + 1)}


def partition_name(day: date) -> str:
    """Name of a day's partition: telemetry_rawevent_20260215."""
    return f"{PARTITIONED}_{day:%Y%m%d}"


def partition_days() -> set[date]:
    """The UTC days that have a partition."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_date(right(child.relname, 8), 'YYYYMMDD') FROM pg_inherits "
            "JOIN pg_class child ON child.oid = inhrelid "
            "WHERE inhparent = %s::regclass AND child.relname ~ '_[0-9]{8}$'",
            [PARTITIONED],
        )
        return {row[0] for row in cursor.fetchall()}


def make_partition(cursor: Any, *, day: date) -> None:
    """Create one day's partition, fill it, then attach it: until then the parent takes posts and queries."""
    name = partition_name(day)
    cursor.execute(f"CREATE TABLE {name} (LIKE telemetry_rawevent INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
    cursor.execute(
        "WITH moved AS (DELETE FROM telemetry_rawevent_default WHERE day = %s RETURNING *) "
        f"INSERT INTO {name} SELECT * FROM moved",
        [day],
    )
    # The statement takes no parameters.
    cursor.execute(
        f"ALTER TABLE telemetry_rawevent ATTACH PARTITION {name} "
        f"FOR VALUES FROM ('{day}') TO ('{day + timedelta(days=1)}')"
    )
