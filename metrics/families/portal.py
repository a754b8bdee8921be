"""Families about the portal itself: what it received, what it holds, what it has yet to compute."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from django.db.models import Count, Min
from prometheus_client.core import GaugeMetricFamily, Metric

from kpis.reading.lag import computed_until, lags
from metrics.families.building import ByEnvironment, gauge, totals_by_environment
from metrics.families.stored import Exposed, StoredFamily
from telemetry.counters.bridge import Counters, Series
from telemetry.counters.families import families
from telemetry.lifecycle.retention.runs import seconds_behind
from telemetry.models import Arrival, Environment, RetentionRun, RunStatus


def portal_families(counters: Counters, *, now: datetime) -> Iterator[Exposed]:
    """What the portal received, holds and has yet to compute."""
    received = counters["portal_events_received_total"]
    yield StoredFamily(families()["portal_events_received_total"], received)
    # Differences of counters, because counting the rows would cost more with every event.
    yield gauge(
        "portal_raw_events",
        "Raw events kept: those accepted less those pruned or erased.",
        events_left(received, outcome="accepted", removed=counters["portal_raw_events_removed_total"]),
    )
    yield gauge(
        "portal_quarantine_events",
        "Events in the quarantine: those rejected less those pruned or erased.",
        events_left(received, outcome="rejected", removed=counters["portal_quarantine_removed_total"]),
    )
    yield StoredFamily(families()["portal_pruned_rows_total"], counters["portal_pruned_rows_total"])
    yield StoredFamily(families()["portal_retry_requests_total"], counters["portal_retry_requests_total"])
    yield from retention_gauges(now=now)
    yield from queue_gauges(now=now)


def events_left(
    received: Mapping[Series, Mapping[str, int]],
    *,
    outcome: str,
    removed: Mapping[Series, Mapping[str, int]],
) -> ByEnvironment:
    """Events that were received with this outcome and not removed since."""
    arrived = {series: bins for series, bins in received.items() if series[1][0] == outcome}
    gone = totals_by_environment(removed)
    return {name: total - gone.get(name, 0) for name, total in totals_by_environment(arrived).items()}


def retention_gauges(*, now: datetime) -> Iterator[Metric]:
    """The newest run of retention that ended, and how long retention is behind."""
    newest = RetentionRun.objects.filter(finished_at__isnull=False).order_by("-pk").first()
    ended_at = took = None
    if newest is not None and newest.finished_at is not None:
        ended_at = newest.finished_at.timestamp()
        took = ended_at - newest.started_at.timestamp()
    gauges = (
        ("last_run_timestamp", "When the newest run of retention ended.", ended_at),
        ("last_run", "How long the newest run of retention took.", took),
        ("behind", "How long ago a run should have finished; 0 if none is due.", seconds_behind(now=now)),
    )
    for name, text, value in gauges:
        yield GaugeMetricFamily(f"portal_retention_{name}_seconds", text, value=value)
    has_finished = float(newest.status == RunStatus.FINISHED) if newest else None
    yield GaugeMetricFamily(
        "portal_retention_last_run_success", "1 if it finished, 0 if it failed.", value=has_finished
    )


def queue_gauges(*, now: datetime) -> Iterator[Metric]:
    """Pending posts, the lag of the KPIs and the start of the raw events, by environment."""
    environments = dict(Environment.objects.values_list("name", "raw_kept_from"))
    computed = computed_until()
    waiting = Arrival.objects.pending().values_list("environment")
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
        lags(computed, oldest_pending, now=now),
    )
    yield gauge(
        "portal_raw_kept_from_timestamp_seconds",
        "Raw events before this moment were pruned; no sample where none were.",
        {name: moment.timestamp() for name, moment in environments.items() if moment is not None},
    )


def series_gauges(counters: Counters) -> Iterator[Metric]:
    """How many series each family has, and how many it may have."""
    series = GaugeMetricFamily(
        "portal_metrics_series",
        "Series stored of the family; past its budget new label values become other.",
        labels=["family"],
    )
    budget = GaugeMetricFamily(
        "portal_metrics_series_budget", "Series that the family may have.", labels=["family"]
    )
    for family in families().values():
        series.add_metric([family.name], len(counters[family.name]))
        budget.add_metric([family.name], family.budget)
    yield from (series, budget)
