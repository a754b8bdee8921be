"""An example of each event: what a client may post as it stands."""

from datetime import datetime
from typing import Any

from telemetry.plan.definitions import EventDefinition, PropertyDefinition, PropertyType
from web.moments import rfc3339

NUMBERS: dict[PropertyType, float] = {
    PropertyType.COUNT: 3,
    PropertyType.DURATION_MS: 1500,
    PropertyType.MONEY: 0.25,
    PropertyType.INTEGER: 200,
    PropertyType.NUMBER: 0.5,
}
ADDRESS = "https://example.com/"


def example_event(definition: EventDefinition, *, now: datetime) -> dict[str, Any]:
    """An event of `now` with all its properties but the deprecated ones, as the door accepts it."""
    properties = {
        part.name: example_value(part) for part in definition.properties if part.deprecation is None
    }
    return {
        "event": definition.name,
        "id": "event-1",
        "sessionId": "session-1",
        "timestamp": rfc3339(now),
        **({"properties": properties} if properties else {}),
    }


def example_value(definition: PropertyDefinition) -> Any:
    match definition.type:
        case PropertyType.ENUM:
            return definition.values[0]
        case PropertyType.BOOL:
            return True
        case PropertyType.IDS:
            return [short_name(definition.name.removesuffix("s"))]
        case PropertyType.ID:
            return short_name(definition.name)[: definition.max_length]
        case PropertyType.TOKEN:
            text = ADDRESS if definition.keeps_origin_and_path else "example"
            return text[: definition.max_length]
    number = NUMBERS[definition.type]
    least = number if definition.minimum is None else max(number, definition.minimum)
    value = least if definition.maximum is None else min(least, definition.maximum)
    return int(value) if definition.type.is_whole else value


def short_name(name: str) -> str:
    """draft-1 of draftId."""
    return f"{name.removesuffix('Id').lower()}-1"
