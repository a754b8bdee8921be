"""The metric families whose values telemetry.counters.bridge stores: those of the plan, and the portal's own.

`environment` is a label of every family. It has a column of its own, so `labels` leaves it out.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from telemetry.plan import CompiledPlan, FamilyType, MetricDefinition, get_compiled_plan
from telemetry.plan.metrics import DEFAULT_BUDGET, MICRO

# Upper bounds in seconds of the portal's own requests. 300 ms is one because an objective is stated at it.
HTTP_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0)
INFINITY = "+Inf"
# The answers that rules tell apart. Where a series of a route is shown, these of the same route are too.
STATUS_FAMILIES = ("2xx", "4xx", "5xx")
# A larger budget, for families whose label values are fixed: only new environments add series.
ENUMERATED = 1000


@dataclass(frozen=True, kw_only=True)
class Family:
    """A family's definition. A stored whole number divided by `scale` is a value in the family's unit.

    `budget` is the highest number of its series; a series is an environment with label values, and all buckets
    of a histogram are one. `open_labels` can take any value; past the budget they become "other". An `is_internal`
    family is not exposed: a gauge is computed from it.
    """

    name: str
    kind: FamilyType
    help: str
    labels: tuple[str, ...]
    open_labels: frozenset[str] = frozenset()
    buckets: tuple[float, ...] = ()
    scale: int = 1
    budget: int = DEFAULT_BUDGET
    is_internal: bool = False

    def bin_of(self, value: int) -> str:
        """The upper bound, inclusive, of the bucket that a stored value belongs to."""
        index = bisect_left(self.buckets, value / self.scale)
        return str(self.buckets[index]) if index < len(self.buckets) else INFINITY


def counter(
    name: str,
    text: str,
    *labels: str,
    scale: int = 1,
    budget: int = ENUMERATED,
    is_internal: bool = False,
) -> Family:
    return Family(
        name=name,
        kind=FamilyType.COUNTER,
        help=text,
        labels=labels,
        scale=scale,
        budget=budget,
        is_internal=is_internal,
    )


PORTAL_FAMILIES = (
    counter(
        "portal_events_received_total",
        "Events received, by what became of them; reason is the code of a rejected one's first error.",
        "outcome",
        "reason",
    ),
    counter(
        "portal_pruned_rows_total",
        "Rows that retention removed; of the ledger, rows that were summed up.",
        "subject",
    ),
    counter(
        "portal_raw_events_removed_total",
        "Raw events pruned or erased.",
        budget=DEFAULT_BUDGET,
        is_internal=True,
    ),
    counter(
        "portal_quarantine_removed_total",
        "Quarantined events pruned or erased.",
        budget=DEFAULT_BUDGET,
        is_internal=True,
    ),
    counter(
        "portal_retry_requests_total",
        "Requests to run a run again: how many were made, and what became of them.",
        "outcome",
    ),
    counter(
        "workbench_kpi_numerator_total",
        "A KPI's numerator since the beginning: a count, seconds or dollars.",
        "kpi",
        "persona",
        scale=MICRO,
    ),
    counter("workbench_kpi_denominator_total", "A KPI's denominator since the beginning.", "kpi", "persona"),
)


def family_of_metric(metric: MetricDefinition) -> Family:
    """The family that stores a metric of the plan."""
    return Family(
        name=metric.name,
        kind=metric.kind,
        help=metric.help,
        labels=tuple(label.name for label in metric.labels),
        open_labels=frozenset(label.name for label in metric.labels if label.capped),
        buckets=metric.buckets,
        scale=metric.scale,
        budget=metric.budget,
    )


def families() -> Mapping[str, Family]:
    """All families by name: those of the running plan in its order, then the portal's own."""
    return _families(get_compiled_plan())


@lru_cache(maxsize=2)
def _families(compiled: CompiledPlan) -> Mapping[str, Family]:
    planned = map(family_of_metric, compiled.plan.metrics.values())
    return MappingProxyType({family.name: family for family in (*planned, *PORTAL_FAMILIES)})
