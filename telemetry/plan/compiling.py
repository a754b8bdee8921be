"""Turns a tracking plan into msgspec decoders, so that a good event is read and checked in one C call."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import attrgetter, or_
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from telemetry.plan.definitions import (
    MAX_EVENT_ID_LENGTH,
    MAX_ID_LENGTH,
    EventDefinition,
    PropertyDefinition,
    PropertyType,
    TrackingPlan,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class CompiledEvent:
    """What is checked of an event after decoding. The names are attributes of its properties."""

    definition: EventDefinition
    pseudonymised: tuple[str, ...]
    trimmed: tuple[tuple[str, PropertyDefinition], ...]
    # Texts whose content the client chooses, and lists of them.
    ids: tuple[str, ...]
    tokens: tuple[str, ...]
    lists: tuple[str, ...]


# Two are the same only if they are one: what follows from a plan is cached by it.
@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CompiledPlan:
    """One decoder for all events: a union tagged by `event`, measured as fast as a decoder an event."""

    plan: TrackingPlan
    decoder: msgspec.json.Decoder[Any]
    events: Mapping[type, CompiledEvent]


def compile_plan(plan: TrackingPlan) -> CompiledPlan:
    """The plan's validators. It takes about 10 ms: compile a plan once."""
    structs = {_event_struct(event): _compiled_event(event) for event in plan.events.values()}
    union = reduce(or_, structs)
    return CompiledPlan(plan=plan, decoder=msgspec.json.Decoder(union), events=structs)


def attribute(name: str) -> str:
    """The attribute of a property. It ends with an underscore, because a property may be named `from` or `class`."""
    return f"{name}_"


def _compiled_event(event: EventDefinition) -> CompiledEvent:
    def names(has_mark: Any) -> tuple[str, ...]:
        return tuple(attribute(definition.name) for definition in event.properties if has_mark(definition))

    return CompiledEvent(
        definition=event,
        pseudonymised=names(attrgetter("pseudonymised")),
        trimmed=tuple(
            (attribute(definition.name), definition)
            for definition in event.properties
            if definition.keeps_origin_and_path
        ),
        ids=names(lambda definition: definition.type is PropertyType.ID),
        tokens=names(lambda definition: definition.type is PropertyType.TOKEN),
        lists=names(lambda definition: definition.type is PropertyType.IDS),
    )


def _event_struct(event: EventDefinition) -> type:
    properties = _properties_struct(event)
    default = () if event.required else (msgspec.field(default_factory=properties),)
    return msgspec.defstruct(
        _class_name(event.name),
        [
            ("sessionId", _text(MAX_ID_LENGTH)),
            ("timestamp", str),
            ("properties", properties, *default),
            ("id", _text(MAX_EVENT_ID_LENGTH), ""),
        ],
        tag_field="event",
        tag=event.name,
        kw_only=True,
        forbid_unknown_fields=True,
        # Nothing here can refer to itself, so the garbage collector need not look.
        gc=False,
    )


def _properties_struct(event: EventDefinition) -> type:
    fields: list[Any] = []
    for definition in event.properties:
        kind = _annotation(definition)
        optional = (attribute(definition.name), kind | UnsetType, UNSET)
        fields.append((attribute(definition.name), kind) if definition.required else optional)
    return msgspec.defstruct(
        _class_name(event.name) + "Properties",
        fields,
        rename={attribute(definition.name): definition.name for definition in event.properties},
        kw_only=True,
        forbid_unknown_fields=True,
        gc=False,
    )


def _annotation(definition: PropertyDefinition) -> Any:
    match definition.type:
        case PropertyType.BOOL:
            return bool
        case PropertyType.ENUM:
            return Literal[definition.values]
        case PropertyType.IDS:
            # A type that is made at run time is none to mypy.
            return Annotated[list[_text(definition.max_length)], Meta(max_length=definition.max_items)]  # type: ignore[misc]
        case PropertyType.ID:
            return _text(definition.max_length)
        case PropertyType.TOKEN:
            # Only what is left after trimming counts; it is measured later.
            limit = None if definition.keeps_origin_and_path else definition.max_length
            return Annotated[str, Meta(max_length=limit)]
    number = int if definition.type.is_whole else float
    return Annotated[number, Meta(ge=definition.minimum, le=definition.maximum)]


def _text(max_length: int | None) -> Any:
    return Annotated[str, Meta(min_length=1, max_length=max_length)]


def _class_name(event_name: str) -> str:
    return "".join(part.title() for part in re.split(r"[._]", event_name))
