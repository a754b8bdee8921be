"""The metric families that are made from the database.

They are the same on every replica and survive restarts. What they cost depends on the number of series, of
runs under way and of posts that wait, and not on how many events there ever were.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import accumulate

from django.db.models import Count, Max, Min, Q
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from kpis.models import Freshness
from kpis.reading.evaluation import OFF_TARGET, ON_TARGET
from kpis.reading.windows import WindowReading, read_windows
from telemetry.counters.bridge import SUM, Counters, Series
from telemetry.counters.families import DEFINITIONS, FAMILIES, INFINITY, Family, FamilyType
from telemetry.models import Arrival, Environment
from workbench.models import AppServerState, WorkflowRun

# A run that has said nothing for so long was abandoned without a completion.
ACTIVE_FOR = timedelta(hours=24)
# So many index entries are counted and no more: abandoned runs must not make a scrape slow.
ACTIVE_LIMIT = 10_000

PORTAL = "portal_"
VERDICTS = {ON_TARGET: 1.0, OFF_TARGET: 0.0}

ByEnvironment = Mapping[str, float]


def gauge(name: str, text: str, values: ByEnvironment) -> GaugeMetricFamily:
    """A gauge by environment."""
    family = GaugeMetricFamily(name, text, labels=["environment"])
    for environment, value in sorted(values.items()):
        family.add_metric([environment], value)
    return family


# Counters that events feed --------------------------------------------------------------------------------


def event_families(counters: Counters) -> Iterator[Metric]:
    """The families of the bridge but the portal's own, without a sample where nothing was counted yet."""
    return (
        family_of(family, counters[family.name])
        for family in DEFINITIONS
        if not family.is_internal and not family.name.startswith(PORTAL)
    )


def family_of(family: Family, stored: Mapping[Series, Mapping[str, int]]) -> Metric:
    """The family's stored values, in its unit."""
    labels = ["environment", *family.labels]
    if family.kind is FamilyType.HISTOGRAM:
        histogram = HistogramMetricFamily(family.name, family.help, labels=labels)
        for (environment, values), bins in sorted(stored.items()):
            buckets = list(cumulated(family, bins).items())
            histogram.add_metric([environment, *values], buckets, bins.get(SUM, 0) / family.scale)
        return histogram
    counter = CounterMetricFamily(family.name.removesuffix("_total"), family.help, labels=labels)
    for (environment, values), bins in sorted(stored.items()):
        counter.add_metric([environment, *values], bins.get("", 0) / family.scale)
    return counter


def cumulated(family: Family, bins: Mapping[str, int]) -> dict[str, int]:
    """How many durations lie at or below each bound of the family, by bound.

    What was stored under a bound that the family has no more counts from the next one on.
    """
    counts = [0] * (len(family.buckets) + 1)
    for name, count in bins.items():
        if name != SUM:
            counts[bisect_left(family.buckets, float(name))] += count
    return dict(zip([*map(str, family.buckets), INFINITY], accumulate(counts), strict=True))


# Gauges of the workbench ----------------------------------------------------------------------------------


def workbench_gauges(counters: Counters, *, now: datetime) -> Iterator[Metric]:
    """What goes on in the workflow engine and the app servers at this moment."""
    yield gauge(
        "workflows_active",
        "Runs that started within the last 24 hours and have not completed; counted up to 10,000.",
        {environment: active_runs(environment, now=now) for environment in environment_names()},
    )
    yield gauge("appserver_active_streams", "Streams opened and not closed.", active_streams(counters))
    yield from app_server_gauges()


def environment_names() -> list[str]:
    return list(Environment.objects.order_by("name").values_list("name", flat=True))


def active_runs(environment: str, *, now: datetime) -> int:
    runs = WorkflowRun.objects.filter(
        environment=environment, started_at__gte=now - ACTIVE_FOR, completed_at=None
    )
    return runs.values("started_at")[:ACTIVE_LIMIT].count()


def active_streams(counters: Counters) -> ByEnvironment:
    """Never below zero: a stream may have been opened before its app server reported."""
    opened = totals_by_environment(counters["appserver_streams_opened_total"])
    closed = totals_by_environment(counters["appserver_streams_closed_total"])
    return {
        environment: max(0, opened.get(environment, 0) - closed.get(environment, 0))
        for environment in opened.keys() | closed.keys()
    }


def totals_by_environment(stored: Mapping[Series, Mapping[str, int]]) -> dict[str, int]:
    totals: dict[str, int] = defaultdict(int)
    for (environment, _), bins in stored.items():
        totals[environment] += sum(bins.values())
    return totals


def app_server_gauges() -> Iterator[Metric]:
    """What app servers reported last, of their workers and of their maintenance."""
    states = AppServerState.objects.order_by()
    workers = states.filter(subject__startswith="worker:").values_list("environment")
    ready = workers.annotate(ready=Count("pk", filter=Q(state="ready")))
    yield gauge("appserver_worker_ready", "Workers whose newest state is ready.", dict(ready))
    backoff = workers.annotate(longest=Max("backoff_ms", filter=Q(state="backoff")))
    yield gauge(
        "appserver_worker_backoff_seconds",
        "The longest delay of those workers whose newest state is backoff.",
        {environment: (longest or 0) / 1000 for environment, longest in backoff},
    )
    maintenance = states.filter(subject="maintenance").values_list("environment", "state")
    yield gauge(
        "appserver_maintenance",
        "Whether the app server's maintenance is on.",
        {environment: float(state == "on") for environment, state in maintenance},
    )


