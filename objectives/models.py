"""What was good of what there was, minute by minute: all that the page and the API of objectives read."""

from django.db import models

MINUTE, QUARTER = 1, 15


class ObjectiveCount(models.Model):
    """How much there was for an objective in a stretch of time, and how much of it was good.

    Stretches are minutes at first; older ones are summed up to quarter hours, which every zone's days are made of. A
    stretch in which there was nothing has no row. `environment` is empty for what the portal promises as a whole.
    """

    objective = models.CharField(max_length=64)
    environment = models.CharField(max_length=64, default="", blank=True)
    start = models.DateTimeField(help_text="In UTC, a whole minute or quarter hour")
    minutes = models.PositiveSmallIntegerField(help_text="1 or 15: how long the stretch is")
    good = models.BigIntegerField()
    total = models.BigIntegerField()

    class Meta:
        default_permissions = ("view",)
        constraints = [
            # The page reads a range of each objective.
            models.UniqueConstraint(
                name="objective_count_unique", fields=["objective", "environment", "start", "minutes"]
            ),
        ]
        indexes = [
            # Minutes that are to be summed up, and quarter hours that are to be forgotten.
            models.Index(name="objective_count_start", fields=["minutes", "start"]),
        ]

    def __str__(self) -> str:
        return f"{self.objective} {self.start:%Y-%m-%d %H:%M}: {self.good}/{self.total}"


class ObjectiveLevel(models.Model):
    """How far a source's counters of an objective were recorded: what they count beyond is new.

    A source is the database, or the processes of one start of a portal, whose counters begin at zero with them.
    """

    source = models.CharField(max_length=64)
    objective = models.CharField(max_length=64)
    environment = models.CharField(max_length=64, default="", blank=True)
    good = models.BigIntegerField()
    total = models.BigIntegerField()
    seen_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                name="objective_level_unique", fields=["source", "objective", "environment"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.objective} of {self.source}: {self.good}/{self.total}"
