"""Events as clients send them, with defaults that make a good one."""

import json
from typing import Any

MISSING = object()

VALUES: dict[str, Any] = {
    "id": "i-1",
    "ids": ["tool-1", "tool-2"],
    "token": "short-label",
    "bool": True,
    "count": 3,
    "duration_ms": 1500,
    "money": 0.25,
}


def make_event(event: str = "workbench.draft_created", **changes: Any) -> dict[str, Any]:
    """A good event; `changes` replace its keys, MISSING takes one away."""
    good = {
        "event": event,
        "id": "e-1",
        "sessionId": "s-1",
        "timestamp": "2026-02-15T11:00:00Z",
        "properties": {"source": "chat", "draftId": "d-1"},
    }
    return {key: value for key, value in {**good, **changes}.items() if value is not MISSING}


def make_properties(definitions: Any) -> dict[str, Any]:
    """A good value for each property definition."""
    return {definition.name: make_value(definition) for definition in definitions}


def make_value(definition: Any) -> Any:
    if definition.values:
        return definition.values[0]
    return VALUES.get(definition.type, definition.minimum)


def to_json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
