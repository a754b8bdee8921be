"""How facts become increments: the plan's metrics, applied to events and to what the fold learns of things.

A fact is given as a row of fields, with the number of facts that are equal to it. What the fields of events are
called and how each is read is a `Column`; the fold makes its SQL from them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from telemetry.counters.bridge import Increment, observe
from telemetry.plan import (
    CompiledPlan,
    FamilyType,
    MetricDefinition,
    PropertyType,
    TrackingPlan,
    get_compiled_plan,
)
from telemetry.plan.measures import ValueKind
from telemetry.plan.metrics import EVENT_NAME, Condition

MICROSECONDS_A_MILLISECOND = 1000
MILLIONTHS = frozenset({PropertyType.MONEY, PropertyType.NUMBER})


class Reading(StrEnum):
    """How a property is read from an event."""

    TEXT = "text"
    BOOLEAN = "boolean"
    STATUS_FAMILY = "status_family"
    INTEGER = "integer"
    MILLIONTHS = "millionths"


@dataclass(frozen=True, order=True)
class Column:
    """A property as metrics need it: as a text, or as a number. `readings`: how it is read of which events."""

    source: str
    is_number: bool
    readings: tuple[tuple[Reading, tuple[str, ...]], ...] = ()


class Fact(NamedTuple):
    """So many equal facts. `fields` are texts by source; `numbers` are whole numbers, None where there is none.

    `value` is what a measure found, in microseconds or millionths.
    """

    fields: Mapping[str, str]
    numbers: Mapping[str, int | None]
    value: int | None = None
    times: int = 1


@dataclass(frozen=True)
class Feed:
    """A metric of the plan, ready to count facts."""

    metric: MetricDefinition

    def increments(self, environment: str, facts: Iterable[Fact]) -> list[Increment]:
        """What the facts add to the metric's family; equal increments are added up."""
        totals: Counter[tuple[tuple[str, ...], int]] = Counter()
        sources = [label.source for label in self.metric.labels]
        conditions = self.metric.conditions
        for fact in facts:
            value = self._value(fact)
            if value is None or (conditions and not all(_holds(condition, fact) for condition in conditions)):
                continue
            totals[tuple([fact.fields.get(source, "") for source in sources]), value] += fact.times
        name = self.metric.name
        if self.metric.kind is FamilyType.HISTOGRAM:
            return observe(name, ((environment, *key, count) for key, count in totals.items()))
        return [
            Increment(name, environment, labels, amount=value * count)
            for (labels, value), count in totals.items()
        ]

    def _value(self, fact: Fact) -> int | None:
        """What one such fact adds, in the smallest unit; None if it has no value."""
        if self.metric.value_kind is ValueKind.NONE:
            return 1
        if self.metric.measure:
            return fact.value
        number = fact.numbers.get(self.metric.value)
        is_duration = self.metric.value_kind is ValueKind.DURATION
        return number * MICROSECONDS_A_MILLISECOND if is_duration and number is not None else number


def _holds(condition: Condition, fact: Fact) -> bool:
    if condition.above is not None:
        number = fact.numbers.get(condition.source)
        return number is not None and number > condition.above
    text = fact.fields.get(condition.source, "")
    return text in condition.values if condition.values else bool(text)


@dataclass(frozen=True)
class Feeds:
    """The running plan's metrics by what feeds them, and the columns that they read of events."""

    of_every_event: Sequence[Feed]
    of_every_event_columns: Sequence[Column]
    # Metrics that name their events, by event.
    of_event: Mapping[str, Sequence[Feed]]
    of_event_columns: Sequence[Column]
    of_measure: Mapping[str, Sequence[Feed]]
    # Counters of events without labels: they are stored from the start, so that their first increase can be seen.
    from_zero: Sequence[str]


def feeds() -> Feeds:
    return _feeds(get_compiled_plan())


@lru_cache(maxsize=2)
def _feeds(compiled: CompiledPlan) -> Feeds:
    plan = compiled.plan
    all_feeds = [Feed(metric) for metric in plan.metrics.values()]
    every = [feed for feed in all_feeds if feed.metric.counts_every_event]
    named = [feed for feed in all_feeds if feed.metric.events and not feed.metric.counts_every_event]
    by_event: dict[str, list[Feed]] = {}
    by_measure: dict[str, list[Feed]] = {}
    for feed in named:
        for event in feed.metric.events:
            by_event.setdefault(event, []).append(feed)
    for feed in all_feeds:
        if feed.metric.measure:
            by_measure.setdefault(feed.metric.measure, []).append(feed)
    return Feeds(
        of_every_event=every,
        of_every_event_columns=_columns(plan, every),
        of_event=by_event,
        of_event_columns=_columns(plan, named),
        of_measure=by_measure,
        from_zero=[
            feed.metric.name
            for feed in (*every, *named)
            if not feed.metric.labels and feed.metric.kind is FamilyType.COUNTER
        ],
    )


def _columns(plan: TrackingPlan, used: Iterable[Feed]) -> list[Column]:
    """The columns that the metrics read, each with the events of which it is read."""
    events: dict[Column, dict[Reading, set[str]]] = {}
    for feed in used:
        for source, is_number in _sources(feed.metric):
            readings = events.setdefault(Column(source, is_number), {})
            for event in feed.metric.events:
                definition = plan.events[event].by_name.get(source)
                if definition is not None:
                    reading = _reading(definition.type, is_number=is_number)
                    readings.setdefault(reading, set()).add(event)
    return [
        Column(
            column.source,
            column.is_number,
            tuple((kind, tuple(sorted(names))) for kind, names in found.items()),
        )
        for column, found in sorted(events.items())
    ]


def _sources(metric: MetricDefinition) -> Iterator[tuple[str, bool]]:
    """(property, whether as a number) of all that the metric reads of an event."""
    yield from ((label.source, False) for label in metric.labels if label.source != EVENT_NAME)
    yield from ((condition.source, condition.above is not None) for condition in metric.conditions)
    if metric.value:
        yield metric.value, True


def _reading(kind: PropertyType, *, is_number: bool) -> Reading:
    if is_number:
        return Reading.MILLIONTHS if kind in MILLIONTHS else Reading.INTEGER
    if kind is PropertyType.BOOL:
        return Reading.BOOLEAN
    return Reading.STATUS_FAMILY if kind is PropertyType.INTEGER else Reading.TEXT


def fact_of_event(
    event: str, columns: Sequence[Column], values: Sequence[str | int | None], *, times: int
) -> Fact:
    """The fact of so many equal events, from the values of the columns; None is a property that they do not have."""
    fields: dict[str, str] = {EVENT_NAME: event}
    numbers: dict[str, int | None] = {}
    for column, value in zip(columns, values, strict=True):
        if column.is_number:
            numbers[column.source] = None if value is None else int(value)
        else:
            fields[column.source] = "" if value is None else str(value)
    return Fact(fields=fields, numbers=numbers, times=times)
