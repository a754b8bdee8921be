"""Rejected events that the quarantine keeps, redacted: the newest of a name, and one with its neighbours."""

from collections.abc import Sequence
from dataclasses import dataclass

from telemetry.intake.advice import what_to_send
from telemetry.models import QuarantinedEvent
from telemetry.plan import PropertyDefinition, TrackingPlan

SHOWN = 20
# Rows that are looked at for a code, a source or a client: the index has the names only.
EXAMINED = 2000
OF_POST = 50
COLUMNS = ("pk", "received_at", "event", "code", "source", "client", "errors")


@dataclass(frozen=True, kw_only=True)
class EventFault:
    """An error as the door found it, and what the running plan takes in that place; "" where it says nothing."""

    code: str
    field: str
    message: str
    takes: str


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """The rejected events of the same name before and after it, and the others of its post, in its order."""

    older: int | None
    newer: int | None
    of_post: Sequence[QuarantinedEvent]


def newest_rejected(
    *, environment: str, event: str, code: str = "", source: str = "", client: str | None = None
) -> list[QuarantinedEvent]:
    """At most SHOWN of the newest EXAMINED rejected events of a name, as far as the filters choose them.

    An empty code or source leaves none out, and so does a client of None.
    """
    # Index: quarantine_event (event, environment, -id).
    rows = QuarantinedEvent.objects.filter(event=event, environment=environment).order_by("-pk")
    found = [
        row
        for row in rows.only(*COLUMNS)[:EXAMINED]
        if code in {"", row.code} and source in {"", row.source} and client in {None, row.client}
    ]
    return found[:SHOWN]


def find_rejected(pk: int) -> QuarantinedEvent | None:
    return QuarantinedEvent.objects.filter(pk=pk).first()


def neighbours_of(row: QuarantinedEvent) -> Neighbours:
    """In three queries."""
    # Index: quarantine_event (event, environment, -id).
    same = QuarantinedEvent.objects.filter(event=row.event, environment=row.environment)
    # Index: quarantine_arrival (arrival_id).
    post = QuarantinedEvent.objects.filter(arrival_id=row.arrival_id).exclude(pk=row.pk)
    return Neighbours(
        older=same.filter(pk__lt=row.pk).order_by("-pk").values_list("pk", flat=True).first(),
        newer=same.filter(pk__gt=row.pk).order_by("pk").values_list("pk", flat=True).first(),
        of_post=list(post.order_by("position").only(*COLUMNS, "position")[:OF_POST]),
    )


def faults_of(row: QuarantinedEvent, *, plan: TrackingPlan) -> list[EventFault]:
    """All errors of the event, with what the running plan takes in their place."""
    return [
        EventFault(
            code=error["code"],
            field=error["field"],
            message=error["message"],
            takes=taken_by(plan, event=row.event, field=error["field"]),
        )
        for error in row.errors
    ]


def taken_by(plan: TrackingPlan, *, event: str, field: str) -> str:
    """What the property takes: `one of: chat, template, blank`; "" for what is no property of the plan."""
    part = property_at(plan, event=event, field=field)
    return what_to_send(part) if part else ""


def property_at(plan: TrackingPlan, *, event: str, field: str) -> PropertyDefinition | None:
    """The property that the field of an error names; None for what is no property of the plan."""
    definition = plan.events.get(event)
    name = field.removeprefix("properties.").partition(".")[0].partition("[")[0]
    return definition.by_name.get(name) if definition and field.startswith("properties.") else None
