"""Raw events and everything else that the door writes, and what the fold counts of it."""

from datetime import datetime
from enum import StrEnum
from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Environment(models.Model):
    """A place that events come from (`production`, `staging`, `demo`). It is created with its first key."""

    name = models.CharField(max_length=64, primary_key=True)
    created_at = models.DateTimeField(db_default=Now())
    # Raw events before this moment are gone: a rebuild refuses to compute what lies before it. NULL: none are gone.
    raw_kept_from = models.DateTimeField(null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return self.name

    @classmethod
    def names(cls) -> list[str]:
        """The names of all environments, in alphabetical order."""
        return list(cls.objects.order_by("name").values_list("name", flat=True))


class Scope(models.TextChoices):
    INGEST = "ingest", "Ingest: post events"
    READ = "read", "Read: KPIs and runs"
    METRICS = "metrics", "Metrics: scrape"


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


class ArrivalQuerySet(models.QuerySet["Arrival"]):
    def pending(self) -> Self:
        """The fold's queue: the posts that it has not taken yet."""
        return self.filter(taken_at__isnull=True)


class Arrival(models.Model):
    """One post, with what became of its events. The rows that are not taken yet are the fold's queue.

    A row commits with its events, so a reader of the row sees the events too. `rejected` counts events by the code
    of their first error: {"missing_property": 2}.
    """

    key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="+")
    environment = models.CharField(max_length=64)
    source = models.CharField(max_length=64)
    received_at = models.DateTimeField()
    accepted = models.PositiveIntegerField()
    duplicates = models.PositiveIntegerField()
    rejected = models.JSONField(default=dict)
    # The days of its accepted events (RawEvent.day), both included: the fold reads only these partitions.
    first_day = models.DateField(null=True)
    last_day = models.DateField(null=True)
    taken_at = models.DateTimeField(null=True)

    objects = ArrivalQuerySet.as_manager()

    class Meta:
        indexes = [
            # The queue: what the fold has not taken yet. Small, however long the table grows.
            models.Index(name="arrival_pending", fields=["id"], condition=Q(taken_at__isnull=True)),
            # A key's newest posts.
            models.Index(name="arrival_by_key", fields=["key", "-id"]),
        ]

    def __str__(self) -> str:
        return f"arrival {self.pk} of {self.environment}/{self.source}"


class RawEvent(models.Model):
    """An accepted event as it was stored: validated, redacted, never changed afterwards.

    On PostgreSQL the table is partitioned by `day` and the key is (day, event_key); `event_key` hashes
    environment, source, UTC day as sent and id, so it is globally unique by itself.

    `day` can differ from the day of `occurred_at` where the portal corrected a client's clock. It is at most two
    days earlier, but may be weeks later.
    """

    event_key = models.UUIDField(primary_key=True)
    day = models.DateField(help_text="UTC day of the timestamp as sent, if that is near")
    arrival_id = models.BigIntegerField()
    environment = models.CharField(max_length=64)
    source = models.CharField(max_length=64)
    event = models.CharField(max_length=64)
    event_id = models.CharField(max_length=100, help_text="The client's id; empty when it sent none")
    session_id = models.CharField(max_length=128)
    occurred_at = models.DateTimeField(help_text="The event's own timestamp")
    properties = models.JSONField()

    class Meta:
        indexes = [
            # The fold reads the events of the arrivals it took.
            models.Index(name="raw_event_arrival", fields=["arrival_id"]),
        ]

    def __str__(self) -> str:
        return f"{self.event} at {self.occurred_at:%Y-%m-%d %H:%M:%S}"


class QuarantinedEvent(models.Model):
    """A rejected event, redacted, with every error it had: [{"code", "field", "message"}, …]."""

    arrival_id = models.BigIntegerField()
    environment = models.CharField(max_length=64)
    source = models.CharField(max_length=64)
    received_at = models.DateTimeField()
    position = models.PositiveIntegerField(help_text="Index in its batch")
    event = models.CharField(max_length=64)
    event_id = models.CharField(max_length=100)
    code = models.CharField(max_length=32, help_text="Code of the first error")
    errors = models.JSONField()
    payload = models.JSONField()

    class Meta:
        indexes = [
            models.Index(name="quarantine_arrival", fields=["arrival_id"]),
            # The admin's filters, newest first.
            models.Index(name="quarantine_environment", fields=["environment", "code", "-id"]),
        ]

    def __str__(self) -> str:
        return f"{self.event}: {self.code}"


class LedgerHour(models.Model):
    """What a key sent in a UTC hour, by outcome: accepted, duplicate or rejected (reason: the code)."""

    key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="+")
    environment = models.CharField(max_length=64)
    hour = models.DateTimeField(help_text="Start of the hour of received_at")
    outcome = models.CharField(max_length=16)
    reason = models.CharField(max_length=32)
    events = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="ledger_hour_unique", fields=["key", "hour", "outcome", "reason", "environment"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}h {self.outcome} {self.reason}: {self.events}"


class BridgeCounter(models.Model):
    """A cumulative counter of the metric bridge. It never falls, also when retention or erasure remove events.

    `labels` are the family's label values in its order, as a JSON list. `bin` is empty for a counter; for a
    histogram it is a bucket's upper bound, "+Inf", or "sum". `value` is a whole number in the smallest unit
    (events, microseconds, micro-dollars), so that no order of additions can change it.
    """

    family = models.CharField(max_length=64)
    environment = models.CharField(max_length=64)
    labels = models.CharField(max_length=1000)
    bin = models.CharField(max_length=16)
    value = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="bridge_counter_unique", fields=["family", "environment", "labels", "bin"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.family}{self.labels}{self.bin} {self.value}"
