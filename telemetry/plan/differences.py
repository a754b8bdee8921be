"""What differs between two tracking plans, part by part."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from telemetry.plan.definitions import Deprecation, EventDefinition, PropertyDefinition, TrackingPlan
from telemetry.plan.metrics import EVERY_EVENT, Condition, LabelDefinition, MetricDefinition

Definition = TypeVar("Definition", EventDefinition, PropertyDefinition, MetricDefinition)

ADDED, REMOVED, CHANGED = "added", "removed", "changed"


@dataclass(frozen=True, kw_only=True)
class PlanDifference:
    """One change. `part` is the event, `event.property`, or the metric; `aspect` says what of it changed.

    A part that was added has an empty `before`, and one that was removed has an empty `after`.
    """

    part: str
    aspect: str
    kind: str
    before: str = ""
    after: str = ""


def find_differences(*, old: TrackingPlan, new: TrackingPlan) -> Iterator[PlanDifference]:
    """Every change from the old plan to the new one, by the names of events, properties and metrics."""
    if old.version != new.version:
        yield changed("plan", "version", str(old.version), str(new.version))
    for name in sorted(old.events.keys() | new.events.keys()):
        yield from _event_differences(name, old.events.get(name), new.events.get(name))
    for name in sorted(old.metrics.keys() | new.metrics.keys()):
        yield from _metric_differences(name, old.metrics.get(name), new.metrics.get(name))


def changed(part: str, aspect: str, before: str, after: str) -> PlanDifference:
    return PlanDifference(part=part, aspect=aspect, kind=CHANGED, before=before, after=after)


def _event_differences(
    name: str, old: EventDefinition | None, new: EventDefinition | None
) -> Iterator[PlanDifference]:
    if old is None or new is None:
        if new is not None:
            yield PlanDifference(part=name, aspect="event", kind=ADDED, after=new.description)
        if old is not None:
            yield PlanDifference(part=name, aspect="event", kind=REMOVED, before=old.description)
        return
    yield from _aspect_differences(name, EVENT_ASPECTS, old, new)
    for property_name in sorted(old.by_name.keys() | new.by_name.keys()):
        yield from _property_differences(
            f"{name}.{property_name}", old.by_name.get(property_name), new.by_name.get(property_name)
        )


def _metric_differences(
    name: str, old: MetricDefinition | None, new: MetricDefinition | None
) -> Iterator[PlanDifference]:
    if old is None or new is None:
        if new is not None:
            yield PlanDifference(part=name, aspect="metric", kind=ADDED, after=new.help)
        if old is not None:
            yield PlanDifference(part=name, aspect="metric", kind=REMOVED, before=old.help)
        return
    yield from _aspect_differences(name, METRIC_ASPECTS, old, new)


def _property_differences(
    part: str, old: PropertyDefinition | None, new: PropertyDefinition | None
) -> Iterator[PlanDifference]:
    if old is None or new is None:
        if new is not None:
            yield PlanDifference(part=part, aspect="property", kind=ADDED, after=_summary(new))
        if old is not None:
            yield PlanDifference(part=part, aspect="property", kind=REMOVED, before=_summary(old))
        return
    yield from _aspect_differences(part, PROPERTY_ASPECTS, old, new)
    for value in sorted({*old.values} ^ {*new.values}):
        if value in new.values:
            yield PlanDifference(part=part, aspect="value", kind=ADDED, after=value)
        else:
            yield PlanDifference(part=part, aspect="value", kind=REMOVED, before=value)


def _aspect_differences(
    part: str, aspects: Mapping[str, Callable[[Definition], str]], old: Definition, new: Definition
) -> Iterator[PlanDifference]:
    for aspect, text_of in aspects.items():
        before, after = text_of(old), text_of(new)
        if before != after:
            yield changed(part, aspect, before, after)


def _summary(definition: PropertyDefinition) -> str:
    return f"{_presence(definition)} {definition.type}"


def _presence(definition: PropertyDefinition) -> str:
    return "required" if definition.required else "optional"


def _bound(value: float | None) -> str:
    return "none" if value is None else str(value)


def _yes_or_no(value: bool) -> str:
    return "yes" if value else "no"


def deprecation_text(mark: Deprecation | None) -> str:
    """`until 2026-12-31, instead: …`; `no` for a part that is not deprecated."""
    if mark is None:
        return "no"
    return f"until {mark.until}" + (f", instead: {mark.instead}" if mark.instead else "")


EVENT_ASPECTS: Mapping[str, Callable[[EventDefinition], str]] = {
    "deprecated": lambda event: deprecation_text(event.deprecation),
    "description": lambda event: event.description,
    "emitted when": lambda event: event.emitted_when,
}
# The values of an enumeration are compared one by one.
PROPERTY_ASPECTS: Mapping[str, Callable[[PropertyDefinition], str]] = {
    "presence": _presence,
    "type": lambda definition: definition.type.value,
    "minimum": lambda definition: _bound(definition.minimum),
    "maximum": lambda definition: _bound(definition.maximum),
    "longest text": lambda definition: _bound(definition.max_length),
    "most items": lambda definition: _bound(definition.max_items),
    "pseudonymised": lambda definition: _yes_or_no(definition.pseudonymised),
    "keeps origin and path only": lambda definition: _yes_or_no(definition.keeps_origin_and_path),
    "deprecated": lambda definition: deprecation_text(definition.deprecation),
    "description": lambda definition: definition.description,
}


def _fed_by(metric: MetricDefinition) -> str:
    return EVERY_EVENT if metric.counts_every_event else metric.measure or ", ".join(sorted(metric.events))


def condition_text(condition: Condition) -> str:
    """`status is failed`, `attempt is above 1`, `errorCategory is present`."""
    if condition.above is not None:
        return f"{condition.source} is above {condition.above:g}"
    return f"{condition.source} is {' or '.join(condition.values) or 'present'}"


def _label_text(label: LabelDefinition) -> str:
    marks = [
        mark for mark, is_set in (("capped", label.capped), ("family", label.as_status_family)) if is_set
    ]
    return " ".join([f"{label.name} from {label.source}", *marks])


METRIC_ASPECTS: Mapping[str, Callable[[MetricDefinition], str]] = {
    "type": lambda metric: metric.kind.value,
    "help": lambda metric: metric.help,
    "notes": lambda metric: metric.notes,
    "fed by": _fed_by,
    "value": lambda metric: metric.value,
    "unit": lambda metric: metric.unit.value,
    "when": lambda metric: ", ".join(map(condition_text, metric.conditions)),
    "labels": lambda metric: ", ".join(map(_label_text, metric.labels)),
    "buckets": lambda metric: ", ".join(f"{bound:g}" for bound in metric.buckets),
    "budget": lambda metric: str(metric.budget),
}
