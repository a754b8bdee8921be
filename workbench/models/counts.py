"""What the fold counted, and what the rollup has to compute."""

from django.db import models


class ChangeCause(models.TextChoices):
    """Why a bucket has to be computed anew. Figures that were shown before may change with it."""

    LATE_EVENTS = "late_events", "late events"
    REPLAY = "replay", "a replay of rejected events"
    ERASURE = "erasure", "an erasure"
    ENTERED_COUNT = "entered_count", "counts entered by hand"
    REBUILD = "rebuild", "a rebuild"
    DEFINITION = "definition", "a new definition of the KPI"


class EventCount(models.Model):
    """Accepted events of one name in a base bucket; `variant` is the event's `source` property, if any."""

    environment = models.CharField(max_length=64)
    bucket_start = models.DateTimeField()
    event = models.CharField(max_length=64)
    variant = models.CharField(max_length=32)
    events = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="event_count_unique", fields=["bucket_start", "event", "variant", "environment"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.bucket_start:%Y-%m-%d %H:%M}: {self.events}"


class TouchedBucket(models.Model):
    """A base bucket whose things changed. Rows are only added, so that two folds never wait for each other.

    A row commits with the change that it stands for. The rollup deletes the rows that it read, and computes the
    buckets.
    """

    environment = models.CharField(max_length=64)
    bucket_start = models.DateTimeField()
    # A release that notes no cause writes no other value.
    cause = models.CharField(
        max_length=16,
        choices=ChangeCause,
        default=ChangeCause.LATE_EVENTS,
        db_default=ChangeCause.LATE_EVENTS,
    )

    class Meta:
        indexes = [
            models.Index(name="touched_bucket_environment", fields=["bucket_start", "environment"]),
        ]

    def __str__(self) -> str:
        return f"{self.environment} {self.bucket_start:%Y-%m-%d %H:%M}"
