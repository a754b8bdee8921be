"""Series that can be known before anything is counted in them: a scrape shows them at 0.

Prometheus takes a series' first value as its beginning. A series that is born with its first hundred failures would
hide them from every rate() and increase(). What is shown here is not stored, and uses nothing of a family's budget.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from telemetry.counters.bridge import Counters, Series
from telemetry.counters.families import STATUS_FAMILIES
from telemetry.plan import (
    CompiledPlan,
    FamilyType,
    MetricDefinition,
    PropertyType,
    TrackingPlan,
    get_compiled_plan,
)
from telemetry.plan.codes import RejectionCode
from telemetry.plan.metrics import LabelDefinition
from workbench.labels import UNKNOWN

# Of a family with more there are too many for every environment: the events by name, status and approval.
MOST_OF_ENVIRONMENT = 32
RECEIVED = (
    ("accepted", ""),
    ("duplicate", ""),
    *(("rejected", code.value) for code in RejectionCode),
)

LabelValues = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class KnownLabels:
    """Label values by family that every environment has; and the place of the status family in the others' labels."""

    of_environment: Mapping[str, Sequence[LabelValues]]
    status_family_place: Mapping[str, int]


def with_zeros(counters: Counters, *, environments: Iterable[str]) -> Counters:
    """The counters with the series of these environments that are not stored yet; their bins are empty."""
    known = _known_labels(get_compiled_plan())
    names = list(environments)
    shown: Counters = defaultdict(dict, {family: dict(series) for family, series in counters.items()})
    for family, labels in known.of_environment.items():
        _add(shown, family=family, series=product(names, labels))
    for family, place in known.status_family_place.items():
        _add(shown, family=family, series=list(_siblings(shown[family], place=place)))
    return shown


def _add(counters: Counters, *, family: str, series: Iterable[Series]) -> None:
    for place in series:
        counters[family].setdefault(place, {})


def _siblings(series: Iterable[Series], *, place: int) -> Iterator[Series]:
    """The same series with each other status family."""
    for environment, labels in series:
        for status_family in STATUS_FAMILIES:
            yield environment, (*labels[:place], status_family, *labels[place + 1 :])


@lru_cache(maxsize=2)
def _known_labels(compiled: CompiledPlan) -> KnownLabels:
    of_environment: dict[str, Sequence[LabelValues]] = {"portal_events_received_total": RECEIVED}
    places = {}
    for metric in compiled.plan.metrics.values():
        labels = _all_labels(metric, plan=compiled.plan)
        if labels is not None:
            of_environment[metric.name] = labels
        elif metric.kind is FamilyType.COUNTER and not metric.counts_every_event:
            # A histogram would be all its buckets over, and most events have no status.
            for place, label in enumerate(metric.labels):
                if label.as_status_family:
                    places[metric.name] = place
    return KnownLabels(of_environment=of_environment, status_family_place=places)


def _all_labels(metric: MetricDefinition, *, plan: TrackingPlan) -> Sequence[LabelValues] | None:
    """Every combination of the metric's label values; None if they are open, or too many."""
    values = [_values_of(label, metric=metric, plan=plan) for label in metric.labels]
    closed = [each for each in values if each]
    if len(closed) < len(values):
        return None
    labels = list(product(*closed))
    return labels if len(labels) <= MOST_OF_ENVIRONMENT else None


def _values_of(label: LabelDefinition, *, metric: MetricDefinition, plan: TrackingPlan) -> Sequence[str]:
    """All values that the label can have; none if that is not known."""
    definitions = [
        definition
        for event in metric.fed_by
        for definition in plan.events[event].properties
        if definition.name == label.source
    ]
    if label.as_status_family or not definitions:
        return ()
    first = definitions[0]
    values = ("false", "true") if first.type is PropertyType.BOOL else first.values
    if not values or all(definition.required for definition in definitions):
        return values
    return (*values, UNKNOWN if metric.measure else "")
