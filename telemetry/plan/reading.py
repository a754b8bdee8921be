"""Reads a tracking plan from YAML, and names each fault with its line."""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from telemetry.plan.definitions import (
    MAX_COUNT,
    MAX_DURATION_MS,
    MAX_ID_LENGTH,
    MAX_LIST_ITEMS,
    MAX_MONEY_USD,
    MAX_TOKEN_LENGTH,
    Deprecation,
    EventDefinition,
    PropertyDefinition,
    PropertyType,
    TrackingPlan,
)
from telemetry.plan.documents import FaultReport, Place, PlanFault, flag, mapping, plain, sentence
from telemetry.plan.metric_reading import read_metrics

EVENT_NAME = re.compile(r"[a-z][a-z0-9]*\.[a-z][a-z0-9_]*")
PROPERTY_NAME = re.compile(r"[a-z][A-Za-z0-9]*")
ENUM_VALUE = re.compile(r"[!-~]+")
# As wide as the columns that hold them.
MAX_EVENT_NAME_LENGTH = 64
MAX_PROPERTY_NAME_LENGTH = 64
MAX_ENUM_VALUE_LENGTH = 32

PLAN_KEYS = frozenset({"version", "vocabulary", "events", "buckets", "metrics"})
EVENT_KEYS = frozenset({"description", "emitted_when", "required", "optional", "deprecated"})
PROPERTY_KEYS = frozenset(
    {"type", "description", "deprecated", "values", "minimum", "maximum"}
    | {"max_length", "pseudonymised", "keep"}
)
DEPRECATION_KEYS = frozenset({"until", "instead"})
# Keys of a property that only some types take.
TYPE_KEYS = {
    "values": frozenset({PropertyType.ENUM}),
    "minimum": frozenset({PropertyType.INTEGER, PropertyType.NUMBER}),
    "maximum": frozenset({PropertyType.INTEGER, PropertyType.NUMBER}),
    "max_length": frozenset({PropertyType.ID, PropertyType.TOKEN}),
    "pseudonymised": frozenset({PropertyType.ID}),
    "keep": frozenset({PropertyType.TOKEN}),
}
FIXED_BOUNDS: Mapping[PropertyType, tuple[float, float]] = {
    PropertyType.COUNT: (0, MAX_COUNT),
    PropertyType.DURATION_MS: (0, MAX_DURATION_MS),
    PropertyType.MONEY: (0, MAX_MONEY_USD),
}
LONGEST = {
    PropertyType.ID: MAX_ID_LENGTH,
    PropertyType.IDS: MAX_ID_LENGTH,
    PropertyType.TOKEN: MAX_TOKEN_LENGTH,
}


