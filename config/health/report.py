"""The health report: a table of checks, and their findings as lines."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from django.urls import reverse
from django.utils.text import slugify

from config.health import intake, pipeline, processes, scrape, storage, versions
from config.health.findings import Finding, HealthStatus, worst
from config.health.limits import bounded_statements
from config.processes.health import PROBES

logger = logging.getLogger(__name__)

# Of one check in the database, and of all of them: a page or a scrape waits for the report.
CHECK_SECONDS = 1.0
REPORT_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A line of the report: how it is found out, what its number counts, and what to do when it is not ok.

    `title` is also the heading of its section in docs/runbooks/health.md.
    """

    name: str
    title: str
    find: Callable[[datetime], Finding]
    action: str
    unit: str = ""
    asks_database: bool = True
    # Its findings speak of environments by name.
    names_environments: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthLine:
    """What a check found. `action` is empty where the status is ok."""

    name: str
    title: str
    status: HealthStatus
    text: str
    value: float | None
    unit: str
    details: tuple[tuple[str, str], ...]
    action: str
    names_environments: bool = False

    def without_names(self) -> "HealthLine":
        """The line without names and numbers of environments, if it has any."""
        if not self.names_environments:
            return self
        return replace(self, text="of all environments, of which you see some", value=None, details=())

    @property
    def runbook(self) -> str:
        """Path of the section of the runbook."""
        return f"{reverse('health-runbook')}#{slugify(self.title)}"


@dataclass(frozen=True, slots=True)
class HealthReport:
    """All lines in the order of CHECKS, as of one moment."""

    checked_at: datetime
    lines: tuple[HealthLine, ...]

    @property
    def status(self) -> HealthStatus:
        """That of the worst line."""
        return worst(*(line.status for line in self.lines))

    def for_limited_people(self) -> "HealthReport":
        """The report without what would tell of environments that a person may not see: their status stays."""
        return replace(self, lines=tuple(line.without_names() for line in self.lines))

    def with_status(self, status: HealthStatus) -> list[HealthLine]:
        return [line for line in self.lines if line.status is status]


