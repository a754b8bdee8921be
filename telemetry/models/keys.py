"""The environments that events come from, and the keys that let them in."""

from datetime import datetime
from enum import StrEnum

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Environment(models.Model):
    """A place that events come from (`production`, `staging`, `demo`). It is created with its first key."""

    name = models.CharField(max_length=64, primary_key=True)
    created_at = models.DateTimeField(db_default=Now())
    # Raw events before this moment are gone: a rebuild refuses to compute what lies before it. NULL: none are gone.
    raw_kept_from = models.DateTimeField(null=True, blank=True, editable=False)
    # The same for sessions, drafts, runs and approvals: no bucket before it is ever computed again.
    things_kept_from = models.DateTimeField(null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return self.name

    @classmethod
    def names(cls) -> list[str]:
        """The names of all environments, in alphabetical order."""
        return list(cls.objects.order_by("name").values_list("name", flat=True))

    @classmethod
    def things_kept(cls) -> dict[str, datetime]:
        """The `things_kept_from` of each environment that has one."""
        pruned = cls.objects.exclude(things_kept_from=None)
        return {name: moment for name, moment in pruned.values_list("name", "things_kept_from") if moment}


class Scope(models.TextChoices):
    INGEST = "ingest", "Ingest: post events"
    READ = "read", "Read: KPIs and runs"
    METRICS = "metrics", "Metrics: scrape"
    ADMIN = "admin", "Admin: erase and export subjects"
    ALERTS = "alerts", "Alerts: report what is firing"
    ANNOTATE = "annotate", "Annotate: note releases on charts"


class KeyState(StrEnum):
    IN_FORCE = "in force"
    EXPIRED = "expired"
    REVOKED = "revoked"


class ApiKey(models.Model):
    """A key of one scope. Only its SHA-256 is stored. People recognise it by its prefix."""

    prefix = models.CharField(max_length=16)
    digest = models.CharField(max_length=64, unique=True)
    scope = models.CharField(max_length=16, choices=Scope)
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="+")
    source = models.CharField(max_length=64)
    requests_per_minute = models.PositiveIntegerField(help_text="Posts above this rate are answered 429.")
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    # Names and patterns of events (`workbench.*`) that the key may send. Empty: all of the plan.
    allowed_events = models.JSONField(default=list, blank=True)
    notes = models.TextField(db_default="", default="", blank=True, max_length=2000)
    # The key that was made to take this one's place.
    successor = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="predecessor", editable=False
    )
    # The last is at most a minute behind; telemetry.key_use writes both, never a post.
    first_used_at = models.DateTimeField(null=True, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = "API key"
        constraints = [
            models.CheckConstraint(name="api_key_scope_known", condition=Q(scope__in=Scope.values)),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.scope}, {self.environment_id}/{self.source})"

    def state_at(self, moment: datetime) -> KeyState:
        """Whether the key works at that moment. A key that is revoked and expired is revoked."""
        if self.revoked_at is not None and self.revoked_at <= moment:
            return KeyState.REVOKED
        if self.expires_at is not None and self.expires_at <= moment:
            return KeyState.EXPIRED
        return KeyState.IN_FORCE
