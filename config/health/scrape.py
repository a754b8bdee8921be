"""Check of the scrape: whether its families stay within their budgets of series."""

from datetime import datetime

from config.health.findings import Finding, HealthStatus
from config.health.pipeline import values_of
from metrics.families.portal import series_gauges
from telemetry.counters.bridge import read_counters

NEARLY_FULL = 0.9


def metric_series(now: datetime) -> Finding:
    """Families of the scrape that are near their budget; past it new label values become `other`."""
    families = list(series_gauges(read_counters()))
    series = values_of(families, name="portal_metrics_series")
    budgets = values_of(families, name="portal_metrics_series_budget")
    shares = {name: series[name] / budget for name, budget in budgets.items()}
    fullest = max(shares, key=lambda name: shares[name])
    full = sorted(name for name, share in shares.items() if share >= NEARLY_FULL)
    return Finding(
        HealthStatus.WARNING if full else HealthStatus.OK,
        f"{sum(series.values()):,.0f} series; {fullest} has {shares[fullest]:.0%} of its budget",
        value=round(shares[fullest], 4),
        details=tuple((name, f"{series[name]:,.0f} of {budgets[name]:,.0f}") for name in full),
    )
