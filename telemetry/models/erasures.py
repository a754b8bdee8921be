"""Erasures of subjects, and what is remembered of them."""

from datetime import datetime
from typing import Self

from django.db import models

from telemetry.models.keys import Environment


class SubjectKind(models.TextChoices):
    USER = "user", "User"
    SESSION = "session", "Session"
    DRAFT = "draft", "Draft"
    RUN = "run", "Run"


class ErasureMode(models.TextChoices):
    REMOVE = "remove", "Remove, and compute the KPIs again"
    KEEP = "keep", "Keep the KPIs as they are, without names"


class LaterEvents(models.TextChoices):
    REFUSE = "refuse", "Refuse them"
    ERASE = "erase", "Accept them, and erase them before they count"


class ErasureState(models.TextChoices):
    PREVIEWING = "previewing", "Counting what would go"
    PREVIEWED = "previewed", "Waits for confirmation"
    WAITING = "waiting", "Confirmed"
    EVENTS = "events", "Erasing events"
    THINGS = "things", "Erasing what was made of them"
    REST = "rest", "Merging what others sent"
    PAIRS = "pairs", "Pairing again"
    QUARANTINE = "quarantine", "Erasing rejected events"
    DONE = "done", "Done"
    FAILED = "failed", "Stopped after errors"


class ErasureQuerySet(models.QuerySet["Erasure"]):
    def at_work(self, *, now: datetime) -> Self:
        """The erasures that a worker has something to do for, the oldest first."""
        idle = (ErasureState.PREVIEWED, ErasureState.DONE, ErasureState.FAILED)
        return self.exclude(state__in=idle).filter(not_before__lte=now).order_by("pk")

    def begun(self) -> Self:
        """The erasures that have erased something, or may have."""
        states = (ErasureState.PREVIEWING, ErasureState.PREVIEWED, ErasureState.WAITING)
        return self.exclude(state__in=states)

    def half_done(self) -> Self:
        """The erasures between whose steps the things of their environment show half of it."""
        return self.filter(
            state__in=(ErasureState.EVENTS, ErasureState.THINGS, ErasureState.REST, ErasureState.PAIRS)
        )


class Erasure(models.Model):
    """The erasure of one subject, from its preview to its receipt.

    `digest` is a keyed hash. `working_id` is the subject as the tables hold it (of a user only the keyed hash that
    the door made); it is emptied when the erasure ends. `receipt` has numbers only.
    """

    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=16, choices=SubjectKind)
    digest = models.CharField(max_length=32)
    working_id = models.CharField(max_length=128, blank=True, editable=False)
    mode = models.CharField(max_length=16, choices=ErasureMode, default=ErasureMode.REMOVE)
    later_events = models.CharField(max_length=16, choices=LaterEvents, default=LaterEvents.REFUSE)
    state = models.CharField(max_length=16, choices=ErasureState, default=ErasureState.PREVIEWING)
    # How far the state's scan has come; see lifecycle/erasure.py.
    position = models.JSONField(default=dict, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    requested_by = models.CharField(max_length=150)
    requested_at = models.DateTimeField()
    not_before = models.DateTimeField(editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)
    preview = models.JSONField(default=dict)
    receipt = models.JSONField(default=dict)

    objects = ErasureQuerySet.as_manager()

    def __str__(self) -> str:
        return f"erasure {self.pk} of a {self.kind} in {self.environment_id}"


class ErasureThing(models.Model):
    """Scratch of an erasure: an id that it has to treat, and the random id that may replace it."""

    erasure = models.ForeignKey(Erasure, on_delete=models.CASCADE, related_name="things")
    kind = models.CharField(max_length=16)
    thing_id = models.CharField(max_length=128)
    replacement = models.CharField(max_length=40, db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="erasure_thing_unique", fields=["erasure", "kind", "thing_id"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of erasure {self.erasure_id}"


class ErasedSubject(models.Model):
    """A subject whose later events are refused or erased, by its keyed hash."""

    environment = models.CharField(max_length=64)
    kind = models.CharField(max_length=16, choices=SubjectKind)
    digest = models.CharField(max_length=32)
    later_events = models.CharField(max_length=16, choices=LaterEvents)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="erased_subject_unique", fields=["digest", "kind", "environment"]),
        ]

    def __str__(self) -> str:
        return f"erased {self.kind} in {self.environment}"


class ErasedEvents(models.Model):
    """How many accepted events were erased: accepted = raw + pruned + erased. Numbers only."""

    environment = models.CharField(max_length=64)
    event = models.CharField(max_length=64)
    day = models.DateField(help_text="As RawEvent.day")
    events = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "erased events"
        constraints = [
            models.UniqueConstraint(name="erased_events_unique", fields=["day", "event", "environment"]),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.day}: {self.events}"
