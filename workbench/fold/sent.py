"""What the batch's accepted events say of the plan, counted in SQL for telemetry.counters.sent."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from telemetry.counters import sent
from telemetry.models import RawEvent
from telemetry.plan import (
    CompiledPlan,
    EventDefinition,
    PropertyDefinition,
    PropertyType,
    TrackingPlan,
    get_compiled_plan,
)
from workbench.dialect import Dialect
from workbench.fold.batch import Batch, PendingArrival


class Shape(NamedTuple):
    """What equal events have: `flags` are 1 and 0 for the event's properties in the plan's order.

    `values` are those of its listed properties in the same order, None for an absent one; there may be more of them.
    Events without properties in the plan have no flags.
    """

    event: str
    flags: str | None
    values: tuple[str | None, ...]


def count_sent(batch: Batch, arrivals: Sequence[PendingArrival]) -> None:
    """Adds the batch's events to the days of what clients sent; in the transaction that takes the arrivals."""
    compiled = get_compiled_plan()
    days = {arrival.id: arrival.received_at.date() for arrival in arrivals}
    events: Counter[tuple[int, str]] = Counter()
    deprecated: Counter[tuple[int, str, str]] = Counter()
    shapes: Counter[tuple[date, Shape]] = Counter()
    newest: dict[int, int] = {}
    places = _deprecated_places(compiled.plan)
    rows = batch.rows(_shapes_statement(compiled, batch.dialect), batch.raw_event_bounds)
    for arrival_id, event, flags, *values, number, moment in rows:
        events[arrival_id, event] += number
        shapes[days[arrival_id], Shape(event, flags, tuple(values))] += number
        newest[arrival_id] = max(moment, newest.get(arrival_id, moment))
        for name, place in places.get(event, ()):
            if place is None or flags[place] == "1":
                deprecated[arrival_id, event, name] += number
    sent.count_accepted(
        environment=batch.environment,
        arrivals=arrivals,
        events=[(*key, number) for key, number in events.items()],
        deprecated=[(*key, number) for key, number in deprecated.items()],
    )
    sent.count_clocks(environment=batch.environment, arrivals=arrivals, newest=newest)
    for day in sorted(set(days.values())):
        of_day = [(shape, number) for (received, shape), number in shapes.items() if received == day]
        parts = sent.parts_of(_parts(of_day, plan=compiled.plan), plan=compiled.plan)
        sent.count_parts(environment=batch.environment, day=day, parts=parts)


def _deprecated_places(plan: TrackingPlan) -> Mapping[str, Sequence[tuple[str, int | None]]]:
    """Event → its deprecated parts: a property and its place among the flags, or "" and None for the event itself."""
    return {
        event.name: [
            (name, [part.name for part in event.properties].index(name) if name else None)
            for name, _ in event.deprecations
        ]
        for event in plan.events.values()
        if event.deprecations
    }


def _parts(
    shapes: Iterable[tuple[Shape, int]], *, plan: TrackingPlan
) -> Iterator[tuple[str, str, str | None, int]]:
    """(event, property, value, number) of each property that the events have, and with "" of the events themselves."""
    for shape, number in shapes:
        yield shape.event, "", None, number
        if shape.flags is not None:
            definition = plan.events[shape.event]
            names = [part.name for part in _listed(definition)]
            texts = dict(zip(names, shape.values, strict=False))
            for part, flag in zip(definition.properties, shape.flags, strict=True):
                if flag == "1":
                    yield shape.event, part.name, texts.get(part.name), number


def _listed(definition: EventDefinition) -> list[PropertyDefinition]:
    """The properties whose values the plan lists."""
    return [part for part in definition.properties if part.type in {PropertyType.ENUM, PropertyType.BOOL}]


@lru_cache(maxsize=2)
def _shapes_statement(compiled: CompiledPlan, dialect: Dialect) -> str:
    """A row for each arrival and shape, with its number and its newest timestamp in epoch microseconds.

    Its parameters are the batch's `raw_event_bounds`. All counts come from it: each further statement would read the
    batch's events anew.
    """
    events = [event for event in compiled.plan.events.values() if event.properties]
    width = max((len(_listed(event)) for event in events), default=0)
    flags = {
        event.name: " || ".join(dialect.flag(part.name) for part in event.properties) for event in events
    }
    values = [
        {
            event.name: dialect.listed(_listed(event)[place].name)
            for event in events
            if place < len(_listed(event))
        }
        for place in range(width)
    ]
    columns = ",\n  ".join(["arrival_id", "event", *map(_by_event, (flags, *values))])
    return f"""
SELECT
  {columns},
  count(*),
  {dialect.microseconds("max(occurred_at)")}
FROM {RawEvent._meta.db_table}
-- The days choose PostgreSQL's partitions. Index: raw_event_arrival (arrival_id).
WHERE day BETWEEN %s AND %s AND {dialect.any_of("arrival_id", "bigint")}
GROUP BY {", ".join(str(place) for place in range(1, width + 4))}"""


def _by_event(texts: Mapping[str, Any]) -> str:
    branches = " ".join(f"WHEN '{name}' THEN {text}" for name, text in texts.items())
    return f"CASE event {branches} END" if branches else "NULL"
