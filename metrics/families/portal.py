"""Families about the portal itself: what it received, what it holds, what it has yet to compute."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from django.db.models import Count, Min
from prometheus_client.core import GaugeMetricFamily, Metric

from kpis.models import Freshness
from metrics.families.building import ByEnvironment, family_of, gauge, totals_by_environment
from telemetry.counters.bridge import Counters, Series
from telemetry.counters.families import DEFINITIONS, FAMILIES
from telemetry.models import Arrival, Environment


def portal_families(counters: Counters, *, now: datetime) -> Iterator[Metric]:
    """What the portal received, holds and has yet to compute, and how full its families are."""
    received = counters["portal_events_received_total"]
    yield family_of(FAMILIES["portal_events_received_total"], received)
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
    yield from queue_gauges(now=now)
    yield from series_gauges(counters)


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


def queue_gauges(*, now: datetime) -> Iterator[Metric]:
    """Pending posts, the lag of the KPIs and the start of the raw events, by environment."""
    environments = dict(Environment.objects.values_list("name", "raw_kept_from"))
    computed = {
        environment: until
        for environment, until in Freshness.objects.values_list("environment", "computed_until")
        if until is not None
    }
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
    for by_environment in moments:
        for environment, moment in by_environment.items():
            earliest[environment] = min(moment, earliest.get(environment, moment))
    return earliest


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
    for family in DEFINITIONS:
        series.add_metric([family.name], len(counters[family.name]))
        budget.add_metric([family.name], family.budget)
    yield from (series, budget)
