"""What the fold counts of posts: the ledger, and the counters behind Prometheus families."""

from django.db import models

from telemetry.models.keys import ApiKey


class LedgerHour(models.Model):
    """What a key sent in a UTC hour, by outcome: accepted, duplicate or rejected (reason: the code)."""

    key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="+")
    environment = models.CharField(max_length=64)
    hour = models.DateTimeField(help_text="Start of the hour of received_at")
    outcome = models.CharField(max_length=16)
    reason = models.CharField(max_length=32)
    events = models.BigIntegerField()
    is_day = models.BooleanField(db_default=False, help_text="Retention summed up the whole UTC day")

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
