"""Every family that a scrape can show, as data: for the documentation, and for what is written about them.

The families of events are the plan's. The others are described here; a test compares them with a scrape.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from telemetry.plan import FamilyType, MetricDefinition, TrackingPlan

GAUGE = "gauge"


class FamilyTable(StrEnum):
    """The tables of docs/metrics.md."""

    EVENTS = "events"
    STATES = "states"
    KPIS = "kpis"
    REQUESTS = "requests"
    PORTAL = "portal"


class Source(StrEnum):
    """Where the values come from. Those of the database are the same on every replica."""

    DATABASE = "database"
    PROCESS = "process"
    SUPERVISOR = "supervisor"
    KERNEL = "kernel"
    CODE = "code"


@dataclass(frozen=True, kw_only=True)
class ShownFamily:
    """A family as a scrape shows it. A counter's name ends with _total. `fed_by`: the events that feed it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str
    table: FamilyTable
    source: Source
    fed_by: tuple[str, ...] = ()


DATABASE, PROCESS = Source.DATABASE, Source.PROCESS
SUPERVISOR, KERNEL = Source.SUPERVISOR, Source.KERNEL
COUNTER, HISTOGRAM = FamilyType.COUNTER.value, FamilyType.HISTOGRAM.value
KPI = "kpi persona environment"
WINDOW = f"{KPI} window"

