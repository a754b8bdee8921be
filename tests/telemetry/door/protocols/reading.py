"""What translations say, as values that tests can compare."""

import json
from collections.abc import Sequence
from typing import Any

from telemetry.intake.ingest import PostedEvent
from telemetry.intake.validation import RejectedEvent


def read(event: PostedEvent) -> Any:
    """An event for the plan as a dict; a refusal as its code, name and id."""
    if isinstance(event, RejectedEvent):
        return event.problems[0].code, event.event, event.event_id
    return json.loads(bytes(event))


def read_all(events: Sequence[PostedEvent]) -> list[Any]:
    return [read(event) for event in events]