CHECKS: tuple[HealthCheck, ...] = (
    HealthCheck(
        "database",
        "Database",
        processes.probe("database"),
        "Start the database, or end what holds its lock. Posts are answered 503 until then.",
        asks_database=False,
    ),
    HealthCheck(
        "migrations",
        "Migrations",
        processes.probe("migrations"),
        "Stop the workers, run manage.py migrate, and start them again.",
        asks_database=False,
    ),
    HealthCheck(
        "scheduler",
        "Scheduler",
        processes.probe("scheduler"),
        "Start celery beat, or manage.py portal where it runs everything.",
        asks_database=False,
    ),
    HealthCheck(
        "workers",
        "Workers",
        processes.probe("workers"),
        "Start a Celery worker, and look into the log of the one that ended.",
        asks_database=False,
    ),
    HealthCheck(
        "redis",
        "Redis",
        processes.redis_memory,
        "Start Redis, give it memory, and set its maxmemory-policy to noeviction.",
        unit="bytes",
        asks_database=False,
    ),
    HealthCheck(
        "arrivals",
        "Pending arrivals",
        pipeline.pending_arrivals,
        "See whether scheduler and workers run, then fold by hand with manage.py rollup.",
        unit="posts",
        names_environments=True,
    ),
    HealthCheck(
        "lag",
        "Rollup lag",
        pipeline.rollup_lag,
        "Run manage.py rollup and read what it says. Its KPIs stand still until then.",
        unit="seconds",
        names_environments=True,
    ),
    HealthCheck(
        "clocks",
        "Clocks",
        pipeline.clocks,
        "Set the clocks of all machines with NTP. The next rollup mends what was computed ahead.",
        unit="seconds",
        names_environments=True,
    ),
    HealthCheck(
        "rejected",
        "Rejected events",
        intake.rejected_events,
        "Open the quarantine, filtered by environment and code, and tell the source's developers.",
        unit="share",
        names_environments=True,
    ),
    HealthCheck(
        "quarantine",
        "Quarantine",
        intake.quarantine,
        "Have the causes mended. What is of no use takes space and hides what is new.",
        unit="events",
        names_environments=True,
    ),
    HealthCheck(
        "keys",
        "Expiring keys",
        intake.expiring_keys,
        "Make a new key and give it to the application before the old one ends.",
        unit="keys",
        names_environments=True,
    ),
    HealthCheck(
        "maintenance",
        "Maintenance",
        intake.maintenance_state,
        "End it when the work is done. Clients keep their events meanwhile, but not for ever.",
    ),
    HealthCheck(
        "disk",
        "Disk",
        storage.disk,
        "Enlarge the disk or remove what it need not hold. A full disk refuses posts.",
        unit="bytes",
        asks_database=False,
    ),
    HealthCheck(
        "growth",
        "Growth",
        storage.growth,
        "Enlarge the disk before that day, or keep raw events for fewer days.",
        unit="bytes a day",
    ),
    HealthCheck(
        "tables",
        "Tables",
        storage.table_sizes,
        "Look at the largest table first.",
        unit="bytes",
    ),
    HealthCheck(
        "partitions",
        "Partitions",
        storage.partitions,
        "See whether scheduler and workers run: they make partitions once an hour.",
        unit="days",
    ),
    HealthCheck(
        "retention",
        "Retention",
        storage.retention,
        "See whether scheduler and workers run, and what the newest run of retention names as its fault.",
        unit="seconds",
        names_environments=True,
    ),
    HealthCheck(
        "series",
        "Metric series",
        scrape.metric_series,
        "Find the label with too many values, and have the application send fewer.",
        unit="share of the budget",
    ),
    HealthCheck(
        "versions",
        "Versions",
        versions.versions,
        "Unset DEBUG, and run PostgreSQL 15 or newer.",
    ),
)


def read_health(*, now: datetime) -> HealthReport:
    """The report at `now`. It is there within some seconds, whatever is missing: a check that fails is a warning.

    Nothing in it is a secret or about a person. It reads only, so it is safe to repeat.
    """
    started_at = time.monotonic()
    for probe in PROBES.values():
        probe.start(now=started_at)
    return HealthReport(now, tuple(line_of(check, now=now, started_at=started_at) for check in CHECKS))


def line_of(check: HealthCheck, *, now: datetime, started_at: float) -> HealthLine:
    finding = found(check, now=now, started_at=started_at)
    return HealthLine(
        name=check.name,
        title=check.title,
        status=finding.status,
        text=finding.text,
        value=finding.value,
        unit=check.unit,
        details=finding.details,
        action="" if finding.status is HealthStatus.OK else finding.action or check.action,
        names_environments=check.names_environments,
    )


def checked(check: HealthCheck, *, now: datetime) -> Finding:
    """What one check finds on its own. One that asks a probe needs it to have been started."""
    return found(check, now=now, started_at=time.monotonic())


def found(check: HealthCheck, *, now: datetime, started_at: float) -> Finding:
    """What the check finds, or that it fails: one that does must not hide the others."""
    left = started_at + REPORT_SECONDS - time.monotonic()
    if left <= 0:
        return unknown("was not looked at: the checks before it took too long")
    try:
        if not check.asks_database:
            return check.find(now)
        with bounded_statements(seconds=min(CHECK_SECONDS, left)):
            return check.find(now)
    except Exception as error:
        # The message of a driver may quote values or an address: only the class is told.
        logger.warning("The health check %s failed: %s", check.name, type(error).__name__)
        return unknown(f"could not be looked at ({type(error).__name__})")


def unknown(text: str) -> Finding:
    """Of a check that found nothing out."""
    return Finding(HealthStatus.WARNING, text, action="Mend the red lines first, and look again.")
