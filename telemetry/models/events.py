"""What the door writes: posts and their accepted events."""

from typing import Self

from django.db import models
from django.db.models import Q

from telemetry.models.keys import ApiKey


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
    # The same by code and event name: [["missing_property", "workbench.draft_created", 2]]. NULL: none.
    rejected_kinds = models.JSONField(null=True)
    client = models.CharField(
        max_length=64, db_default="", default="", help_text="What sent it: name/version"
    )
    # Of the request's span, if it was traced: the fold's span links to it. NULL: it was not.
    traceparent = models.CharField(max_length=55, null=True)  # noqa: DJ001
    # The days of its accepted events (RawEvent.day), both included: the fold reads only these partitions.
    first_day = models.DateField(null=True)
    last_day = models.DateField(null=True)
    taken_at = models.DateTimeField(null=True)
    is_replay = models.BooleanField(
        db_default=False, default=False, help_text="Its events were rejected when they first came"
    )

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
        # Migrations make more: raw_event_day on SQLite, and two that leave most events out, see
        # workbench/raw_events.py: raw_event_session and raw_event_counted.

    def __str__(self) -> str:
        return f"{self.event} at {self.occurred_at:%Y-%m-%d %H:%M:%S}"
