"""The portal's own alerts: opens, keeps and ends them by what the rules find, and tells people of each once."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction

from alerts.models import Alert, AlertSource
from alerts.reading import is_reported
from alerts.reports import AlertReport
from alerts.rules.catalogue import RULES
from alerts.rules.findings import UNTOLD_ENVIRONMENTS, AlertFinding, AlertRule
from telemetry.models import Notice
from telemetry.notices.incidents import end_incident, open_incident
from telemetry.notices.rejections import find_large_shares
from telemetry.notices.sending import send_due
from workbench.isolation import Isolated

TOPIC = "alert"
# A portal that looks at nothing any more says so by this: its alerts expire.
LIFETIME = timedelta(minutes=15)


def look(*, now: datetime) -> None:
    """Find what is wrong, write it down, and send what people were not told yet.

    Safe to repeat, and to run twice at once. A rule that fails stops neither the others nor the sending, and its
    alerts stay as they are. Raises an ExceptionGroup of what failed, afterwards.
    """
    with Isolated("not every rule could be looked at") as isolated:
        with isolated.step():
            # It tells in more detail what a rule finds too, so it goes first.
            find_large_shares(now=now)
        for rule in RULES:
            with isolated.step():
                apply(rule, now=now)
        with isolated.step():
            send_due(now=now)


def apply(rule: AlertRule, *, now: datetime) -> None:
    """Open what the rule finds, keep what it still finds, end what it finds no more."""
    result = rule.find(now)
    found = {finding.fingerprint: finding for finding in result.findings}
    known = open_alerts(rule)
    for fingerprint, finding in found.items():
        keep_or_open(finding, alert=known.get(fingerprint), now=now)
        if not is_told(finding, rule=rule, now=now):
            tell(finding, now=now)
    undecided = {finding.fingerprint: finding for finding in result.undecided}
    for fingerprint in sorted(known.keys() & undecided.keys()):
        keep_or_open(undecided[fingerprint], alert=known[fingerprint], now=now)
    for fingerprint in sorted(known.keys() - found.keys() - undecided.keys()):
        if known[fingerprint].environment not in result.unknown_environments:
            end_or_keep(known[fingerprint], kept=rule.threshold.kept, now=now)


def open_alerts(rule: AlertRule) -> Mapping[str, Alert]:
    """By fingerprint."""
    # Index: alert_open.
    alerts = Alert.objects.filter(source=AlertSource.PORTAL, ended_at=None, name=rule.threshold.name)
    return {alert.fingerprint: alert for alert in alerts}


def keep_or_open(finding: AlertFinding, *, alert: Alert | None, now: datetime) -> None:
    expires_at = now + LIFETIME
    if alert is not None:
        # Not each time: a portal at rest writes little.
        if alert.expires_at < now + LIFETIME / 2 or alert.unseen_since is not None:
            Alert.objects.filter(pk=alert.pk).update(expires_at=expires_at, unseen_since=None)
        return
    report = AlertReport(
        fingerprint=finding.fingerprint,
        labels=finding.labels,
        annotations={
            "summary": finding.summary,
            "description": finding.description,
            "runbook_url": finding.runbook_url,
        },
        started_at=now,
        ended_at=None,
        expires_at=expires_at,
    )
    try:
        # The unique key on open alerts decides between two processes.
        with transaction.atomic():
            Alert.objects.create(
                source=AlertSource.PORTAL,
                fingerprint=report.fingerprint,
                started_at=now,
                expires_at=expires_at,
                **report.columns(),
            )
    except IntegrityError:
        return


def is_told(finding: AlertFinding, *, rule: AlertRule, now: datetime) -> bool:
    """Whether nobody waits for it, or people learn of it in another way: from Alertmanager or by another incident."""
    if finding.environment in UNTOLD_ENVIRONMENTS or is_reported(finding.subject, now=now):
        return True
    others = Notice.objects.filter(topic=rule.told_as, environment=finding.environment, closed_at=None)
    return bool(rule.told_as) and others.exists()


def tell(finding: AlertFinding, *, now: datetime) -> None:
    open_incident(
        topic=TOPIC,
        subject=incident_subject(finding.labels),
        title=finding.summary,
        text=text_of(finding),
        environment=finding.environment,
        severity=finding.threshold.severity,
        now=now,
    )


def text_of(finding: AlertFinding) -> str:
    where = f" See {place_of(finding.page_url)}" if finding.page_url else ""
    return f"{finding.description}{where} What to do about it: {place_of(finding.runbook_url)}"


def place_of(path: str) -> str:
    """A link where PUBLIC_URL says which; else words."""
    return f"{settings.PUBLIC_URL.rstrip('/')}{path}" if settings.PUBLIC_URL else f"the portal's page {path}"


def incident_subject(labels: Mapping[str, str]) -> str:
    """The same for the same labels."""
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items()))


def end_or_keep(alert: Alert, *, kept: timedelta, now: datetime) -> None:
    """End what was not found for as long as it is kept: what goes to and fro is told once."""
    unseen_since = alert.unseen_since or now
    if now - unseen_since >= kept:
        end(alert, now=now)
        return
    Alert.objects.filter(pk=alert.pk).update(unseen_since=unseen_since, expires_at=now + LIFETIME)


def end(alert: Alert, *, now: datetime) -> None:
    # In this order: if the process dies in between, the alert is found open again.
    end_incident(
        topic=TOPIC,
        subject=incident_subject(alert.labels),
        title=f"Over: {alert.summary}",
        text=f"It was so from {alert.started_at:%Y-%m-%d %H:%M} to {alert.unseen_since or now:%Y-%m-%d %H:%M} UTC.",
        now=now,
    )
    Alert.objects.filter(pk=alert.pk, ended_at=None).update(ended_at=now)
