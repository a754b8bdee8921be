"""How stored values become metric families."""

from collections import defaultdict
from collections.abc import Mapping

from prometheus_client.core import GaugeMetricFamily

from telemetry.counters.bridge import Series

ByEnvironment = Mapping[str, float]


def gauge(name: str, text: str, values: ByEnvironment) -> GaugeMetricFamily:
    """A gauge by environment."""
    family = GaugeMetricFamily(name, text, labels=["environment"])
    for environment, value in sorted(values.items()):
        family.add_metric([environment], value)
    return family


def totals_by_environment(series: Mapping[Series, Mapping[str, int]]) -> dict[str, int]:
    totals: dict[str, int] = defaultdict(int)
    for (environment, _), bins in series.items():
        totals[environment] += sum(bins.values())
    return totals
