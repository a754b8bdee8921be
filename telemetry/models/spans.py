"""What the door keeps of spans that are no event."""

from datetime import timedelta
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q


class SpanLinkQuerySet(models.QuerySet["SpanLink"]):
    def waiting(self) -> Self:
        """Those that the fold has not looked at yet."""
        return self.filter(is_waiting=True)


class SpanLink(models.Model):
    """A span of no role, and the one above it: a model call finds its agent through it. It has no attribute ever.

    It is kept for a week. By then the spans of its trace have come, and the calls have found their agents.
    """

    KEPT_FOR: ClassVar[timedelta] = timedelta(days=7)

    environment = models.CharField(max_length=64)
    trace_id = models.CharField(max_length=32)
    span_id = models.CharField(max_length=16)
    parent_span_id = models.CharField(max_length=16)
    received_at = models.DateTimeField()
    # The fold has not looked at its trace since it came.
    is_waiting = models.BooleanField(db_default=True, default=True)

    objects = SpanLinkQuerySet.as_manager()

    class Meta:
        constraints = [
            # With the parent: of two that contradict each other neither wins by coming first.
            models.UniqueConstraint(
                name="span_link_unique", fields=["trace_id", "span_id", "parent_span_id", "environment"]
            ),
        ]
        indexes = [
            # The fold's queue. Small, however long the table grows.
            models.Index(name="span_link_waiting", fields=["id"], condition=Q(is_waiting=True)),
            # Those that are to be forgotten.
            models.Index(name="span_link_received", fields=["received_at"]),
        ]

    def __str__(self) -> str:
        return f"span {self.span_id} of trace {self.trace_id}"
