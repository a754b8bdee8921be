"""Incidents that people are told of, and by which way out."""

from datetime import datetime

from django.db import models
from django.db.models import F, Q


class NoticeSeverity(models.TextChoices):
    """How bad an incident is, from the least on."""

    TICKET = "ticket", "Ticket: look at it today"
    PAGE = "page", "Page: act now"


class NoticeChannel(models.TextChoices):
    MAIL = "mail", "Mail"
    CHAT = "chat", "Chat"


class Notice(models.Model):
    """Something that people were told, or are to be told, by mail and chat: once an incident.

    An incident is a topic with a subject, from `opened_at` to `closed_at`; while it is open it is not told again.
    The texts hold names and numbers, never payloads or personal data. telemetry.notices opens and sends them.
    """

    topic = models.CharField(max_length=32)
    subject = models.CharField(max_length=300, help_text="What the incident is about, the same each time")
    environment = models.CharField(
        max_length=64, blank=True, db_default="", default="", help_text="Empty: of none alone"
    )
    severity = models.CharField(
        max_length=16,
        choices=NoticeSeverity,
        db_default=NoticeSeverity.TICKET,
        default=NoticeSeverity.TICKET,
    )
    title = models.CharField(max_length=300)
    text = models.TextField()
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True)
    posted_at = models.DateTimeField(null=True, help_text="To the chat")
    # All that is to be told was told, or was given up.
    done_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    fault = models.CharField(
        max_length=200, db_default="", default="", help_text="Why the last attempt failed"
    )

    # The incident that this one says the end of. NULL: it says a beginning.
    ends = models.OneToOneField("self", null=True, on_delete=models.CASCADE, related_name="ending")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="notice_open", fields=["topic", "subject"], condition=Q(closed_at__isnull=True)
            ),
        ]
        indexes = [
            # What is to be sent. Small, however many were.
            models.Index(name="notice_due", fields=["next_attempt_at"], condition=Q(done_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return self.title


class NoticeRoute(models.Model):
    """Whether a channel takes the notices of an environment and a severity, and when it keeps quiet.

    Without a route a channel takes everything at once. The most specific route counts: one with an environment beats
    one without, then one with a severity beats one without. Quiet hours are times of the reporting zone, from
    `quiet_from` to `quiet_until`, which no longer belongs to them. They may go over midnight.
    """

    channel = models.CharField(max_length=8, choices=NoticeChannel)
    environment = models.CharField(
        max_length=64, blank=True, default="", help_text="Empty: every environment"
    )
    severity = models.CharField(
        max_length=16, choices=NoticeSeverity, blank=True, default="", help_text="Empty: both"
    )
    is_told = models.BooleanField("told", default=True, help_text="Off: the channel gets none of these")
    quiet_from = models.TimeField(
        null=True, blank=True, help_text="Notices wait from here on. Empty: no quiet hours"
    )
    quiet_until = models.TimeField(null=True, blank=True, help_text="They are sent from here on")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="notice_route_unique", fields=["channel", "environment", "severity"]
            ),
            models.CheckConstraint(
                name="notice_route_quiet_from_and_until",
                condition=Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | (Q(quiet_from__isnull=False, quiet_until__isnull=False) & ~Q(quiet_from=F("quiet_until"))),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} of {self.environment or 'every environment'}, {self.severity or 'every severity'}"

    def applies_to(self, *, channel: str, environment: str, severity: str) -> bool:
        return (
            self.channel == channel
            and self.environment in {"", environment}
            and self.severity in {"", severity}
        )

    def is_quiet_at(self, local: datetime) -> bool:
        """`local` is a moment in the reporting zone."""
        if self.quiet_from is None or self.quiet_until is None:
            return False
        time = local.time()
        if self.quiet_from < self.quiet_until:
            return self.quiet_from <= time < self.quiet_until
        return time >= self.quiet_from or time < self.quiet_until
