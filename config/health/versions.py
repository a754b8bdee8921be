"""Check of what runs here: versions of the portal, of what it stands on, and of the tracking plan."""

import platform
from datetime import datetime

import django
from django.conf import settings
from django.db import connection

from config import VERSION
from config.health.findings import Finding, HealthStatus
from telemetry.plan import get_plan
from telemetry.plan.history import digest_of_plan

OLDEST_POSTGRESQL = 150_000
HASH_LENGTH = 12


def versions(now: datetime) -> Finding:
    is_old = connection.vendor == "postgresql" and postgresql_number() < OLDEST_POSTGRESQL
    details = (
        ("portal", VERSION),
        ("Python", platform.python_version()),
        ("Django", django.get_version()),
        ("database", database_version()),
        ("tracking plan", plan_hash()),
    )
    status = HealthStatus.WARNING if is_old or settings.DEBUG else HealthStatus.OK
    debug = ", and DEBUG is on" if settings.DEBUG else ""
    return Finding(status, f"portal {VERSION}, {database_version()}{debug}", details=details)


def plan_hash() -> str:
    """The first digits of the digest that *Plan versions* shows for the running plan."""
    return digest_of_plan(get_plan())[:HASH_LENGTH]


def postgresql_number() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int")
        return int(cursor.fetchone()[0])


def database_version() -> str:
    """`PostgreSQL 15.4` or `SQLite 3.40.1`."""
    is_postgresql = connection.vendor == "postgresql"
    statement = "SELECT current_setting('server_version')" if is_postgresql else "SELECT sqlite_version()"
    with connection.cursor() as cursor:
        cursor.execute(statement)
        number = str(cursor.fetchone()[0]).split()[0]
    return f"{'PostgreSQL' if is_postgresql else 'SQLite'} {number}"
