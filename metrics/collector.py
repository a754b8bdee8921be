"""The snapshot of the database that a scrape shows, taken at most once a second by each process."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from django.db import Error as DatabaseFault
from django.db import connection, transaction

from metrics.families.events import event_families
from metrics.families.kpis import kpi_families
from metrics.families.portal import portal_families, series_gauges
from metrics.families.stored import Exposed
from metrics.families.workbench import workbench_gauges
from metrics.families.zeros import with_zeros
from telemetry.counters.bridge import read_counters
from telemetry.models import Environment

logger = logging.getLogger(__name__)

MAX_AGE = timedelta(seconds=1)
# Longer than a failure takes, so that scrapes that waited for it do not then wait for another one each.
MAX_FAILURE_AGE = timedelta(seconds=6)
# Prometheus gives a scrape 10 seconds by default; a busy database must not use them up.
STATEMENT_TIMEOUT_MS = 4000


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The families as the database had them at one moment: of workbench and KPIs, and of the portal itself."""

    taken_at: datetime
    workbench: tuple[Exposed, ...] = ()
    portal: tuple[Exposed, ...] = ()
    has_failed: bool = False

    def is_fresh(self, *, now: datetime) -> bool:
        return timedelta() <= now - self.taken_at < (MAX_FAILURE_AGE if self.has_failed else MAX_AGE)


class SnapshotCache:
    """The newest snapshot of this process, taken once a second however often it is scraped.

    A counter never falls between two scrapes that are a second or more apart, whichever processes answer.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._newest: Snapshot | None = None

    def get(self, *, now: datetime) -> Snapshot:
        with self._lock:
            if self._newest is None or not self._newest.is_fresh(now=now):
                self._newest = take_snapshot(now=now)
            return self._newest

    def forget(self) -> None:
        self._newest = None


snapshots = SnapshotCache()


def take_snapshot(*, now: datetime) -> Snapshot:
    """Read all families; if the database fails or is too slow, the snapshot is empty and `has_failed`."""
    try:
        with short_statements():
            return read_snapshot(now=now)
    except DatabaseFault as fault:
        # The driver's message may quote values: only the class is logged.
        logger.warning("The metrics could not be read from the database: %s", type(fault).__name__)
        return Snapshot(taken_at=now, has_failed=True)


def read_snapshot(*, now: datetime) -> Snapshot:
    stored = read_counters()
    shown = with_zeros(stored, environments=Environment.names())
    return Snapshot(
        taken_at=now,
        workbench=(*event_families(shown), *workbench_gauges(now=now), *kpi_families(now=now)),
        portal=(*portal_families(shown, now=now), *series_gauges(stored)),
    )


@contextmanager
def short_statements() -> Iterator[None]:
    """Let no statement take longer than STATEMENT_TIMEOUT_MS on PostgreSQL.

    SQLite needs no limit: its readers wait for nobody, and a transaction would take its only write lock.
    """
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(STATEMENT_TIMEOUT_MS)])
        yield