def read_plan(path: Path) -> TrackingPlan:
    """The plan in a YAML file.

    Raises PlanFault with every fault that was found, also for a file that is missing or is not YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PlanFault([f"{path}: the plan cannot be read: {error}."]) from error
    return parse_plan(text, name=path.name)


def parse_plan(text: str, *, name: str) -> TrackingPlan:
    """The plan in a YAML text; `name` is what its faults call it. Raises PlanFault with every fault."""
    report = FaultReport(name=name)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        document = plain(node, (), report) if node else None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise PlanFault([f"{name}: this is not YAML: {error}"]) from error
    plan = _plan(document, report)
    if report.faults:
        raise PlanFault(report.faults)
    return plan


def _plan(document: Any, report: FaultReport) -> TrackingPlan:
    content = mapping(document, (), report, keys=PLAN_KEYS)
    version = content.get("version")
    # Here and below: YAML's true is a bool, and Python takes a bool for an int.
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        report.add(("version",), "is missing or is not a whole number from 1.")
    vocabulary = mapping(content.get("vocabulary"), ("vocabulary",), report)
    _check_vocabulary(vocabulary, report)
    entries = mapping(content.get("events"), ("events",), report)
    if not entries:
        report.add(("events",), "the plan has no events.")
    events = {name: _event(name, entry, vocabulary, report) for name, entry in entries.items()}
    metrics = read_metrics(content, events, report)
    return TrackingPlan(
        version=version if isinstance(version, int) else 0,
        events=MappingProxyType(events),
        metrics=MappingProxyType(metrics),
    )


def _check_vocabulary(vocabulary: Mapping[str, Any], report: FaultReport) -> None:
    for name, entry in vocabulary.items():
        _property(name, entry, ("vocabulary", name), report, required=False)


def _event(name: str, entry: Any, vocabulary: Mapping[str, Any], report: FaultReport) -> EventDefinition:
    path: Place = ("events", name)
    if not EVENT_NAME.fullmatch(name) or len(name) > MAX_EVENT_NAME_LENGTH:
        report.add(path, "an event is named like workbench.draft_created, in at most 64 characters.")
    content = mapping(entry, path, report, keys=EVENT_KEYS)
    return EventDefinition(
        name=name,
        description=sentence(content, "description", path, report),
        emitted_when=sentence(content, "emitted_when", path, report),
        properties=tuple(_properties(content, path, vocabulary, report)),
        deprecation=_deprecation(content.get("deprecated"), (*path, "deprecated"), report),
    )


def _properties(
    content: Mapping[str, Any], path: Place, vocabulary: Mapping[str, Any], report: FaultReport
) -> Iterator[PropertyDefinition]:
    seen: set[str] = set()
    for section in ("required", "optional"):
        for name, entry in mapping(content.get(section), (*path, section), report).items():
            place = (*path, section, name)
            if name in seen:
                report.add(place, "is both required and optional.")
            seen.add(name)
            if entry is None and name not in vocabulary:
                report.add(place, "has no definition here and none in the vocabulary.")
            elif entry is not None or isinstance(vocabulary[name], dict):
                shared = vocabulary[name] if entry is None else entry
                yield _property(name, shared, place, report, required=section == "required")


def _property(
    name: str, entry: Any, path: Place, report: FaultReport, *, required: bool
) -> PropertyDefinition:
    if not PROPERTY_NAME.fullmatch(name) or len(name) > MAX_PROPERTY_NAME_LENGTH:
        report.add(path, "a property is named like draftId, in at most 64 characters.")
    content = mapping(entry, path, report, keys=PROPERTY_KEYS)
    kind = _type(content, path, report)
    minimum, maximum = _bounds(content, kind, path, report)
    deprecation = _deprecation(content.get("deprecated"), (*path, "deprecated"), report)
    if deprecation and required:
        report.add(path, "a required property cannot be deprecated; make it optional first.")
    return PropertyDefinition(
        name=name,
        type=kind,
        required=required,
        description=sentence(content, "description", path, report),
        values=_values(content, kind, path, report),
        minimum=minimum,
        maximum=maximum,
        max_length=_max_length(content, kind, path, report),
        max_items=MAX_LIST_ITEMS if kind is PropertyType.IDS else None,
        pseudonymised=flag(content, "pseudonymised", path, report),
        keeps_origin_and_path=_keeps_origin_and_path(content, path, report),
        deprecation=deprecation,
    )


def _type(content: Mapping[str, Any], path: Place, report: FaultReport) -> PropertyType:
    name = content.get("type")
    if name not in tuple(PropertyType):
        types = ", ".join(PropertyType)
        report.add((*path, "type"), f"is missing or unknown; the types are {types}.")
        # Any type will do: the plan is refused, and the reader goes on to find its other faults.
        return PropertyType.TOKEN
    kind = PropertyType(name)
    for key, kinds in TYPE_KEYS.items():
        if key in content and kind not in kinds:
            report.add((*path, key), f"does not go with the type {kind}.")
    return kind


def _values(
    content: Mapping[str, Any], kind: PropertyType, path: Place, report: FaultReport
) -> tuple[str, ...]:
    values = content.get("values")
    if kind is not PropertyType.ENUM:
        return ()
    place = (*path, "values")
    if not isinstance(values, list) or not values:
        report.add(place, "an enum lists its values.")
        return ()
    if not all(isinstance(value, str) for value in values):
        report.add(place, "every value is a text; put quotes around yes, no, on, off, null and numbers.")
        return ()
    if len(set(values)) < len(values):
        report.add(place, "a value stands here twice.")
    if any(not ENUM_VALUE.fullmatch(value) or len(value) > MAX_ENUM_VALUE_LENGTH for value in values):
        report.add(place, "a value is 1 to 32 characters of printable ASCII without spaces.")
    return tuple(values)


def _bounds(
    content: Mapping[str, Any], kind: PropertyType, path: Place, report: FaultReport
) -> tuple[float | None, float | None]:
    if kind in FIXED_BOUNDS:
        return FIXED_BOUNDS[kind]
    if not kind.is_numeric:
        return None, None
    minimum: Any = content.get("minimum")
    maximum: Any = content.get("maximum")
    allowed = (int,) if kind.is_whole else (int, float)
    # Beyond 2^53 JavaScript no longer tells neighbouring whole numbers apart.
    for key, bound in (("minimum", minimum), ("maximum", maximum)):
        if not isinstance(bound, allowed) or isinstance(bound, bool) or not abs(bound) <= 2**53:
            report.add((*path, key), f"the type {kind} needs a {key}, a number between -2^53 and 2^53.")
            return None, None
    if minimum > maximum:
        report.add((*path, "minimum"), "is above the maximum.")
    return minimum, maximum


def _max_length(
    content: Mapping[str, Any], kind: PropertyType, path: Place, report: FaultReport
) -> int | None:
    longest = LONGEST.get(kind)
    length = content.get("max_length", longest)
    if longest is None:
        return None
    if not isinstance(length, int) or isinstance(length, bool) or not 1 <= length <= longest:
        report.add((*path, "max_length"), f"is a whole number from 1 to {longest} for the type {kind}.")
        return longest
    return length


def _keeps_origin_and_path(content: Mapping[str, Any], path: Place, report: FaultReport) -> bool:
    if content.get("keep", "origin_and_path") != "origin_and_path":
        report.add((*path, "keep"), "is origin_and_path or is left out.")
    return "keep" in content


def _deprecation(entry: Any, path: Place, report: FaultReport) -> Deprecation | None:
    if entry is None:
        return None
    content = mapping(entry, path, report, keys=DEPRECATION_KEYS)
    until = content.get("until")
    if not isinstance(until, date) or isinstance(until, datetime):
        report.add((*path, "until"), "is a day, like 2026-12-31.")
        return None
    return Deprecation(until=until, instead=str(content.get("instead") or ""))
