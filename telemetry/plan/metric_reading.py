"""Reads the metrics of a tracking plan, and refuses what could not be counted or would have too many series."""

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from telemetry.plan.definitions import EventDefinition, PropertyDefinition, PropertyType
from telemetry.plan.documents import FaultReport, Place, flag, mapping, sentence
from telemetry.plan.measures import MEASURES, Measure, ValueKind
from telemetry.plan.metrics import (
    DEFAULT_BUDGET,
    EVENT_NAME,
    EVERY_EVENT,
    PRESENT,
    STATUS_FAMILY,
    Condition,
    FamilyType,
    LabelDefinition,
    MetricDefinition,
    Unit,
)

METRIC_NAME = re.compile(r"[a-z][a-z0-9_]*")
LABEL_NAME = re.compile(r"[a-z][a-z0-9_]*")
# As wide as the columns that hold them: names, and the label values of a series.
MAX_METRIC_NAME_LENGTH = 64
MAX_LABELS = 4
# Families of these names are the portal's own.
RESERVED_PREFIXES = ("portal_", "django_", "python_", "process_", "workbench_kpi_")
# Samples of a histogram have these endings.
RESERVED_SUFFIXES = ("_total", "_bucket", "_sum", "_count", "_created", "_info")
RESERVED_LABELS = frozenset({"environment", "le", "quantile"})
MAX_BUCKETS = 40
MAX_BUDGET = 10_000
# Larger values, added up, might not fit the column of the sum.
LARGEST_VALUE: Mapping[PropertyType, float] = {PropertyType.INTEGER: 2**31, PropertyType.NUMBER: 1_000_000}
# The range in which a whole number is an HTTP status.
STATUSES = (100, 999)

METRIC_KEYS = frozenset(
    {"type", "help", "notes", "events", "measure", "value", "unit", "when", "labels", "buckets", "budget"}
)
LABEL_KEYS = frozenset({"from", "capped", "as"})

VALUE_KINDS = {
    PropertyType.DURATION_MS: ValueKind.DURATION,
    PropertyType.MONEY: ValueKind.MONEY,
    PropertyType.COUNT: ValueKind.WHOLE,
    PropertyType.INTEGER: ValueKind.WHOLE,
    PropertyType.NUMBER: ValueKind.NUMBER,
}
BOUNDED_TYPES = frozenset({PropertyType.ENUM, PropertyType.BOOL})


def read_metrics(
    content: Mapping[str, Any], events: Mapping[str, EventDefinition], report: FaultReport
) -> dict[str, MetricDefinition]:
    """The metrics under `metrics` of a plan's content, by name. Their faults are added to the report."""
    bucket_sets = mapping(content.get("buckets"), ("buckets",), report)
    for name, bounds in bucket_sets.items():
        _bounds_of(bounds, ("buckets", name), report)
    entries = mapping(content.get("metrics"), ("metrics",), report)
    _check_names(entries, report)
    return {
        name: MetricReader(name, entry, events, bucket_sets, report).read() for name, entry in entries.items()
    }


def _check_names(names: Collection[str], report: FaultReport) -> None:
    families: dict[str, str] = {}
    for name in names:
        path: Place = ("metrics", name)
        if not METRIC_NAME.fullmatch(name) or len(name) > MAX_METRIC_NAME_LENGTH:
            report.add(path, "a metric is named like workflow_runs_total, in at most 64 characters.")
        if name.startswith(RESERVED_PREFIXES):
            report.add(path, f"names of the portal begin with {', '.join(RESERVED_PREFIXES)}.")
        other = families.setdefault(name.removesuffix("_total"), name)
        if other != name:
            report.add(path, f"Prometheus takes this and {other} for one name.")


