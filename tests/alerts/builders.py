"""Messages of Alertmanager, and alerts, with defaults."""

from datetime import datetime, timedelta
from typing import Any

from alerts.models import Alert
from tests.builders import NOW

NEVER = "0001-01-01T00:00:00Z"
HOUR = timedelta(hours=1)


def posted(
    number: int = 1, *, start: datetime = NOW, end: datetime | None = None, **more: Any
) -> dict[str, Any]:
    """An alert as Alertmanager writes it; with an end it is resolved."""
    labels = {
        "alertname": "KpiOffTarget",
        "severity": "ticket",
        "environment": "production",
        "kpi": "approval-rate",
    }
    return {
        "status": "resolved" if end else "firing",
        "labels": labels | more.pop("labels", {}),
        "annotations": {
            "summary": "Approvals are off target",
            "description": "40 % over 7 days; the target is 80 %.",
            "runbook_url": "https://runbooks.example.com/kpis#off-target",
        },
        "startsAt": start.isoformat(),
        "endsAt": end.isoformat() if end else NEVER,
        "generatorURL": "http://prometheus:9090/graph",
        "fingerprint": f"{number:016x}",
        **more,
    }


def message(*alerts: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A whole message, as the webhook of Alertmanager 0.25 posts it."""
    return {
        "version": "4",
        "groupKey": '{}:{alertname="KpiOffTarget"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "portal",
        "groupLabels": {"alertname": "KpiOffTarget"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
        "alerts": list(alerts),
        **more,
    }


def make_alert(number: int = 1, **fields: Any) -> Alert:
    """An alert that fires since NOW."""
    defaults = {
        "source": "alertmanager",
        "fingerprint": f"{number:016x}",
        "name": "KpiOffTarget",
        "severity": "ticket",
        "environment": "production",
        "kpi": "approval-rate",
        "summary": "Approvals are off target",
        "runbook_url": "https://runbooks.example.com/kpis#off-target",
        "started_at": NOW,
        "expires_at": NOW + 25 * HOUR,
    }
    return Alert.objects.create(**defaults | fields)
