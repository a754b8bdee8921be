"""One event of the plan, or a name that is not in it: its properties and values, and who is rejected for what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Sum

from telemetry.counters.sent import listed_values
from telemetry.models import PlanPartDay
from telemetry.plan import PropertyDefinition, TrackingPlan
from telemetry.quality.days import Sending, SendingClient, Series, read_rows, read_series
from telemetry.quality.events import EventFigures, PartUse, PartUses, event_figures, read_uses


@dataclass(frozen=True, kw_only=True)
class ValueFigures:
    """A value of an enumeration, or true or false, and how many events of the days have it."""

    value: str
    events: int
    use: PartUse | None


@dataclass(frozen=True, kw_only=True)
class PropertyFigures:
    """A property of the plan: how many events of the days have it, and `share` of them all, 0 to 1.

    `share` is None where no event was accepted. `values` are those that the plan lists, in its order; no others are
    known. `use` is since counting began; None: it was never sent.
    """

    definition: PropertyDefinition
    events: int
    share: float | None
    values: Sequence[ValueFigures]
    use: PartUse | None

    @property
    def seen_values(self) -> int:
        """How many of its listed values ever came."""
        return sum(1 for value in self.values if value.use)


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """Rejected events of a code from one sender."""

    code: str
    sender: SendingClient
    events: int
    share: float


@dataclass(frozen=True, kw_only=True)
class EventReading:
    """`rejections` has the most frequent first; the share is of what the sender sent of this event, 0 to 1."""

    figures: EventFigures
    properties: Sequence[PropertyFigures]
    rejections: Sequence[Rejection]


def read_event(name: str, *, plan: TrackingPlan, sending: Sending) -> EventReading | None:
    """What came of this name in the days, in four queries. None: neither the plan nor the days have it."""
    definition = plan.events.get(name)
    rows = read_rows(sending, event=name)
    if definition is None and not rows:
        return None
    uses = read_uses(environment=sending.environment, event=name).get(name, {})
    empty = Series(accepted=[0] * len(sending.days), rejected=[0] * len(sending.days))
    figures = event_figures(
        name,
        definition=definition,
        rows=rows,
        uses=uses,
        series=read_series(sending, event=name).get(name, empty),
    )
    sent: dict[SendingClient, int] = {}
    for row in rows:
        if not row.is_deprecated_use:
            sent[SendingClient.of(row)] = sent.get(SendingClient.of(row), 0) + row.events
    rejections = [
        Rejection(
            code=row.code,
            sender=SendingClient.of(row),
            events=row.events,
            share=row.events / sent[SendingClient.of(row)],
        )
        for row in rows
        if row.code and not row.is_deprecated_use
    ]
    counts = read_part_counts(sending, event=name)
    return EventReading(
        figures=figures,
        properties=[
            property_figures(part, uses=uses, counts=counts, accepted=figures.traffic.accepted)
            for part in (definition.properties if definition else ())
        ],
        rejections=sorted(
            rejections,
            key=lambda row: (-row.events, row.code, row.sender.source, row.sender.client),
        ),
    )


def read_part_counts(sending: Sending, *, event: str) -> dict[tuple[str, str], int]:
    """(property, value) → accepted events of the days."""
    # Index: plan_part_day_unique (day, event, …).
    rows = PlanPartDay.objects.filter(
        day__range=(sending.first_day, sending.last_day), event=event, environment=sending.environment
    )
    sums = rows.values_list("property", "value").annotate(sum=Sum("events"))
    return {(part, value): events for part, value, events in sums.order_by("property", "value")}


def property_figures(
    definition: PropertyDefinition,
    *,
    uses: PartUses,
    counts: Mapping[tuple[str, str], int],
    accepted: int,
) -> PropertyFigures:
    name, events = definition.name, counts.get((definition.name, ""), 0)
    return PropertyFigures(
        definition=definition,
        events=events,
        share=events / accepted if accepted else None,
        values=[
            ValueFigures(value=value, events=counts.get((name, value), 0), use=uses.get((name, value)))
            for value in listed_values(definition.type, definition.values)
        ],
        use=uses.get((name, "")),
    )