class MetricReader:
    """One metric of a plan, part by part; each fault that it has is added to the report."""

    def __init__(
        self,
        name: str,
        entry: Any,
        events: Mapping[str, EventDefinition],
        bucket_sets: Mapping[str, Any],
        report: FaultReport,
    ) -> None:
        self.name = name
        self.path: Place = ("metrics", name)
        self.content = mapping(entry, self.path, report, keys=METRIC_KEYS)
        self.plan_events = events
        self.bucket_sets = bucket_sets
        self.report = report
        self.kind = self._kind()
        self.measure = self._measure()
        self.events = self._events()

    def read(self) -> MetricDefinition:
        value, value_kind = self._value()
        return MetricDefinition(
            name=self.name,
            kind=self.kind,
            help=sentence(self.content, "help", self.path, self.report),
            notes=str(self.content.get("notes") or "").strip(),
            events=tuple(event.name for event in self.events),
            counts_every_event=self.content.get("events") == EVERY_EVENT,
            measure=self.measure.name if self.measure else "",
            value=value,
            value_kind=value_kind,
            unit=self._unit(value_kind),
            conditions=tuple(self._conditions()),
            labels=tuple(self._labels()),
            buckets=self._buckets(),
            budget=self._budget(),
        )

    def _fault(self, message: str, *place: str | int) -> None:
        self.report.add((*self.path, *place), message)

    def _kind(self) -> FamilyType:
        kind = self.content.get("type")
        if kind not in tuple(FamilyType):
            self._fault(f"is missing or unknown; the types are {', '.join(FamilyType)}.", "type")
            return FamilyType.COUNTER
        if kind == FamilyType.COUNTER and not self.name.endswith("_total"):
            self._fault("the name of a counter ends with _total.")
        if kind == FamilyType.HISTOGRAM and self.name.endswith(RESERVED_SUFFIXES):
            self._fault(f"the name of a histogram does not end with {', '.join(RESERVED_SUFFIXES)}.")
        return FamilyType(kind)

    # What feeds it

    def _measure(self) -> Measure | None:
        name = self.content.get("measure")
        if name is None:
            return None
        if "events" in self.content:
            self._fault("a metric has events or a measure, not both.", "measure")
        measure = MEASURES.get(str(name))
        if measure is None:
            self._fault(f"is unknown; the measures are {', '.join(MEASURES)}.", "measure")
        elif missing := [event for event in measure.events if event not in self.plan_events]:
            self._fault(f"the plan does not have {', '.join(missing)}, which it is made of.", "measure")
        return measure

    def _events(self) -> tuple[EventDefinition, ...]:
        names = self.content.get("events")
        if names == EVERY_EVENT:
            return tuple(self.plan_events.values())
        names = [names] if isinstance(names, str) else names
        if names is None and "measure" in self.content:
            return ()
        if not isinstance(names, list) or not names:
            self._fault(f"names events, or says {EVERY_EVENT}.", "events")
            return ()
        for name in names:
            if name not in self.plan_events:
                self._fault(f"the plan has no event {name}.", "events")
        if len(set(map(str, names))) < len(names):
            self._fault("an event stands here twice.", "events")
        return tuple(self.plan_events[name] for name in names if name in self.plan_events)

    def _properties(self, source: str, *place: str) -> list[PropertyDefinition]:
        """The property of each event that has it; a fault if none has."""
        found = [event.by_name[source] for event in self.events if source in event.by_name]
        if not found and self.events:
            self._fault(f"none of the events has the property {source}.", *place)
        return found

    def _has_field(self, source: str, measure: Measure, *place: str) -> bool:
        if source not in measure.fields:
            known = ", ".join(sorted(measure.fields)) or "none"
            self._fault(f"{measure.name} has no {source}; it has {known}.", *place)
        return source in measure.fields

    # What is added up or observed

    def _value(self) -> tuple[str, ValueKind]:
        source = self.content.get("value")
        if self.measure:
            if source is not None:
                self._fault("a measure has a value of its own.", "value")
            if self.kind is FamilyType.HISTOGRAM and self.measure.value is ValueKind.NONE:
                self._fault(f"{self.measure.name} is counted, not measured; make it a counter.", "measure")
            return "", self.measure.value
        if source is None:
            if self.kind is FamilyType.HISTOGRAM:
                self._fault("a histogram observes a property that is a number.", "value")
            return "", ValueKind.NONE
        return str(source), self._kind_of_value(str(source))

    def _kind_of_value(self, source: str) -> ValueKind:
        definitions = self._properties(source, "value")
        kinds = {VALUE_KINDS.get(definition.type, ValueKind.NONE) for definition in definitions}
        if ValueKind.NONE in kinds:
            self._fault(f"{source} is no number.", "value")
        elif len(kinds) > 1:
            self._fault(f"{source} has another type in another of the events.", "value")
        for definition in definitions:
            if (definition.minimum or 0) < 0:
                self._fault(f"{source} can be below 0, and what is counted never falls.", "value")
            if (definition.maximum or 0) > LARGEST_VALUE.get(definition.type, math.inf):
                self._fault(
                    f"{source} can be above {LARGEST_VALUE[definition.type]:g}: its sum might not be stored.",
                    "value",
                )
        return next(iter(kinds), ValueKind.NONE)

    def _unit(self, value_kind: ValueKind) -> Unit:
        unit = self.content.get("unit", Unit.SECONDS)
        if unit not in tuple(Unit):
            self._fault(f"is unknown; the units are {', '.join(Unit)}.", "unit")
            return Unit.SECONDS
        if "unit" in self.content and value_kind is not ValueKind.DURATION:
            self._fault("only durations have a unit.", "unit")
        return Unit(unit)

    # Which of them

    def _conditions(self) -> Iterator[Condition]:
        for source, entry in mapping(self.content.get("when"), (*self.path, "when"), self.report).items():
            place = ("when", source)
            if self.measure and not self._has_field(source, self.measure, *place):
                continue
            definitions = [] if self.measure else self._properties(source, *place)
            yield self._condition(source, entry, definitions, place)

    def _condition(
        self, source: str, entry: Any, definitions: Sequence[PropertyDefinition], place: tuple[str, ...]
    ) -> Condition:
        if entry == PRESENT:
            if any(definition.type.is_numeric for definition in definitions):
                self._fault("a number is asked for by above.", *place)
            return Condition(source=source)
        if isinstance(entry, dict):
            return Condition(source=source, above=self._above(entry, definitions, place))
        values = entry if isinstance(entry, list) else [entry]
        texts = tuple(_text_of(value) for value in values)
        if not all(isinstance(value, str | bool) for value in values) or not values:
            self._fault("is a text, true, false, a list of these, present, or {above: number}.", *place)
        for definition in definitions:
            possible = definition.values or ("true", "false")
            if definition.type in BOUNDED_TYPES and not {*texts} <= {*possible}:
                self._fault(f"{source} is one of {', '.join(possible)}.", *place)
            if definition.type.is_numeric or definition.type is PropertyType.IDS:
                self._fault(f"{source} cannot be compared with a text.", *place)
        return Condition(source=source, values=texts)

    def _above(
        self, entry: Mapping[str, Any], definitions: Sequence[PropertyDefinition], place: tuple[str, ...]
    ) -> float:
        above = entry.get("above")
        if not _is_number(above) or len(entry) > 1:
            self._fault("is {above: number}.", *place)
            return 0
        if self.measure or any(not definition.type.is_numeric for definition in definitions):
            self._fault("only a number can be above another.", *place)
        return float(str(above))

    # What its series are told apart by

    def _labels(self) -> Iterator[LabelDefinition]:
        entries = mapping(self.content.get("labels"), (*self.path, "labels"), self.report)
        if len(entries) > MAX_LABELS:
            self._fault(f"has at most {MAX_LABELS} labels.", "labels")
        for name, entry in entries.items():
            if not LABEL_NAME.fullmatch(name) or name in RESERVED_LABELS:
                self._fault(f"a label is named like error_type, and not {', '.join(sorted(RESERVED_LABELS))}.",
                            "labels", name)  # fmt: skip
            yield self._label(name, entry)

    def _label(self, name: str, entry: Any) -> LabelDefinition:
        place = ("labels", name)
        content = {"from": entry} if isinstance(entry, str) else mapping(
            entry, (*self.path, *place), self.report, keys=LABEL_KEYS
        )  # fmt: skip
        source = str(content.get("from") or "")
        capped = flag(content, "capped", (*self.path, *place), self.report)
        if content.get("as", STATUS_FAMILY) != STATUS_FAMILY:
            self._fault(f"is {STATUS_FAMILY} or is left out.", *place, "as")
        label = LabelDefinition(name=name, source=source, capped=capped, as_status_family="as" in content)
        self._check_source(label, place)
        return label

    def _check_source(self, label: LabelDefinition, place: tuple[str, ...]) -> None:
        if self.measure:
            if self._has_field(label.source, self.measure, *place):
                is_open = label.source in self.measure.open_fields
                self._check_cap(label, is_open=is_open, place=place)
        elif label.source != EVENT_NAME:
            for definition in self._properties(label.source, *place):
                self._check_property(label, definition, place)

    def _check_property(
        self, label: LabelDefinition, definition: PropertyDefinition, place: tuple[str, ...]
    ) -> None:
        if definition.type is PropertyType.INTEGER:
            if not label.as_status_family:
                self._fault(f"a number has no bounded values; with as: {STATUS_FAMILY} it has.", *place)
            elif definition.minimum is None or not (
                STATUSES[0] <= definition.minimum <= (definition.maximum or 0) <= STATUSES[1]
            ):
                self._fault(f"as: {STATUS_FAMILY} takes a whole number from 100 to 999.", *place)
        elif definition.type is PropertyType.TOKEN and not definition.keeps_origin_and_path:
            self._check_cap(label, is_open=True, place=place)
        elif definition.type not in BOUNDED_TYPES:
            self._fault(f"{label.source} has no bounded values: an id, an address or a number is no label.",
                        *place)  # fmt: skip

    def _check_cap(self, label: LabelDefinition, *, is_open: bool, place: tuple[str, ...]) -> None:
        if is_open and not label.capped:
            self._fault(
                f"{label.source} can be any text. Mark it capped: true: past the budget it becomes other.",
                *place,
            )

    # How many there may be

    def _buckets(self) -> tuple[float, ...]:
        bounds = self.content.get("buckets")
        if self.kind is FamilyType.COUNTER:
            if bounds is not None:
                self._fault("only a histogram has buckets.", "buckets")
            return ()
        if isinstance(bounds, str):
            if bounds not in self.bucket_sets:
                known = ", ".join(self.bucket_sets) or "none"
                self._fault(f"the plan has no buckets {bounds}; it has {known}.", "buckets")
            # Faults of a named set are told once, where it stands.
            return _numbers(self.bucket_sets.get(bounds))
        return _bounds_of(bounds, (*self.path, "buckets"), self.report)

    def _budget(self) -> int:
        budget = self.content.get("budget", DEFAULT_BUDGET)
        if not isinstance(budget, int) or isinstance(budget, bool) or not 1 <= budget <= MAX_BUDGET:
            self._fault(f"is a whole number from 1 to {MAX_BUDGET}.", "budget")
            return DEFAULT_BUDGET
        return budget


def _bounds_of(bounds: Any, path: Place, report: FaultReport) -> tuple[float, ...]:
    numbers = _numbers(bounds)
    if not isinstance(bounds, list) or len(numbers) < len(bounds) or not 1 <= len(numbers) <= MAX_BUCKETS:
        report.add(path, f"buckets are a list of 1 to {MAX_BUCKETS} numbers above 0.")
    elif any(bound >= following for bound, following in pairwise(numbers)):
        report.add(path, "buckets ascend, and none stands here twice.")
    return numbers


def _numbers(bounds: Any) -> tuple[float, ...]:
    numbers = bounds if isinstance(bounds, list) else []
    return tuple(float(bound) for bound in numbers if _is_number(bound) and bound > 0)


def _is_number(value: Any) -> bool:
    # YAML's true is a bool, and Python takes a bool for an int.
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _text_of(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