# (table, source, name, type, labels, meaning)
ROWS: tuple[tuple[FamilyTable, Source, str, str, str, str], ...] = (
    (FamilyTable.STATES, DATABASE, "workflows_active", GAUGE, "environment",
     "Runs that started within the last 24 hours and have not completed, at most 10,000."),
    (FamilyTable.STATES, DATABASE, "appserver_active_streams", GAUGE, "environment",
     "Streams that opened within the last 24 hours and have not closed, at most 10,000. Those of an instance whose "
     "worker reported a state since are over: it was started anew, or stopped."),
    (FamilyTable.STATES, DATABASE, "appserver_maintenance", GAUGE, "environment",
     "1 while maintenance is on, according to the newest report."),
    (FamilyTable.STATES, DATABASE, "appserver_worker_ready", GAUGE, "environment",
     "Workers whose newest state is ready."),
    (FamilyTable.STATES, DATABASE, "appserver_worker_backoff_seconds", GAUGE, "environment",
     "The longest delay of the workers whose newest state is backoff; 0 if there are none."),
    (FamilyTable.KPIS, DATABASE, "workbench_kpi_value", GAUGE, WINDOW,
     "The KPI's value: a ratio, seconds or dollars. No sample where it is null."),
    (FamilyTable.KPIS, DATABASE, "workbench_kpi_target", GAUGE, WINDOW,
     "The target in force today; no sample without one."),
    (FamilyTable.KPIS, DATABASE, "workbench_kpi_baseline", GAUGE, WINDOW,
     "The baseline in force today; no sample without one."),
    (FamilyTable.KPIS, DATABASE, "workbench_kpi_on_target", GAUGE, WINDOW,
     "1 on target, 0 off target; no sample without a target, or where events are too few to judge."),
    (FamilyTable.KPIS, DATABASE, "workbench_kpi_too_close_to_call", GAUGE, WINDOW,
     "1 where the value is on one side of the target and its interval reaches to the other, else 0; no sample where "
     "`workbench_kpi_on_target` has none."),
    (FamilyTable.KPIS, DATABASE, "workbench_kpi_numerator_total", COUNTER, KPI,
     "The numerator since the beginning: a count, seconds or dollars."),
    (FamilyTable.KPIS, DATABASE, "workbench_kpi_denominator_total", COUNTER, KPI,
     "The denominator since the beginning."),
    (FamilyTable.REQUESTS, PROCESS, "portal_http_request_duration_seconds", HISTOGRAM, "route method status_family",
     "How long requests took, including all middleware. `route` is the name of the URL pattern. The admin's pages are "
     "one route. Paths that no pattern matches are the route `other`."),
    (FamilyTable.REQUESTS, PROCESS, "portal_http_errors_total", COUNTER, "category",
     "Answers of 400 and above: `bad_request`, `unauthorized`, `forbidden`, `not_found`, `method_not_allowed`, "
     "`too_large`, `unsupported_media_type`, `too_many_requests`, `server_error`, `unavailable`."),
    (FamilyTable.PORTAL, DATABASE, "portal_events_received_total", COUNTER, "environment outcome reason",
     "Events by outcome: `accepted`, `duplicate` or `rejected`, with the code of the first error as the reason. They "
     "count when they are folded. The outcome `dry_run` is counted in the processes."),
    (FamilyTable.PORTAL, PROCESS, "portal_dropped_properties_total", COUNTER, "environment",
     "Dropped properties whose names begin with `$`. PostHog's SDKs add them by themselves."),
    (FamilyTable.PORTAL, PROCESS, "portal_spans_total", COUNTER, "environment role",
     "Spans that were posted, by what they are to the portal: `workflow`, `agent`, `model_call`, `approval` or "
     "`none`, of which nothing is stored."),
    (FamilyTable.PORTAL, DATABASE, "portal_arrivals_pending", GAUGE, "environment",
     "Posts that wait to be folded."),
    (FamilyTable.PORTAL, DATABASE, "portal_rollup_lag_seconds", GAUGE, "environment",
     "How far the KPIs are behind: the time since the last rollup, or since the oldest post that waits."),
    (FamilyTable.PORTAL, DATABASE, "portal_raw_events", GAUGE, "environment",
     "Stored raw events: accepted minus deleted."),
    (FamilyTable.PORTAL, DATABASE, "portal_quarantine_events", GAUGE, "environment",
     "Events in the quarantine: rejected minus deleted."),
    (FamilyTable.PORTAL, DATABASE, "portal_raw_kept_from_timestamp_seconds", GAUGE, "environment",
     "Raw events before this moment were deleted; no sample if none were."),
    (FamilyTable.PORTAL, DATABASE, "portal_pruned_rows_total", COUNTER, "environment subject",
     "Rows that retention removed. Of the ledger: rows less after hours were summed up. Audit entries have no "
     "environment."),
    (FamilyTable.PORTAL, DATABASE, "portal_retry_requests_total", COUNTER, "environment outcome",
     "Requests to run a run again: `requested` counts all of them, and `done`, `failed` and `expired` what became of "
     "them. The others are on their way."),
    (FamilyTable.PORTAL, DATABASE, "portal_retention_last_run_timestamp_seconds", GAUGE, "",
     "When the newest run of retention ended; no sample before the first."),
    (FamilyTable.PORTAL, DATABASE, "portal_retention_last_run_seconds", GAUGE, "", "How long it took."),
    (FamilyTable.PORTAL, DATABASE, "portal_retention_last_run_success", GAUGE, "", "1 if it finished, 0 if it failed."),
    (FamilyTable.PORTAL, DATABASE, "portal_retention_behind_seconds", GAUGE, "",
     "How long ago a run of the policies should have finished: a day after the newest that did began. 0 if none is "
     "due, or without policies."),
    (FamilyTable.PORTAL, PROCESS, "portal_database_query_seconds", HISTOGRAM, "",
     "How long statements of the database took, failed ones included."),
    (FamilyTable.PORTAL, PROCESS, "portal_rollup_seconds", HISTOGRAM, "stage", "How long a stage of the rollup took."),
    (FamilyTable.PORTAL, PROCESS, "portal_task_failures_total", COUNTER, "task",
     "Background tasks that failed or were retried."),
    (FamilyTable.PORTAL, PROCESS, "portal_task_backoff_seconds", GAUGE, "task",
     "How long a task waits before a retry; 0 after a success."),
    (FamilyTable.PORTAL, SUPERVISOR, "portal_worker_up", GAUGE, "worker", "1 while the worker runs."),
    (FamilyTable.PORTAL, SUPERVISOR, "portal_worker_restarts_total", COUNTER, "worker", "Times that it was restarted."),
    (FamilyTable.PORTAL, SUPERVISOR, "portal_worker_backoff_seconds", GAUGE, "worker",
     "How long it waits before its next start."),
    (FamilyTable.PORTAL, KERNEL, "portal_processes", GAUGE, "worker", "Number of its processes."),
    (FamilyTable.PORTAL, KERNEL, "portal_process_resident_memory_bytes", GAUGE, "worker",
     "Sum of the resident memory of its processes. Shared pages count for each process."),
    (FamilyTable.PORTAL, KERNEL, "portal_process_cpu_seconds_total", COUNTER, "worker",
     "CPU time of its processes, including those that ended."),
    (FamilyTable.PORTAL, DATABASE, "portal_maintenance", GAUGE, "",
     "1 while posts are refused for maintenance: switched on for all machines, or by the file of this one."),
    (FamilyTable.PORTAL, DATABASE, "portal_metrics_series", GAUGE, "family", "Series that a database counter has."),
    (FamilyTable.PORTAL, Source.CODE, "portal_metrics_series_budget", GAUGE, "family", "Series that it may have."),
    (FamilyTable.PORTAL, PROCESS, "portal_metrics_collect_error", GAUGE, "",
     "1 when the database did not answer this scrape. `/api/workbench/metrics` has it only then."),
)  # fmt: skip

OWN_FAMILIES = tuple(
    ShownFamily(
        name=name, kind=kind, labels=tuple(labels.split()), meaning=meaning, table=table, source=source
    )
    for table, source, name, kind, labels, meaning in ROWS
)


def shown_families(plan: TrackingPlan) -> Sequence[ShownFamily]:
    """Every family that a scrape can show, but those of libraries: the plan's in its order, then the portal's."""
    return [*map(_of_metric, plan.metrics.values()), *OWN_FAMILIES]


def _of_metric(metric: MetricDefinition) -> ShownFamily:
    return ShownFamily(
        name=metric.name,
        kind=metric.kind.value,
        labels=("environment", *(label.name for label in metric.labels)),
        meaning=f"{metric.help} {metric.notes}".strip(),
        table=FamilyTable.EVENTS,
        source=DATABASE,
        fed_by=() if metric.counts_every_event else metric.fed_by,
    )
