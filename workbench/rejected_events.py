"""Refused events that name a thing."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from telemetry.models import QuarantinedEvent

# The newest rejected events of an environment, among which those of a thing are searched.
SEARCHED_REJECTIONS = 2_000


@dataclass(frozen=True, kw_only=True)
class RejectedMention:
    """A refused event that names the thing; `code` is that of its first error, `pk` its place in the quarantine."""

    pk: int
    received_at: datetime
    event: str
    source: str
    code: str
    message: str


def rejected_events(naming: Q, *, environment: str) -> list[RejectedMention]:
    """Of the newest SEARCHED_REJECTIONS of the environment, those that the condition names, newest first.

    Index: the primary key. Two queries.
    """
    newest = QuarantinedEvent.objects.filter(environment=environment).order_by("-pk").values("pk")
    rows: QuerySet[QuarantinedEvent] = QuarantinedEvent.objects.filter(
        pk__in=list(newest.values_list("pk", flat=True)[:SEARCHED_REJECTIONS])
    )
    return [
        RejectedMention(
            pk=row.pk,
            received_at=row.received_at,
            event=row.event,
            source=row.source,
            code=row.code,
            message=first_message(row),
        )
        for row in rows.filter(naming).order_by("-pk")
    ]


def first_message(row: QuarantinedEvent) -> str:
    """Of the first error, "" where none is stored."""
    messages = [str(error.get("message", "")) for error in row.errors]
    return next(iter(messages), "")
