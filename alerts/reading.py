"""What fires, what fired lately, and when alerts on a KPI fired. A person sees those of their environments."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from alerts.models import Alert, AlertSource, AlertSubject
from alerts.severity import rank_of

RECENT = timedelta(days=14)
MOST_SHOWN = 200

# The names of the environments that a person may see; None: all of them.
Limit = frozenset[str] | None


def firing(*, now: datetime, limit: Limit, environment: str = "", kpi: str = "") -> list[Alert]:
    """The alerts that fire, the worst first and then the oldest.

    With an environment those of it and of none alone; with a KPI those on it. What Alertmanager and the portal both
    found is there once.
    """
    # Index: alert_open.
    alerts = of_place(environment, kpi=kpi, limit=limit).filter(ended_at=None, expires_at__gt=now)
    oldest_first = alerts.order_by("started_at", "pk")[:MOST_SHOWN]
    return sorted(once(oldest_first), key=lambda alert: -rank_of(alert.severity))


def is_reported(subject: AlertSubject, *, now: datetime) -> bool:
    """Whether Alertmanager says that this fires."""
    alerts = Alert.objects.filter(source=AlertSource.ALERTMANAGER, ended_at=None, expires_at__gt=now)
    return alerts.filter(**subject._asdict()).exists()


def recent(*, now: datetime, limit: Limit, environment: str = "") -> list[Alert]:
    """The alerts that ended within the last 14 days, the latest end first; 200 at most."""
    ended = Q(ended_at__gt=now - RECENT) | Q(ended_at=None, expires_at__gt=now - RECENT, expires_at__lte=now)
    alerts = of_place(environment, kpi="", limit=limit).filter(ended)
    newest = once(alerts.order_by("-started_at", "-pk")[:MOST_SHOWN])
    return sorted(newest, key=lambda alert: alert.end_at(now) or now, reverse=True)


def fired_within(*, start: datetime, end: datetime, environment: str, kpi: str, limit: Limit) -> list[Alert]:
    """The alerts on a KPI that fired at some time from `start` to `end` (exclusive), the oldest first; 200 at most."""
    # Index: alert_started.
    alerts = of_place(environment, kpi=kpi, limit=limit).filter(started_at__lt=end)
    overlapping = alerts.filter(Q(ended_at__gt=start) | Q(ended_at=None, expires_at__gt=start))
    newest = overlapping.order_by("-started_at", "-pk")[:MOST_SHOWN]
    return sorted(once(newest), key=lambda alert: alert.started_at)


def of_place(environment: str, *, kpi: str, limit: Limit) -> QuerySet[Alert]:
    """Those of the environment ("": of all) and KPI ("": of any) that the person may see.

    One without an environment may name some in its texts, so people with a limit are not shown it.
    """
    alerts = Alert.objects.all()
    if environment:
        alerts = alerts.filter(environment__in=["", environment])
    if limit is not None:
        alerts = alerts.filter(environment__in=limit - {""})
    return alerts.filter(kpi=kpi) if kpi else alerts


def once(alerts: Iterable[Alert]) -> list[Alert]:
    """The alerts in their order, without those of the portal that Alertmanager reports too.

    Both are about the same where their subjects are equal and the times overlap.
    """
    listed = list(alerts)
    reported = [alert for alert in listed if alert.source == AlertSource.ALERTMANAGER]
    return [
        alert
        for alert in listed
        if alert.source != AlertSource.PORTAL or not any(is_same(alert, other) for other in reported)
    ]


def is_same(alert: Alert, other: Alert) -> bool:
    return alert.subject == other.subject and (
        alert.started_at < (other.ended_at or other.expires_at)
        and other.started_at < (alert.ended_at or alert.expires_at)
    )
