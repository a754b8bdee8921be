"""How large the tables are, how fast they grow, and when the disk is full."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from django.db import OperationalError, connection

from telemetry.models import TableSize

# Growth is the average of so many days: a week has its weekend.
GROWTH_DAYS = 7
# A disk that lasts longer than this has no day that anybody would plan by.
FARTHEST_DAYS = 3650

# The table that SQLite has no sizes for: the whole file.
WHOLE_DATABASE = "(database)"


@dataclass(frozen=True, slots=True)
class TableUse:
    """A table's size with its indexes and partitions. `bytes_a_day`: its growth; None: not known yet."""

    table: str
    bytes: int
    bytes_a_day: float | None


@dataclass(frozen=True, slots=True)
class DiskUse:
    """The database on its disk. Tables are sorted, the largest first.

    `free_bytes` is None where the database is on another machine. `full_on` is the day on which the disk is full if
    it goes on like this; None where that is not known, or more than ten years away.
    """

    tables: tuple[TableUse, ...]
    bytes: int
    bytes_a_day: float | None
    free_bytes: int | None
    full_on: date | None


def read_disk_use(*, today: date) -> DiskUse:
    """Sizes as last measured, with their growth, and what is free now. Costs a few small queries."""
    measured = TableSize.objects.filter(day__lte=today).order_by("-day").values_list("day", flat=True)
    days = list(measured.distinct()[: GROWTH_DAYS + 1])
    newest = sizes_on(days[0]) if days else {}
    oldest = sizes_on(days[-1]) if days else {}
    apart = (days[0] - days[-1]).days if days else 0
    tables = sorted(
        (
            TableUse(table, size, growth(size, oldest.get(table, 0), days=apart))
            for table, size in newest.items()
        ),
        key=lambda use: (-use.bytes, use.table),
    )
    total = sum(newest.values())
    bytes_a_day = growth(total, sum(oldest.values()), days=apart)
    free = free_bytes()
    return DiskUse(
        tuple(tables), total, bytes_a_day, free, full_on(today, free=free, bytes_a_day=bytes_a_day)
    )


def sizes_on(day: date) -> dict[str, int]:
    return dict(TableSize.objects.filter(day=day).values_list("table", "bytes"))


def growth(newest: int, oldest: int, *, days: int) -> float | None:
    """Bytes a day; below zero where retention removed more than came in."""
    return (newest - oldest) / days if days else None


def full_on(today: date, *, free: int | None, bytes_a_day: float | None) -> date | None:
    if free is None or bytes_a_day is None or bytes_a_day <= 0:
        return None
    days = free / bytes_a_day
    return today + timedelta(days=int(days)) if days <= FARTHEST_DAYS else None


def measure_tables(*, today: date) -> None:
    """Store the sizes of all tables for the UTC day `today`, once: later calls of that day do nothing."""
    if TableSize.objects.filter(day=today).exists():
        return
    rows = [TableSize(day=today, table=table, bytes=size) for table, size in sorted(table_sizes().items())]
    TableSize.objects.bulk_create(rows, ignore_conflicts=True)


def table_sizes() -> Mapping[str, int]:
    """Bytes of each table with its indexes, and its partitions."""
    return postgresql_sizes() if connection.vendor == "postgresql" else sqlite_sizes()


POSTGRESQL_SIZES = """
SELECT coalesce(parent.relname, own.relname), sum(pg_total_relation_size(own.oid))::bigint
FROM pg_class AS own
LEFT JOIN pg_inherits ON inhrelid = own.oid
LEFT JOIN pg_class AS parent ON parent.oid = inhparent
WHERE own.relkind = 'r' AND own.relnamespace = 'public'::regnamespace
GROUP BY 1
"""


def postgresql_sizes() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(POSTGRESQL_SIZES)
        return dict(cursor.fetchall())


# It reads the whole file, so it runs once a day and no page does.
SQLITE_SIZES = """
SELECT part.tbl_name, sum(dbstat.pgsize)
FROM dbstat JOIN sqlite_master AS part ON part.name = dbstat.name
WHERE dbstat.aggregate = TRUE AND part.tbl_name NOT LIKE 'sqlite_%'
GROUP BY 1
"""


def sqlite_sizes() -> dict[str, int]:
    with connection.cursor() as cursor:
        try:
            # With parameters Django would take its percent sign for one.
            cursor.execute(SQLITE_SIZES.replace("%", "%%"), [])
            return dict(cursor.fetchall())
        except OperationalError:
            # SQLite is built without dbstat on some systems.
            cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
            return {WHOLE_DATABASE: cursor.fetchone()[0]}


def free_bytes() -> int | None:
    """What is free on the database's disk; None where this machine cannot see it."""
    try:
        return shutil.disk_usage(database_folder()).free
    except OSError:
        return None


def database_folder() -> Path:
    """The folder of the database's files. Raises FileNotFoundError where the server is on another machine."""
    if connection.vendor != "postgresql":
        return Path(connection.settings_dict["NAME"]).parent
    host = connection.settings_dict["HOST"]
    if host not in {"", "127.0.0.1", "::1", "localhost"} and not host.startswith("/"):
        raise FileNotFoundError(host)
    with connection.cursor() as cursor:
        cursor.execute("SELECT setting FROM pg_settings WHERE name = 'data_directory'")
        row = cursor.fetchone()
    # Only a superuser, or who may read all settings, is told.
    if row is None or not row[0]:
        raise FileNotFoundError("data_directory")
    return Path(row[0])
