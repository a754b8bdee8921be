"""What the database tells a scrape, read at most once a second a process."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from django.db import Error as DatabaseFault
from django.db import connection, transaction
from prometheus_client.core import Metric

from metrics.families import event_families, kpi_families, portal_families, workbench_gauges
from telemetry.counters.bridge import read_counters

logger = logging.getLogger(__name__)

MAX_AGE = timedelta(seconds=1)
# Longer than a failure takes, so that those who waited for it do not each wait for their own.
MAX_FAILURE_AGE = timedelta(seconds=6)
# A scrape is given 10 seconds by default; a database that is busy with something else must not use them up.
STATEMENT_TIMEOUT_MS = 4000


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What the database said at one moment: the workbench's and KPIs' families, and the portal's own."""

    taken_at: datetime
    workbench: tuple[Metric, ...] = ()
    portal: tuple[Metric, ...] = ()
    has_failed: bool = False

    def is_fresh(self, *, now: datetime) -> bool:
        return timedelta() <= now - self.taken_at < (MAX_FAILURE_AGE if self.has_failed else MAX_AGE)


class SnapshotCache:
    """The newest snapshot of this process: however often it is scraped, it is made once a second.

    Two scrapes that are a second or more apart never see a counter fall, whichever processes answer them.
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
    """Reads all families; a database that does not answer within seconds gives an empty one that says so."""
    try:
        with short_statements():
            return read_snapshot(now=now)
    except DatabaseFault as fault:
        # The driver's message may quote values: only the class is logged.
        logger.warning("The metrics could not be read from the database: %s", type(fault).__name__)
        return Snapshot(taken_at=now, has_failed=True)


def read_snapshot(*, now: datetime) -> Snapshot:
    counters = read_counters()
    return Snapshot(
        taken_at=now,
        workbench=(*event_families(counters), *workbench_gauges(counters, now=now), *kpi_families(now=now)),
        portal=tuple(portal_families(counters, now=now)),
    )


@contextmanager
def short_statements() -> Iterator[None]:
    """Ends each statement within seconds, where the database can be told to.

    SQLite's readers wait for nobody, and a transaction of it would take the one writer's lock.
    """
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(STATEMENT_TIMEOUT_MS)])
        yield
