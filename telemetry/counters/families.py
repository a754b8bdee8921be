"""The metric families that events feed, as frozen data. telemetry.counters.bridge stores their values.

`environment` is a label of every family. It has a column of its own, so `labels` leaves it out.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

# Upper bounds in seconds. 300 ms and 15 minutes are among them because objectives are stated at them.
HTTP_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0)
WORK_BUCKETS = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0)
INFINITY = "+Inf"

MICRO = 1_000_000
MICROSECONDS_A_MINUTE = 60 * MICRO

# Labels that can take any value. Past a family's budget they become "other".
OPEN_LABELS = frozenset({"agent", "category", "error_type", "method", "model", "route", "workflow"})


class FamilyType(StrEnum):
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, kw_only=True)
class Family:
    """A family's definition. A stored whole number divided by `scale` is a value in the family's unit.

    `budget` is the highest number of its series; a series is an environment with label values, and all buckets
    of a histogram are one. An `is_internal` family is not exposed: a gauge is computed from it.
    """

    name: str
    kind: FamilyType
    help: str
    labels: tuple[str, ...]
    buckets: tuple[float, ...] = ()
    scale: int = 1
    budget: int = 200
    is_internal: bool = False

    @property
    def has_open_labels(self) -> bool:
        return not OPEN_LABELS.isdisjoint(self.labels)

    def bin_of(self, microseconds: int) -> str:
        """The upper bound, inclusive, of the bucket that a duration belongs to."""
        index = bisect_left(self.buckets, microseconds / MICRO)
        return str(self.buckets[index]) if index < len(self.buckets) else INFINITY


def counter(
    name: str, text: str, *labels: str, scale: int = 1, budget: int = 200, is_internal: bool = False
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


def histogram(name: str, text: str, *labels: str, buckets: tuple[float, ...] = WORK_BUCKETS) -> Family:
    return Family(
        name=name, kind=FamilyType.HISTOGRAM, help=text, labels=labels, buckets=buckets, scale=MICRO
    )


REQUEST_LABELS = ("route", "method", "status_family", "model")

# A larger budget, for families whose label values are fixed: only new environments add series.
ENUMERATED = 1000

DEFINITIONS = (
    counter(
        "workbench_events_total",
        "Accepted events; status and approved are empty when the event has none.",
        "event",
        "status",
        "approved",
        budget=ENUMERATED,
    ),
    histogram("workbench_session_duration_seconds", "How long workbench sessions lasted."),
    histogram("workbench_draft_acceptance_seconds", "From a draft's first creation to its first acceptance."),
    counter("workflow_runs_total", "Workflow runs that ended, by how they ended.", "status", "trigger"),
    histogram("workflow_duration_seconds", "How long workflow runs took.", "status"),
    histogram("workflow_approval_wait_time_seconds", "From a request to its decision.", "approved"),
    counter("agent_runs_total", "Agent runs that ended, by how they ended.", "agent", "status"),
    histogram("agent_duration_seconds", "How long agent runs took.", "agent"),
    counter("agent_errors_total", "Failed agent runs, by the type of their error.", "agent", "error_type"),
    counter("agent_retries_total", "Attempts of agent runs after their first.", "agent"),
    counter("workflow_cost_usd_total", "What executions cost.", "workflow", scale=MICRO),
    counter(
        "workflow_execution_minutes_total",
        "Minutes that workflow runs took.",
        "workflow",
        scale=MICROSECONDS_A_MINUTE,
    ),
    counter("appserver_requests_total", "Requests that app servers answered.", *REQUEST_LABELS),
    histogram(
        "appserver_request_duration_seconds",
        "How long app servers took to answer.",
        *REQUEST_LABELS,
        buckets=HTTP_BUCKETS,
    ),
    counter("appserver_errors_total", "Requests of app servers that failed.", "category"),
    counter("appserver_worker_restarts_total", "Times that a worker of an app server was restarted."),
    counter("appserver_streams_opened_total", "Streams that app servers opened.", is_internal=True),
    counter("appserver_streams_closed_total", "Streams that app servers closed.", is_internal=True),
    counter("tool_buffer_started_total", "Tool buffers started."),
    counter("tool_buffer_flushed_total", "Tool buffers flushed."),
    counter("tool_buffer_aborted_total", "Tool buffers aborted."),
    counter(
        "portal_events_received_total",
        "Events received, by what became of them; reason is the code of a rejected one's first error.",
        "outcome",
        "reason",
        budget=ENUMERATED,
    ),
    counter("portal_raw_events_removed_total", "Raw events pruned or erased.", is_internal=True),
    counter("portal_quarantine_removed_total", "Quarantined events pruned or erased.", is_internal=True),
    counter(
        "workbench_kpi_numerator_total",
        "A KPI's numerator since the beginning: a count, seconds or dollars.",
        "kpi",
        "persona",
        scale=MICRO,
        budget=ENUMERATED,
    ),
    counter(
        "workbench_kpi_denominator_total",
        "A KPI's denominator since the beginning.",
        "kpi",
        "persona",
        budget=ENUMERATED,
    ),
)

FAMILIES: Mapping[str, Family] = MappingProxyType({family.name: family for family in DEFINITIONS})
