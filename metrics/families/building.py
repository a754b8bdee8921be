"""How stored values become metric families."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from telemetry.counters.bridge import SUM, Series
from telemetry.counters.families import INFINITY, Family
from telemetry.plan import FamilyType

ByEnvironment = Mapping[str, float]


def gauge(name: str, text: str, values: ByEnvironment) -> GaugeMetricFamily:
    """A gauge by environment."""
    family = GaugeMetricFamily(name, text, labels=["environment"])
    for environment, value in sorted(values.items()):
        family.add_metric([environment], value)
    return family


def family_of(family: Family, series: Mapping[Series, Mapping[str, int]]) -> Metric:
    """The family with its stored values, which are divided by its scale."""
    labels = ["environment", *family.labels]
    if family.kind is FamilyType.HISTOGRAM:
        histogram = HistogramMetricFamily(family.name, family.help, labels=labels)
        for (environment, values), bins in sorted(series.items()):
            buckets = list(cumulate(family, bins).items())
            histogram.add_metric([environment, *values], buckets, bins.get(SUM, 0) / family.scale)
        return histogram
    counter = CounterMetricFamily(family.name.removesuffix("_total"), family.help, labels=labels)
    for (environment, values), bins in sorted(series.items()):
        counter.add_metric([environment, *values], bins.get("", 0) / family.scale)
    return counter


def cumulate(family: Family, bins: Mapping[str, int]) -> dict[str, int]:
    """How many durations lie at or below each bound of the family, by bound.

    A count that was stored under a bound that the family has since lost counts from the next higher one.
    """
    counts = [0] * (len(family.buckets) + 1)
    for name, count in bins.items():
        if name != SUM:
            counts[bisect_left(family.buckets, float(name))] += count
    return dict(zip([*map(str, family.buckets), INFINITY], accumulate(counts), strict=True))


def totals_by_environment(series: Mapping[Series, Mapping[str, int]]) -> dict[str, int]:
    totals: dict[str, int] = defaultdict(int)
    for (environment, _), bins in series.items():
        totals[environment] += sum(bins.values())
    return totals
