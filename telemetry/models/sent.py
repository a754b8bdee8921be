"""What clients sent of the tracking plan, by UTC day of receipt. Counts never fall, whatever removes events."""

from django.db import models


class EventDay(models.Model):
    """Events of a name that a client of a source sent on a day, by what became of them.

    `code` is empty for accepted ones, and for rejected ones the code of their first error. A row with the code
    `deprecated` counts accepted ones once more that used the deprecated property `part`, or, where that is empty, the
    event itself is deprecated. Past a day's budget of a source names are "…" (see telemetry.counters.sent).
    """

    day = models.DateField(help_text="UTC day of received_at")
    environment = models.CharField(max_length=64)
    source = models.CharField(max_length=64)
    client = models.CharField(max_length=64, help_text="name/version; empty: not known")
    event = models.CharField(max_length=64)
    code = models.CharField(max_length=32)
    part = models.CharField(max_length=64, db_default="", default="")
    events = models.BigIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="event_day_unique",
                fields=["day", "environment", "source", "event", "client", "code", "part"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.code} {self.day}: {self.events}".replace("  ", " ")


class PlanPart(models.Model):
    """Accepted events with a part of the plan: an event, a property, or a value of an enumeration.

    The property is empty for the event itself, and the value for the property itself. No other values are kept.
    """

    environment = models.CharField(max_length=64)
    event = models.CharField(max_length=64)
    property = models.CharField(max_length=64)
    value = models.CharField(max_length=32)
    events = models.BigIntegerField()
    first_day = models.DateField(help_text="UTC day of received_at")
    last_day = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="plan_part_unique", fields=["event", "property", "value", "environment"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.property} {self.value}: {self.events}".replace("  ", " ")


class PlanPartDay(models.Model):
    """The same for properties and values on one day."""

    day = models.DateField(help_text="UTC day of received_at")
    environment = models.CharField(max_length=64)
    event = models.CharField(max_length=64)
    property = models.CharField(max_length=64)
    value = models.CharField(max_length=32)
    events = models.BigIntegerField()

    class Meta:
        verbose_name = "day of a plan part"
        verbose_name_plural = "days of plan parts"
        constraints = [
            models.UniqueConstraint(
                name="plan_part_day_unique", fields=["day", "event", "property", "value", "environment"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.property} {self.value} {self.day}: {self.events}".replace("  ", " ")


class ClockDay(models.Model):
    """Posts of a source on a day, by how far the timestamp of their newest event was ahead of their receipt.

    `up_to_seconds` is the upper bound of the difference, included; below zero the timestamp lies before the receipt.
    """

    day = models.DateField(help_text="UTC day of received_at")
    environment = models.CharField(max_length=64)
    source = models.CharField(max_length=64)
    up_to_seconds = models.IntegerField()
    posts = models.BigIntegerField()

    class Meta:
        verbose_name = "day of a source's clock"
        verbose_name_plural = "days of sources' clocks"
        constraints = [
            models.UniqueConstraint(
                name="clock_day_unique", fields=["day", "source", "up_to_seconds", "environment"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.day}, up to {self.up_to_seconds} s: {self.posts}"
