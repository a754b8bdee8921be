"""The typed part of the Python client: a method for each event of a tracking plan."""

import keyword
import re
import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping
from operator import attrgetter

from telemetry.plan import Deprecation, EventDefinition, PropertyDefinition, PropertyType, TrackingPlan

WIDTH = 110
HEADER = '''\
"""The events of the tracking plan (version {version}), as typed methods.

Written by `python manage.py export_clients`. Do not edit.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from workbench_analytics.tracking import Tracker
'''
# What every event takes besides its properties, and what the body of a method calls by name.
ENVELOPE = ("self", "session_id", "timestamp", "event_id")
# The client's own names; an area of the plan gets an underscore where it would hide one of them.
CLIENT_NAMES = frozenset({"track", "flush", "shutdown", "set_consent", "counts", "run"})
TYPES = {
    PropertyType.ID: "str",
    # Not Sequence[str], which a single string is too.
    PropertyType.IDS: "list[str] | tuple[str, ...]",
    PropertyType.TOKEN: "str",
    PropertyType.BOOL: "bool",
    PropertyType.COUNT: "int",
    PropertyType.DURATION_MS: "int",
    PropertyType.INTEGER: "int",
    PropertyType.MONEY: "float",
    PropertyType.NUMBER: "float",
}


def python_events(plan: TrackingPlan) -> str:
    """A module with a class `Events`: a property for each area of the plan, with a method for each of its events.

    `client.workbench.draft_created(session_id="s-1", source="chat")`. The same plan gives the same text, for
    Python 3.9 and later.
    """
    areas: dict[str, list[EventDefinition]] = {}
    for event in plan.events.values():
        areas.setdefault(event.name.partition(".")[0], []).append(event)
    names = free_names(areas, taken=CLIENT_NAMES)
    classes = [_area(area, events) for area, events in areas.items()]
    head = HEADER.format(version=plan.version) + "\n" + _event_names(plan)
    return "\n\n".join([head, _events(names), *classes])


def parameter_names(properties: Iterable[PropertyDefinition]) -> dict[str, str]:
    """{"draftId": "draft_id", …}: no two the same, none a keyword or one that every event has."""
    return free_names((definition.name for definition in properties), taken=ENVELOPE)


def free_names(names: Iterable[str], *, taken: Collection[str]) -> dict[str, str]:
    """Each name in snake case, with as many underscores after it as it needs to be free."""
    free_by_name: dict[str, str] = {}
    for name in names:
        free = snake_case(name)
        while keyword.iskeyword(free) or free in taken or free in free_by_name.values():
            free += "_"
        free_by_name[name] = free
    return free_by_name


def snake_case(name: str) -> str:
    """draftId is draft_id, costUSD is cost_usd, sha256Sum is sha256_sum."""
    apart = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", apart).lower()


def _event_names(plan: TrackingPlan) -> str:
    names = "".join(f"    {_string(name)},\n" for name in plan.events)
    return f"# What `track` takes as the name of an event.\nEventName = Literal[\n{names}]\n"


def _events(names: Mapping[str, str]) -> str:
    areas = "".join(
        f"\n    @property\n    def {name}(self) -> {_class_name(area)}:\n        return {_class_name(area)}(self)\n"
        for area, name in names.items()
    )
    docstring = "A typed method for each event, by area: mix it into a client."
    return f'class Events(Tracker[EventName]):\n    """{docstring}"""\n{areas}'


def _area(area: str, events: list[EventDefinition]) -> str:
    own_names = free_names((event.name.partition(".")[2] for event in events), taken=())
    methods = (_method(name, event) for name, event in zip(own_names.values(), events, strict=True))
    start = (
        f"class {_class_name(area)}:\n"
        f'    """Events named {area}.*"""\n\n'
        '    __slots__ = ("_tracker",)\n\n'
        "    def __init__(self, tracker: Tracker[EventName]) -> None:\n"
        "        self._tracker = tracker\n"
    )
    return "\n".join([start, *methods])


def _method(name: str, event: EventDefinition) -> str:
    parameters = parameter_names(event.properties)
    # Required ones first, as readers expect; they are keywords anyway.
    ordered = sorted(event.properties, key=attrgetter("required"), reverse=True)
    sent = "".join(
        f'                "{definition.name}": {parameters[definition.name]},\n'
        for definition in event.properties
    )
    lines = [
        f"    def {name}(",
        "        self,",
        "        *,",
        "        session_id: str,",
        *(f"        {parameters[definition.name]}: {_annotation(definition)}," for definition in ordered),
        "        timestamp: datetime | None = None,",
        "        event_id: str | None = None,",
        "    ) -> str:",
        *_docstring(event, parameters),
        "        return self._tracker.track(",
        f'            "{event.name}",',
        "            session_id=session_id,",
        f"            properties={{\n{sent}            }}," if sent else "            properties=None,",
        "            timestamp=timestamp,",
        "            event_id=event_id,",
        "        )",
    ]
    return "\n".join(lines) + "\n"


def _annotation(definition: PropertyDefinition) -> str:
    kind = TYPES.get(definition.type) or f"Literal[{', '.join(map(_string, definition.values))}]"
    return kind if definition.required else f"{kind} | None = None"


def _docstring(event: EventDefinition, parameters: Mapping[str, str]) -> Iterator[str]:
    yield from _wrap(f'"""{_text(event.description)}', indent=8)
    yield ""
    yield from _wrap(f"When: {_text(event.emitted_when)}{_deprecation(event.deprecation)}", indent=8)
    if event.properties:
        yield ""
    for definition in event.properties:
        text = f"{parameters[definition.name]}: {_text(definition.description)}{_deprecation(definition.deprecation)}"
        yield from _wrap(text, indent=8)
    yield '        """'


def _deprecation(mark: Deprecation | None) -> str:
    if mark is None:
        return ""
    instead = f" Instead: {_text(mark.instead)}." if mark.instead else ""
    return f" Deprecated: rejected after {mark.until}.{instead}"


def _wrap(text: str, *, indent: int) -> list[str]:
    start = " " * indent
    return textwrap.wrap(
        text, WIDTH, initial_indent=start, subsequent_indent=start + "    ", break_long_words=False
    )


def _text(text: str) -> str:
    """A text of the plan within a docstring: on one line, and unable to end the docstring."""
    return " ".join(text.split()).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')


def _string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _class_name(area: str) -> str:
    return f"{area.title()}Events"
