"""The metrics that a tracking plan declares, as frozen data: what feeds each, and what its series are told apart by."""

from dataclasses import dataclass
from enum import StrEnum

from telemetry.plan.measures import MEASURES, ValueKind

DEFAULT_BUDGET = 200
MICRO = 1_000_000
MICROSECONDS_A_MINUTE = 60 * MICRO
# The source of a label that is the event's own name. No property can be called so.
EVENT_NAME = "event_name"
# Words of a plan: the events of a metric, a condition, a reading of a number.
EVERY_EVENT = "all"
PRESENT = "present"
STATUS_FAMILY = "status_family"


class FamilyType(StrEnum):
    COUNTER = "counter"
    HISTOGRAM = "histogram"


class Unit(StrEnum):
    """The unit of a duration's metric."""

    SECONDS = "seconds"
    MINUTES = "minutes"


@dataclass(frozen=True, kw_only=True)
class LabelDefinition:
    """A label and its source: a property of the events, a field of the measure, or EVENT_NAME.

    A `capped` label takes any value until the metric's budget is used; from then on new values become `other`. With
    `as_status_family` a whole number stands for its hundreds: `5xx` for 503.
    """

    name: str
    source: str
    capped: bool = False
    as_status_family: bool = False


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What a fact must be to be counted: one of `values`, or above a number, or there at all if neither is given."""

    source: str
    values: tuple[str, ...] = ()
    above: float | None = None


@dataclass(frozen=True, kw_only=True)
class MetricDefinition:
    """A counter or histogram of Prometheus. Its facts are events, or what a measure finds.

    `events` are empty for a measure. A counter adds up `value` (a property), or counts facts where that is empty; a
    histogram observes it. `buckets` are upper bounds, in seconds where the value is a duration.
    """

    name: str
    kind: FamilyType
    help: str
    notes: str = ""
    events: tuple[str, ...] = ()
    counts_every_event: bool = False
    measure: str = ""
    value: str = ""
    value_kind: ValueKind = ValueKind.NONE
    unit: Unit = Unit.SECONDS
    conditions: tuple[Condition, ...] = ()
    labels: tuple[LabelDefinition, ...] = ()
    buckets: tuple[float, ...] = ()
    budget: int = DEFAULT_BUDGET

    @property
    def fed_by(self) -> tuple[str, ...]:
        """The events that the metric's facts come from."""
        return MEASURES[self.measure].events if self.measure else self.events

    @property
    def scale(self) -> int:
        """A stored whole number divided by it is a value in the metric's unit."""
        if self.value_kind is ValueKind.DURATION and self.unit is Unit.MINUTES:
            return MICROSECONDS_A_MINUTE
        return 1 if self.value_kind in {ValueKind.NONE, ValueKind.WHOLE} else MICRO
