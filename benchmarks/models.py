from typing import ClassVar

from django.db import models


class PlainRow(models.Model):
    """What the bare view inserts: as wide as an event, with no more than a primary key."""

    event = models.CharField(max_length=64)
    session_id = models.CharField(max_length=128)
    occurred_at = models.DateTimeField()
    properties = models.JSONField()

    # Named for the type checker, which knows the apps of config.settings alone.
    objects: ClassVar[models.Manager["PlainRow"]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.event} {self.pk}"
