"""What the door rejects, how it is summed up, and work on it."""

from django.db import models
from django.db.models import Q

from telemetry.models.keys import ApiKey


class QuarantinedEvent(models.Model):
    """A rejected event, redacted, with every error it had: [{"code", "field", "message"}, …]."""

    arrival_id = models.BigIntegerField()
    # NULL: its post was gone when this column came.
    key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="+", null=True, db_index=False)
    environment = models.CharField(max_length=64)
    source = models.CharField(max_length=64)
    received_at = models.DateTimeField()
    position = models.PositiveIntegerField(help_text="Index in its batch")
    event = models.CharField(max_length=64)
    event_id = models.CharField(max_length=100)
    code = models.CharField(max_length=32, help_text="Code of the first error")
    errors = models.JSONField()
    payload = models.JSONField()
    client = models.CharField(
        max_length=64, db_default="", default="", help_text="What sent it: name/version"
    )
    # Whether the payload is the event itself: no value was left out or replaced by its length.
    is_whole = models.BooleanField(db_default=False, default=False)
    # What its event key needs beside the event (see telemetry.intake.event_keys.delivery_of). NULL: nothing.
    delivery = models.JSONField(null=True)
    replayed_at = models.DateTimeField(null=True)
    outcome = models.CharField(
        max_length=16,
        db_default="",
        default="",
        help_text="What the replay made of it: accepted or duplicate",
    )

    class Meta:
        indexes = [
            models.Index(name="quarantine_arrival", fields=["arrival_id"]),
            # The rows of a group that wait for a decision, oldest first.
            models.Index(
                name="quarantine_waiting",
                fields=["environment", "code", "event", "source", "client", "id"],
                condition=Q(replayed_at__isnull=True),
            ),
            # The admin's filters, newest first.
            models.Index(name="quarantine_environment", fields=["environment", "code", "-id"]),
            # The newest rejected events of a name, and the neighbours of one.
            models.Index(name="quarantine_event", fields=["event", "environment", "-id"]),
            # A key's newest rejected events, of all names and of one: however many good ones came after them.
            models.Index(name="quarantine_by_key", fields=["key", "-received_at", "-arrival_id", "position"]),
            models.Index(
                name="quarantine_by_key_and_event",
                fields=["key", "event", "-received_at", "-arrival_id", "position"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event}: {self.code}"


class RejectionGroup(models.Model):
    """Rejected events of one code, event, source and client, since the first one. The fold adds to it.

    `events` counts what was rejected, also where the quarantine kept no row, and never falls. Past a source's
    budget of groups the event is "…" (see telemetry.counters.rejections).
    """

    environment = models.CharField(max_length=64)
    source = models.CharField(max_length=64)
    code = models.CharField(max_length=32)
    event = models.CharField(max_length=64)
    client = models.CharField(max_length=64)
    events = models.BigIntegerField()
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    class Meta:
        verbose_name = "group of rejections"
        verbose_name_plural = "rejections"
        constraints = [
            models.UniqueConstraint(
                name="rejection_group_unique", fields=["environment", "source", "code", "event", "client"]
            ),
        ]
        indexes = [
            # The admin's list, newest first.
            models.Index(name="rejection_group_seen", fields=["-last_seen_at", "-id"]),
        ]

    def __str__(self) -> str:
        return f"{self.event or 'no name'}: {self.code}, from {self.environment}/{self.source} {self.client}".strip()


class RejectionHour(models.Model):
    """Rejected events of one code, event and source in a UTC hour of receipt. Kept for 31 days, for notices."""

    environment = models.CharField(max_length=64)
    source = models.CharField(max_length=64)
    code = models.CharField(max_length=32)
    event = models.CharField(max_length=64)
    hour = models.DateTimeField(help_text="Start of the hour of received_at")
    events = models.BigIntegerField()

    class Meta:
        verbose_name = "hour of rejections"
        verbose_name_plural = "rejections by hour"
        constraints = [
            # It begins with the hour: notices ask for the last ones.
            models.UniqueConstraint(
                name="rejection_hour_unique", fields=["hour", "environment", "source", "code", "event"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}h {self.event} {self.code}: {self.events}"


class QuarantineWork(models.TextChoices):
    REPLAY = "replay", "Replay"
    DELETE = "delete", "Delete"


class QuarantineJob(models.Model):
    """A replay or a removal of quarantined events, done in steps by telemetry.lifecycle.quarantine_jobs.

    `selection` says which events: {"ids": […]}, or columns that they have in common ({"environment", "code", …}).
    It is of the events up to `last_id`: those that come in meanwhile are not part of it. `done_id` is the last one
    that was looked at.
    """

    work = models.CharField(max_length=16, choices=QuarantineWork)
    selection = models.JSONField()
    requested_by = models.CharField(max_length=150, help_text="The name of the account, or of the command")
    created_at = models.DateTimeField()
    last_id = models.BigIntegerField()
    expected = models.BigIntegerField(default=0, help_text="Events of the selection; counted up to a million")
    done_id = models.BigIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)
    examined = models.BigIntegerField(default=0)
    accepted = models.BigIntegerField(default=0)
    duplicates = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    not_kept = models.BigIntegerField(
        default=0, help_text="Events that can't be replayed: a value was not kept"
    )
    deleted = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = "replay or removal"
        verbose_name_plural = "replays and removals"
        indexes = [
            # What there is to do. Small, however many jobs were done.
            models.Index(name="quarantine_job_open", fields=["id"], condition=Q(finished_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.get_work_display()} {self.pk}"
