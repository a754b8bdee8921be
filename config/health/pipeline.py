"""Checks of the way from a post to a KPI: what waits, how late KPIs are, and whether clocks agree."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from config.health.findings import Finding, HealthStatus, counted, seconds_text, status_above, worst
from kpis.models import Freshness
from metrics.families.portal import queue_gauges
from metrics.families.stored import Exposed
from telemetry.models import Arrival

# Beside three intervals between rollups.
LATE_SECONDS = 60
VERY_LATE_SECONDS = 600
# Clocks of machines differ by less than this where they are kept at all.
CLOCK_STEP = timedelta(seconds=5)
WRONG_CLOCK = timedelta(minutes=5)


def values_of(families: Iterable[Exposed], *, name: str) -> dict[str, float]:
    """The samples of one of the families, by its only label."""
    return {
        next(iter(sample.labels.values())): sample.value
        for family in families
        if family.name == name
        for sample in family.samples
    }


def lateness(seconds: float) -> HealthStatus:
    usual = 3 * settings.ROLLUP_INTERVAL_SECONDS
    return status_above(seconds, warning=usual + LATE_SECONDS, critical=usual + VERY_LATE_SECONDS)


def pending_arrivals(now: datetime) -> Finding:
    """Posts that were not folded yet, judged by how long the oldest waits."""
    pending = values_of(queue_gauges(now=now), name="portal_arrivals_pending")
    waiting = int(sum(pending.values()))
    oldest = Arrival.objects.pending().order_by("pk").values_list("received_at", flat=True).first()
    if oldest is None:
        return Finding(HealthStatus.OK, "none waits", value=0)
    age = max(0.0, (now - oldest).total_seconds())
    text = f"{counted(waiting, 'post')} {'waits' if waiting == 1 else 'wait'}, the oldest for {seconds_text(age)}"
    return Finding(lateness(age), text, value=waiting, details=largest(pending, unit="posts"))


def largest(values: dict[str, float], *, unit: str) -> tuple[tuple[str, str], ...]:
    """Those that are not 0, the largest first."""
    ordered = sorted(values.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple((name, f"{value:,.0f} {unit}") for name, value in ordered if value)


def rollup_lag(now: datetime) -> Finding:
    """How far the KPIs of each environment are behind; the worst decides."""
    lags = values_of(queue_gauges(now=now), name="portal_rollup_lag_seconds")
    if not lags:
        return Finding(HealthStatus.OK, "no environment has KPIs yet")
    name, lag = max(lags.items(), key=lambda pair: pair[1])
    ordered = sorted(lags.items(), key=lambda pair: (-pair[1], pair[0]))
    details = tuple((environment, seconds_text(seconds)) for environment, seconds in ordered)
    return Finding(
        lateness(lag), f"{name} is {seconds_text(lag)} behind", value=round(lag, 3), details=details
    )


def clocks(now: datetime) -> Finding:
    """Whether this machine's clock agrees with the database's, and no KPI is computed until a future moment."""
    ahead = {
        environment: (until - now).total_seconds()
        for environment, until in Freshness.objects.filter(computed_until__gt=now + CLOCK_STEP)
        .order_by("environment")
        .values_list("environment", "computed_until")
        if until is not None
    }
    apart = abs((database_time(now) - now).total_seconds())
    status = worst(
        HealthStatus.WARNING if ahead else HealthStatus.OK,
        status_above(apart, warning=CLOCK_STEP.total_seconds(), critical=WRONG_CLOCK.total_seconds()),
    )
    details = tuple((name, f"computed until {seconds_text(by)} from now") for name, by in ahead.items())
    return Finding(status, clocks_text(apart, is_ahead=bool(ahead)), value=round(apart, 3), details=details)


def clocks_text(apart: float, *, is_ahead: bool) -> str:
    if apart >= CLOCK_STEP.total_seconds():
        return f"this machine and the database differ by {seconds_text(apart)}"
    return "KPIs are computed until a moment in the future" if is_ahead else "they agree"


def database_time(now: datetime) -> datetime:
    """The clock of the database's machine; SQLite has that of this one."""
    if connection.vendor != "postgresql":
        return now
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment
