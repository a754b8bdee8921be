"""Who gets which digest, and what was sent."""

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q


class DigestFrequency(models.TextChoices):
    DAILY = "daily", "Every day"
    WEEKLY = "weekly", "Every week"


class DigestChannel(models.TextChoices):
    MAIL = "mail", "Mail"
    CHAT = "chat", "Slack"


class DigestState(models.TextChoices):
    """PENDING is sent, or tried again. Once a digest may have left the portal, it is never PENDING again."""

    PENDING = "pending", "Waits"
    HANDING_OVER = "handing_over", "Is being handed over"
    SENT = "sent", "Sent"
    UNSURE = "unsure", "May have arrived"
    FAILED = "failed", "Not sent"


class DigestSubscription(models.Model):
    """A person's digest: when it is due in their own time zone, and what is in it."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="digest_subscription"
    )
    is_active = models.BooleanField(default=True)
    frequency = models.CharField(max_length=8, choices=DigestFrequency, default=DigestFrequency.WEEKLY)
    # Monday is 0. Only a weekly digest has one.
    weekday = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(6)])
    hour = models.PositiveSmallIntegerField(default=8, validators=[MaxValueValidator(23)])
    time_zone = models.CharField(max_length=64, help_text="A name like Europe/Berlin")
    language = models.CharField(
        max_length=8,
        choices=settings.LANGUAGES,
        default=settings.LANGUAGE_CODE,
        db_default=settings.LANGUAGE_CODE,
        help_text="That of its letters",
    )
    # Names. An empty list: every environment that the person may see when it is sent.
    environments = models.JSONField(default=list, blank=True)
    # Slugs. An empty list: every KPI.
    kpis = models.JSONField(default=list, blank=True)
    by_mail = models.BooleanField(default=True)
    # The address of a webhook, encrypted: whoever knows it can post to the chat.
    webhook = models.TextField(blank=True, default="", editable=False)
    origin = models.CharField(
        max_length=255, blank=True, default="", help_text="Where links lead while PUBLIC_URL is not set"
    )
    # NULL while it is not active.
    next_due_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="digest_subscription_moment", condition=Q(weekday__lte=6, hour__lte=23)
            ),
            models.CheckConstraint(
                name="digest_subscription_due", condition=Q(is_active=True) | Q(next_due_at__isnull=True)
            ),
        ]
        indexes = [
            # What is due. The task asks every minute.
            models.Index(
                name="digest_subscription_next",
                fields=["next_due_at"],
                condition=Q(next_due_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_frequency_display()} to {self.user}"


class DigestSending(models.Model):
    """A digest of a person, by one channel, for one occasion: `weekly 2026-03-16`, or `asked 2026-03-16T09:30`."""

    subscription = models.ForeignKey(DigestSubscription, on_delete=models.CASCADE, related_name="sendings")
    channel = models.CharField(max_length=8, choices=DigestChannel)
    # What makes it one: neither a second process nor changed settings send the same days again.
    occasion = models.CharField(max_length=32)
    frequency = models.CharField(max_length=8, choices=DigestFrequency)
    # Midnights of the person's time zone; the end is excluded.
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    time_zone = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=DigestState, default=DigestState.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    # While an attempt is made: when its process counts as gone.
    next_attempt_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    fault = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="digest_sending_unique", fields=["subscription", "channel", "occasion"]
            ),
            models.CheckConstraint(
                name="digest_sending_period", condition=Q(period_end__gt=models.F("period_start"))
            ),
        ]
        indexes = [
            # What is to be sent. Small, however many were.
            models.Index(
                name="digest_sending_due", fields=["next_attempt_at"], condition=Q(ended_at__isnull=True)
            ),
            # What is old enough to be forgotten.
            models.Index(name="digest_sending_created", fields=["created_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.occasion} by {self.channel}"

    @property
    def is_asked_for(self) -> bool:
        return self.occasion.startswith("asked ")
