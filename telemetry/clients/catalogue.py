"""The event catalogue: a tracking plan as a page that people read."""

import json
from collections.abc import Iterator
from typing import Any

from telemetry.plan import Deprecation, EventDefinition, PropertyDefinition, PropertyType, TrackingPlan

INTRODUCTION = """\
# Events

Every event that clients may send, from version {version} of the tracking plan. Written by
`python manage.py export_clients`; do not edit. What is marked with * is required.

Besides its own properties every event carries `event`, `sessionId` and `timestamp`, and may carry `id`.
"""
EXAMPLES: dict[PropertyType, Any] = {
    PropertyType.TOKEN: "label",
    PropertyType.BOOL: True,
    PropertyType.COUNT: 3,
    PropertyType.DURATION_MS: 1500,
    PropertyType.MONEY: 0.25,
}


def event_catalogue(plan: TrackingPlan) -> str:
    """The page as Markdown: a list of all events, then each with its properties and an example of it."""
    events = plan.events.values()
    index = "\n".join(
        f"- [`{event.name}`](#{_anchor(event.name)}): {_text(event.description)}" for event in events
    )
    sections = ("\n".join(_section(event)) for event in events)
    return "\n".join([INTRODUCTION.format(version=plan.version), index, "", *sections])


def _section(event: EventDefinition) -> Iterator[str]:
    yield f"## {event.name}\n"
    yield f"{_text(event.description)} Sent when: {_text(event.emitted_when)}{_deprecation(event.deprecation)}\n"
    if event.properties:
        yield "| Property | Takes | Meaning |\n|---|---|---|"
        yield from (_row(definition) for definition in event.properties)
        yield ""
    yield f"```json\n{json.dumps(_example(event), ensure_ascii=False)}\n```\n"


def _row(definition: PropertyDefinition) -> str:
    mark = "*" if definition.required else ""
    meaning = f"{_text(definition.description)}{_deprecation(definition.deprecation)}"
    return f"| `{definition.name}`{mark} | {_takes(definition)} | {meaning} |"


def _takes(definition: PropertyDefinition) -> str:
    if definition.type is PropertyType.ENUM:
        return ", ".join(f"`{_text(value)}`" for value in definition.values)
    if definition.type is PropertyType.BOOL:
        return "true or false"
    if definition.type.is_numeric:
        kind = "a whole number" if definition.type.is_whole else "a number"
        return f"{kind}, {definition.minimum} to {definition.maximum}"
    if definition.type is PropertyType.IDS:
        return f"a list of at most {definition.max_items} ids"
    return f"{_kind_of_text(definition)}, at most {definition.max_length} characters{_kept(definition)}"


def _kind_of_text(definition: PropertyDefinition) -> str:
    return "an id" if definition.type is PropertyType.ID else "a short text"


def _kept(definition: PropertyDefinition) -> str:
    if definition.pseudonymised:
        return "; kept as a keyed hash"
    return "; only its origin and path are kept" if definition.keeps_origin_and_path else ""


def _example(event: EventDefinition) -> dict[str, Any]:
    """An event that the door accepts, but for its date."""
    example: dict[str, Any] = {
        "event": event.name,
        "id": "0190a1f2-7c1e-4c55-9d3a-0a52a2a1c001",
        "sessionId": "s-1",
        "timestamp": "2026-02-02T10:00:00.000Z",
    }
    if event.properties:
        example["properties"] = {
            definition.name: example_value(definition)
            for definition in event.properties
            if _is_shown(definition)
        }
    return example


def _is_shown(definition: PropertyDefinition) -> bool:
    return definition.deprecation is None


def example_value(definition: PropertyDefinition) -> Any:
    if definition.type is PropertyType.ENUM:
        return definition.values[0]
    if definition.keeps_origin_and_path:
        return "https://app.example.com/drafts"[: definition.max_length]
    if definition.type is PropertyType.IDS:
        return ["tool-1", "tool-2"]
    example = EXAMPLES.get(definition.type, definition.minimum)
    # The example of an id is made from its name: draftId gives draft-1.
    example = f"{definition.name.removesuffix('Id').lower()}-1" if example is None else example
    return example[: definition.max_length] if isinstance(example, str) else example


def _deprecation(mark: Deprecation | None) -> str:
    if mark is None:
        return ""
    instead = f" Send {_text(mark.instead)} instead." if mark.instead else ""
    return f" **Deprecated**: rejected after {mark.until}.{instead}"


def _text(text: str) -> str:
    """A text of the plan within a Markdown table: on one line, and unable to end its cell."""
    return " ".join(text.split()).replace("|", "\\|")


def _anchor(heading: str) -> str:
    return heading.replace(".", "").lower()
