"""The parts of a tracking plan, as frozen data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType

from telemetry.plan.metrics import MetricDefinition
from telemetry.plan.suggestions import NameIndex, index_of_events, index_of_properties, index_of_values

MAX_EVENT_ID_LENGTH = 100
MAX_ID_LENGTH = 128
MAX_TOKEN_LENGTH = 200
MAX_LIST_ITEMS = 50
MAX_COUNT = 2**31 - 1
MAX_DURATION_MS = 30 * 24 * 60 * 60 * 1000
MAX_MONEY_USD = 1_000_000


class PropertyType(StrEnum):
    ID = "id"
    IDS = "ids"
    ENUM = "enum"
    TOKEN = "token"  # noqa: S105 (a short text, no secret)
    BOOL = "bool"
    COUNT = "count"
    DURATION_MS = "duration_ms"
    MONEY = "money"
    INTEGER = "integer"
    NUMBER = "number"

    @property
    def is_whole(self) -> bool:
        return self in {self.COUNT, self.DURATION_MS, self.INTEGER}

    @property
    def is_numeric(self) -> bool:
        return self.is_whole or self in {self.MONEY, self.NUMBER}

    @property
    def is_text(self) -> bool:
        """One string whose content the client chooses."""
        return self in {self.ID, self.TOKEN}


@dataclass(frozen=True, kw_only=True)
class Deprecation:
    """Accepted with a warning up to and including `until` (UTC), rejected from the next day on."""

    until: date
    instead: str = ""

    def is_over(self, *, today: date) -> bool:
        """Whether an event with the part is rejected on that UTC day."""
        return today > self.until


@dataclass(frozen=True, kw_only=True)
class PropertyDefinition:
    """A property of one event. Bounds are inclusive; they are None where the type has none."""

    name: str
    type: PropertyType
    required: bool
    description: str
    values: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    # Characters of the text, or of each item of a list.
    max_length: int | None = None
    max_items: int | None = None
    pseudonymised: bool = False
    keeps_origin_and_path: bool = False
    deprecation: Deprecation | None = None

    @cached_property
    def value_index(self) -> NameIndex:
        """What a client may have meant by a value that is not in the enumeration."""
        return index_of_values(self.values)


@dataclass(frozen=True, kw_only=True)
class EventDefinition:
    """An event. `properties` are in the plan's order, which is the order of the stored JSON too."""

    name: str
    description: str
    emitted_when: str
    properties: tuple[PropertyDefinition, ...] = ()
    deprecation: Deprecation | None = None

    @cached_property
    def by_name(self) -> Mapping[str, PropertyDefinition]:
        return {definition.name: definition for definition in self.properties}

    @cached_property
    def property_index(self) -> NameIndex:
        """What a client may have meant by the name of a property that the event does not have."""
        return index_of_properties(self.by_name)

    @cached_property
    def required(self) -> tuple[PropertyDefinition, ...]:
        return tuple(definition for definition in self.properties if definition.required)

    @cached_property
    def deprecations(self) -> tuple[tuple[str, Deprecation], ...]:
        """Its deprecated parts: (property name, deprecation), with "" as the name of the event itself."""
        parts = [
            ("", self.deprecation),
            *((definition.name, definition.deprecation) for definition in self.properties),
        ]
        return tuple((name, deprecation) for name, deprecation in parts if deprecation is not None)


@dataclass(frozen=True, kw_only=True)
class TrackingPlan:
    """All events by name, and all metrics by name, in the plan's order."""

    version: int
    events: Mapping[str, EventDefinition]
    metrics: Mapping[str, MetricDefinition] = field(default_factory=lambda: MappingProxyType({}))

    @cached_property
    def name_index(self) -> NameIndex:
        """What a client may have meant by a name that the plan does not have."""
        return index_of_events(self.events)

    @cached_property
    def namespaces(self) -> frozenset[str]:
        """First parts of the event names: {"workbench", "agent", …}."""
        return frozenset(name.partition(".")[0] for name in self.events)

    @cached_property
    def pseudonymised(self) -> frozenset[str]:
        """Property names that any event pseudonymises."""
        return frozenset(
            definition.name
            for event in self.events.values()
            for definition in event.properties
            if definition.pseudonymised
        )

    @cached_property
    def by_property(self) -> Mapping[str, tuple[PropertyDefinition, ...]]:
        """What the events say of the values of a property, by its name; each of these definitions once.

        Where one keeps the origin and path only, the others are left out. Enumerations come first.
        """
        found: dict[str, dict[PropertyDefinition, None]] = {}
        for event in self.events.values():
            for definition in event.properties:
                values_only = replace(definition, required=False, description="", deprecation=None)
                found.setdefault(definition.name, {})[values_only] = None
        return {name: _strictest(definitions) for name, definitions in found.items()}


def _strictest(definitions: Iterable[PropertyDefinition]) -> tuple[PropertyDefinition, ...]:
    trimmed = tuple(definition for definition in definitions if definition.keeps_origin_and_path)
    return trimmed or tuple(sorted(definitions, key=lambda each: each.type is not PropertyType.ENUM))