# KPIs -----------------------------------------------------------------------------------------------------


def kpi_families(*, now: datetime) -> Iterator[Metric]:
    """KPIs over today, 7 and 28 days up to now, without a sample where there is no value or verdict."""
    readings = read_windows(now=now)
    gauges: list[tuple[str, str, Callable[[WindowReading], float | None]]] = [
        ("value", "A KPI's value over the window.", lambda reading: reading.value),
        ("target", "The target in force today, in the KPI's unit.", lambda reading: reading.target),
        ("baseline", "The baseline in force today, in the KPI's unit.", lambda reading: reading.baseline),
        (
            "on_target",
            "1: on target, 0: off target; no sample where events are too few to judge.",
            lambda reading: VERDICTS.get(reading.verdict or ""),
        ),
    ]
    for suffix, text, value_of in gauges:
        yield kpi_gauge(f"workbench_kpi_{suffix}", text, ((one, value_of(one)) for one in readings))


def kpi_gauge(
    name: str, text: str, values: Iterable[tuple[WindowReading, float | None]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=["kpi", "persona", "environment", "window"])
    for reading, value in values:
        if value is not None:
            family.add_metric([reading.kpi, reading.persona, reading.environment, reading.window], value)
    return family


# The portal's own -----------------------------------------------------------------------------------------


def portal_families(counters: Counters, *, now: datetime) -> Iterator[Metric]:
    """How the portal itself is doing: what it received, holds and has yet to compute."""
    received = counters["portal_events_received_total"]
    yield family_of(FAMILIES["portal_events_received_total"], received)
    # Differences of counters, because a count of the rows would cost more with every event.
    yield gauge(
        "portal_raw_events",
        "Raw events kept: those accepted less those pruned or erased.",
        kept(received, outcome="accepted", removed=counters["portal_raw_events_removed_total"]),
    )
    yield gauge(
        "portal_quarantine_events",
        "Events in the quarantine: those rejected less those pruned or erased.",
        kept(received, outcome="rejected", removed=counters["portal_quarantine_removed_total"]),
    )
    yield from queue_gauges(now=now)
    yield from series_gauges(counters)


def kept(
    received: Mapping[Series, Mapping[str, int]],
    *,
    outcome: str,
    removed: Mapping[Series, Mapping[str, int]],
) -> ByEnvironment:
    chosen = {series: bins for series, bins in received.items() if series[1][0] == outcome}
    gone = totals_by_environment(removed)
    return {name: total - gone.get(name, 0) for name, total in totals_by_environment(chosen).items()}


def queue_gauges(*, now: datetime) -> Iterator[Metric]:
    """What waits to be folded, how far behind each environment's KPIs are, and how far back raw events go."""
    environments = dict(Environment.objects.values_list("name", "raw_kept_from"))
    computed = {
        environment: until
        for environment, until in Freshness.objects.values_list("environment", "computed_until")
        if until is not None
    }
    waiting = Arrival.objects.filter(taken_at=None).values_list("environment")
    pending = {
        environment: (posts, oldest)
        for environment, posts, oldest in waiting.annotate(posts=Count("pk"), oldest=Min("received_at"))
    }
    oldest_pending = {environment: oldest for environment, (_, oldest) in pending.items()}
    yield gauge(
        "portal_arrivals_pending",
        "Posts that wait to be folded.",
        {environment: pending.get(environment, (0, now))[0] for environment in environments},
    )
    yield gauge(
        "portal_rollup_lag_seconds",
        "How far the KPIs are behind, by the last rollup and by the oldest post that waits.",
        {
            environment: max(0.0, (now - moment).total_seconds())
            for environment, moment in earliest_by_environment(computed, oldest_pending).items()
        },
    )
    yield gauge(
        "portal_raw_kept_from_timestamp_seconds",
        "Raw events before this moment were pruned; no sample where none were.",
        {name: moment.timestamp() for name, moment in environments.items() if moment is not None},
    )


def earliest_by_environment(*moments: Mapping[str, datetime]) -> dict[str, datetime]:
    earliest: dict[str, datetime] = {}
    for each in moments:
        for environment, moment in each.items():
            earliest[environment] = min(moment, earliest.get(environment, moment))
    return earliest


def series_gauges(counters: Counters) -> Iterator[Metric]:
    """How much of its budget of series each family uses."""
    series = GaugeMetricFamily(
        "portal_metrics_series",
        "Series stored of the family; past its budget new label values become other.",
        labels=["family"],
    )
    budget = GaugeMetricFamily(
        "portal_metrics_series_budget", "Series that the family may have.", labels=["family"]
    )
    for family in DEFINITIONS:
        series.add_metric([family.name], len(counters[family.name]))
        budget.add_metric([family.name], family.budget)
    yield from (series, budget)
