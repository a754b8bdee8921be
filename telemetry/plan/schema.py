"""The tracking plan for machines: JSON Schema (draft 2020-12) of a post, and the plan as plain JSON."""

from typing import Any

from telemetry.plan.definitions import (
    MAX_EVENT_ID_LENGTH,
    MAX_ID_LENGTH,
    Deprecation,
    EventDefinition,
    PropertyDefinition,
    PropertyType,
    TrackingPlan,
)
from telemetry.plan.measures import ValueKind
from telemetry.plan.metrics import (
    EVERY_EVENT,
    PRESENT,
    STATUS_FAMILY,
    Condition,
    LabelDefinition,
    MetricDefinition,
)

MAX_BATCH_EVENTS = 2_500
# Negations, because they mean the same in every regular expression dialect: "$" does not.
NOT_ID_CHARACTERS = "[^!-~]"
NOT_TOKEN_CHARACTERS = "[\\u0000-\\u001f\\u007f-\\u009f]"  # noqa: S105  (characters, no secret)
TIMESTAMP = r"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$"


def json_schema(plan: TrackingPlan) -> dict[str, Any]:
    """JSON Schema of what may be posted: one event, or {"events": [event, …]}.

    A schema cannot say everything. Only the door checks the time window, calendar days, privacy, the size of an
    event and the end of a deprecation. A schema also accepts 1.0 as a whole number, which the door refuses.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Workbench telemetry",
        "version": plan.version,
        "anyOf": [{"$ref": "#/$defs/batch"}, {"$ref": "#/$defs/event"}],
        "$defs": {
            "batch": _object({"events": _array({"$ref": "#/$defs/event"}, MAX_BATCH_EVENTS)}, ["events"]),
            "event": {"oneOf": [{"$ref": f"#/$defs/{name}"} for name in plan.events]},
            **{name: _event_schema(event) for name, event in plan.events.items()},
        },
    }


def plan_as_dict(plan: TrackingPlan) -> dict[str, Any]:
    """The plan as plain JSON: {"version", "events": [{"name", …, "properties": […]}], "metrics": [{"name", …}]}.

    Bounds and marks that a part does not have are left out, and so is `metrics` of a plan without any.
    """
    metrics = [_metric_as_dict(metric) for metric in plan.metrics.values()]
    return {
        "version": plan.version,
        "events": [_event_as_dict(event) for event in plan.events.values()],
        **({"metrics": metrics} if metrics else {}),
    }


def _event_schema(event: EventDefinition) -> dict[str, Any]:
    properties = _object(
        {definition.name: _property_schema(definition) for definition in event.properties},
        [definition.name for definition in event.required],
    )
    needed = ["event", "sessionId", "timestamp", *(["properties"] if event.required else [])]
    return {
        "description": f"{event.description} Sent when: {event.emitted_when}",
        **_deprecated(event.deprecation),
        **_object(
            {
                "event": {"const": event.name},
                "id": {**_text(NOT_TOKEN_CHARACTERS, MAX_EVENT_ID_LENGTH), "minLength": 1},
                "sessionId": {**_text(NOT_ID_CHARACTERS, MAX_ID_LENGTH), "minLength": 1},
                "timestamp": {"type": "string", "format": "date-time", "pattern": TIMESTAMP},
                "properties": properties,
            },
            needed,
        ),
    }


def _property_schema(definition: PropertyDefinition) -> dict[str, Any]:
    return {
        "description": definition.description,
        **_deprecated(definition.deprecation),
        **_type_schema(definition),
    }


def _type_schema(definition: PropertyDefinition) -> dict[str, Any]:
    match definition.type:
        case PropertyType.BOOL:
            return {"type": "boolean"}
        case PropertyType.ENUM:
            return {"enum": list(definition.values)}
        case PropertyType.IDS:
            return _array(_id_schema(definition), definition.max_items)
        case PropertyType.ID:
            return _id_schema(definition)
        case PropertyType.TOKEN if definition.keeps_origin_and_path:
            kept = {"not": {"pattern": f"^[^?#]{{{(definition.max_length or 0) + 1}}}"}}
            return {"type": "string", "allOf": [{"not": {"pattern": NOT_TOKEN_CHARACTERS}}, kept]}
        case PropertyType.TOKEN:
            return _text(NOT_TOKEN_CHARACTERS, definition.max_length)
    number = "integer" if definition.type.is_whole else "number"
    return {"type": number, "minimum": definition.minimum, "maximum": definition.maximum}


def _id_schema(definition: PropertyDefinition) -> dict[str, Any]:
    return {**_text(NOT_ID_CHARACTERS, definition.max_length), "minLength": 1}


def _text(forbidden: str, max_length: int | None) -> dict[str, Any]:
    return {"type": "string", "maxLength": max_length, "not": {"pattern": forbidden}}


def _array(items: dict[str, Any], max_items: int | None) -> dict[str, Any]:
    return {"type": "array", "maxItems": max_items, "items": items}


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _deprecated(mark: Deprecation | None) -> dict[str, Any]:
    if mark is None:
        return {}
    instead = f" Instead: {mark.instead}." if mark.instead else ""
    return {"deprecated": True, "$comment": f"Accepted until {mark.until}.{instead}"}


def _event_as_dict(event: EventDefinition) -> dict[str, Any]:
    return {
        "name": event.name,
        "description": event.description,
        "emitted_when": event.emitted_when,
        **_deprecation_as_dict(event.deprecation),
        "properties": [_property_as_dict(definition) for definition in event.properties],
    }


def _property_as_dict(definition: PropertyDefinition) -> dict[str, Any]:
    details = {
        "values": list(definition.values) or None,
        "minimum": definition.minimum,
        "maximum": definition.maximum,
        "max_length": definition.max_length,
        "max_items": definition.max_items,
        "pseudonymised": definition.pseudonymised or None,
        "keep": "origin_and_path" if definition.keeps_origin_and_path else None,
    }
    return {
        "name": definition.name,
        "type": definition.type.value,
        "required": definition.required,
        "description": definition.description,
        **{key: value for key, value in details.items() if value is not None},
        **_deprecation_as_dict(definition.deprecation),
    }


def _deprecation_as_dict(mark: Deprecation | None) -> dict[str, Any]:
    if mark is None:
        return {}
    return {"deprecated": {"until": mark.until.isoformat(), "instead": mark.instead}}


def _metric_as_dict(metric: MetricDefinition) -> dict[str, Any]:
    details = {
        "notes": metric.notes or None,
        "events": EVERY_EVENT if metric.counts_every_event else list(metric.events) or None,
        "measure": metric.measure or None,
        "value": metric.value or None,
        "unit": metric.unit.value if metric.value_kind is ValueKind.DURATION else None,
        "when": {condition.source: _condition_as_plain(condition) for condition in metric.conditions} or None,
        "buckets": list(metric.buckets) or None,
    }
    return {
        "name": metric.name,
        "type": metric.kind.value,
        "help": metric.help,
        **{key: value for key, value in details.items() if value is not None},
        # A list: stored counts depend on the labels' order.
        "labels": [_label_as_dict(label) for label in metric.labels],
        "budget": metric.budget,
    }


def _condition_as_plain(condition: Condition) -> Any:
    if condition.above is not None:
        return {"above": condition.above}
    return list(condition.values) or PRESENT


def _label_as_dict(label: LabelDefinition) -> dict[str, Any]:
    details = {"capped": label.capped or None, "as": STATUS_FAMILY if label.as_status_family else None}
    return {
        "name": label.name,
        "from": label.source,
        **{key: value for key, value in details.items() if value is not None},
    }
