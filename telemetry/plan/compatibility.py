"""What a new tracking plan would break: for clients that follow the old one, and of the counts of its metrics."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date

from telemetry.plan.definitions import Deprecation, EventDefinition, PropertyDefinition, TrackingPlan
from telemetry.plan.metrics import MetricDefinition


def find_breaking_changes(*, old: TrackingPlan, new: TrackingPlan, today: date) -> list[str]:
    """A sentence for each change by which an event that the old plan accepts is rejected or stored differently.

    New events, new optional properties, new enum values and wider bounds break nothing. `today` is a day in UTC: a
    part whose deprecation has ended by then may be removed.
    """
    return [
        sentence for event in old.events.values() for sentence in _event_changes(event, new.events, today)
    ]


def find_lost_counts(*, old: TrackingPlan, new: TrackingPlan) -> list[str]:
    """A sentence for each metric whose stored counts would be read as something else, or no longer be found.

    A metric that the new plan does not have loses nothing: its counts are kept, and it goes on where it is back.
    """
    kept = [(metric, new.metrics[name]) for name, metric in old.metrics.items() if name in new.metrics]
    return [
        f"{before.name}: the {aspect} changed, and its stored counts would be read wrongly; choose another name."
        for before, after in kept
        for aspect, of_metric in STORED_ASPECTS.items()
        if of_metric(before) != of_metric(after)
    ]


# What the stored counts of a metric depend on. Bounds of buckets may change: counts go to the next higher one.
STORED_ASPECTS: Mapping[str, Callable[[MetricDefinition], object]] = {
    "type": lambda metric: metric.kind,
    "labels or their order": lambda metric: [label.name for label in metric.labels],
    "unit": lambda metric: metric.scale,
}


def _event_changes(old: EventDefinition, events: Mapping[str, EventDefinition], today: date) -> Iterator[str]:
    new = events.get(old.name)
    if new is None:
        if not _is_over(old.deprecation, today):
            yield f"{old.name}: the event was removed; mark it as deprecated first."
        return
    if not _is_over(old.deprecation, today) and _is_over(new.deprecation, today):
        yield f"{old.name}: the event would be rejected at once; set a day that is still to come."
    for definition in old.properties:
        yield from _property_changes(definition, new, today)
    for definition in new.required:
        if definition.name not in old.by_name:
            yield f"{old.name}.{definition.name}: a new property cannot be required; make it optional."


def _property_changes(old: PropertyDefinition, event: EventDefinition, today: date) -> Iterator[str]:
    place = f"{event.name}.{old.name}"
    new = event.by_name.get(old.name)
    if _is_over(old.deprecation, today):
        return
    if new is None:
        yield f"{place}: the property was removed; mark it as deprecated first."
        return
    if _is_over(new.deprecation, today):
        yield f"{place}: the property would be rejected at once; set a day that is still to come."
    if new.required and not old.required:
        yield f"{place}: an optional property cannot become required."
    if new.type is not old.type:
        yield f"{place}: the type changed from {old.type} to {new.type}."
        return
    yield from _narrowings(old, new, place)


def _narrowings(old: PropertyDefinition, new: PropertyDefinition, place: str) -> Iterator[str]:
    for value in old.values:
        if value not in new.values:
            yield f"{place}: the value {value} was removed."
    if _is_above(new.minimum, old.minimum):
        yield f"{place}: the minimum rose from {old.minimum} to {new.minimum}."
    if _is_above(old.maximum, new.maximum):
        yield f"{place}: the maximum fell from {old.maximum} to {new.maximum}."
    if _is_above(old.max_length, new.max_length):
        yield f"{place}: the longest text fell from {old.max_length} to {new.max_length} characters."
    if new.pseudonymised is not old.pseudonymised:
        yield f"{place}: pseudonymised changed; old and new values could no longer be matched."
    if new.keeps_origin_and_path is not old.keeps_origin_and_path:
        yield f"{place}: keep changed; old and new values could no longer be compared."


def _is_above(bound: float | None, other: float | None) -> bool:
    return bound is not None and other is not None and bound > other


def _is_over(deprecation: Deprecation | None, today: date) -> bool:
    return deprecation is not None and deprecation.is_over(today=today)
