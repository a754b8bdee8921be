"""Alerts: what is wrong, or was."""

from datetime import datetime
from typing import NamedTuple

from django.db import models
from django.db.models import Q


class AlertSource(models.TextChoices):
    ALERTMANAGER = "alertmanager", "Alertmanager"
    PORTAL = "portal", "The portal"


class AlertSubject(NamedTuple):
    """What an alert is about. Alerts of two sources that are about the same at the same time are one to people."""

    name: str
    environment: str
    kpi: str


class Alert(models.Model):
    """One time that something was wrong, from `started_at` to its end.

    The fingerprint says what: it is the same whenever the same alert fires. The end is `ended_at`, which the source
    reported. Where it reports none, the alert counts as over from `expires_at` on.
    """

    source = models.CharField(max_length=16, choices=AlertSource)
    fingerprint = models.CharField(max_length=64)
    name = models.CharField(max_length=200, help_text="The label alertname")
    # As the rule says it: `page`, `ticket` or a word of its own.
    severity = models.CharField(max_length=32, blank=True)
    environment = models.CharField(max_length=64, blank=True, help_text="Empty: of none alone")
    kpi = models.CharField(max_length=64, blank=True, help_text="The KPI that it is about; empty: none")
    labels = models.JSONField(default=dict)
    summary = models.CharField(max_length=300, blank=True)
    description = models.TextField(blank=True)
    runbook_url = models.CharField(max_length=500, blank=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    # Of the portal's own: its rule does not find it any more, and it is kept for a while.
    unseen_since = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="alert_unique", fields=["source", "fingerprint", "started_at"]),
            # Of two processes that find the same, one opens the portal's own alert.
            models.UniqueConstraint(
                name="alert_open_of_portal",
                fields=["fingerprint"],
                condition=Q(source=AlertSource.PORTAL, ended_at__isnull=True),
            ),
        ]
        indexes = [
            # What fires. Small, however many alerts were.
            models.Index(name="alert_open", fields=["expires_at"], condition=Q(ended_at__isnull=True)),
            # The newest first, and the marks on charts.
            models.Index(name="alert_started", fields=["started_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.name} from {self.started_at:%Y-%m-%d %H:%M:%S}"

    @property
    def subject(self) -> AlertSubject:
        return AlertSubject(name=self.name, environment=self.environment, kpi=self.kpi)

    def end_at(self, moment: datetime) -> datetime | None:
        """When it ended, as known at the moment; None while it fires."""
        if self.ended_at is not None:
            return self.ended_at
        return self.expires_at if self.expires_at <= moment else None
