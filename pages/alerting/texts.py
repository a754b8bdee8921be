"""Alerts as texts: what fires, how bad it is, since when, and what to do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.translation import gettext as _

from alerts.models import Alert, AlertSource
from alerts.severity import rank_of
from kpis.formatting import duration_text, moment_text, words_of
from kpis.registry import REGISTRY
from pages.verdicts import Badge
from web.languages import lazy_text

# By alerts.severity.rank_of. Their icons differ, as those of verdicts do.
TONES = ("none", "few", "bad")
SHOWN_IN_STRIP = 3
# Within a sentence.
SOURCES = {AlertSource.ALERTMANAGER: "Alertmanager", AlertSource.PORTAL: lazy_text("the portal")}


@dataclass(frozen=True, kw_only=True)
class AlertText:
    """`lasted` is how long it fires or fired; `until` is "" while it fires.

    `is_unresolved` says that it is taken for over because nobody reported it again.
    """

    title: str
    name: str
    badge: Badge
    description: str
    environment: str
    kpi_title: str
    kpi_url: str
    since: str
    since_iso: str
    until: str
    lasted: str
    is_unresolved: bool
    runbook_url: str
    source: str

    @classmethod
    def from_alert(cls, alert: Alert, *, zone: ZoneInfo, now: datetime) -> Self:
        end = alert.end_at(now)
        kpi = REGISTRY.get(alert.kpi)
        return cls(
            title=alert.summary or alert.name,
            name=alert.name,
            badge=badge_of(alert.severity),
            description=alert.description,
            environment=alert.environment,
            kpi_title=_(kpi.title) if kpi else "",
            kpi_url=kpi_url(alert) if kpi else "",
            since=moment_text(alert.started_at, zone=zone),
            since_iso=alert.started_at.isoformat(),
            until=moment_text(end, zone=zone) if end else "",
            lasted=duration_text(max(0.0, ((end or now) - alert.started_at).total_seconds())),
            is_unresolved=end is not None and alert.ended_at is None,
            runbook_url=alert.runbook_url,
            source=SOURCES[AlertSource(alert.source)],
        )

    @property
    def times(self) -> str:
        """From when until when, and how long that is."""
        if self.until:
            return f"{self.since} \N{EN DASH} {self.until} ({self.lasted})"
        return _("since %(since)s (%(lasted)s)") % {"since": self.since, "lasted": self.lasted}


def badge_of(severity: str) -> Badge:
    label = words_of(severity) or _("No severity")
    return Badge(
        tone=TONES[rank_of(severity)], label=label, hint=_("Severity: %(severity)s") % {"severity": label}
    )


def kpi_url(alert: Alert) -> str:
    query = f"?environment={alert.environment}" if alert.environment else ""
    return reverse("kpi", args=[alert.kpi]) + query


def alert_texts(alerts: Iterable[Alert], *, zone: ZoneInfo, now: datetime) -> list[AlertText]:
    return [AlertText.from_alert(alert, zone=zone, now=now) for alert in alerts]


@dataclass(frozen=True, kw_only=True)
class AlertStrip:
    """What a page says of the alerts that fire: the first ones, how many more there are, and where all of them are."""

    shown: Sequence[AlertText]
    left_out: int
    url: str

    @classmethod
    def from_alerts(cls, alerts: Sequence[Alert], *, environment: str, zone: ZoneInfo, now: datetime) -> Self:
        return cls(
            shown=alert_texts(alerts[:SHOWN_IN_STRIP], zone=zone, now=now),
            left_out=max(0, len(alerts) - SHOWN_IN_STRIP),
            url=f"{reverse('alerts')}?environment={environment}",
        )
