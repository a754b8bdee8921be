"""Families whose values the bridge stores: a scrape has thousands of their samples, most of them as they were."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.samples import Sample

from telemetry.counters.bridge import SUM, Series
from telemetry.counters.families import INFINITY, Family
from telemetry.plan import FamilyType

Bins = Mapping[str, int]


@dataclass(frozen=True)
class StoredFamily:
    """A family with its stored values. Objects for its samples are made for whoever asks; a scrape needs none."""

    family: Family
    series: Mapping[Series, Bins]

    @property
    def name(self) -> str:
        """As prometheus_client names families."""
        return self.family.name.removesuffix("_total")

    @cached_property
    def samples(self) -> list[Sample]:
        return metric_of(self.family, self.series).samples


# What a scrape is made of.
Exposed = Metric | StoredFamily


def metric_of(family: Family, series: Mapping[Series, Bins]) -> Metric:
    """The family as prometheus_client has it, by order of the series."""
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


def cumulate(family: Family, bins: Bins) -> dict[str, int]:
    """How many durations lie at or below each bound of the family, by bound.

    A count that was stored under a bound that the family has since lost counts from the next higher one.
    """
    counts = [0] * (len(family.buckets) + 1)
    for name, count in bins.items():
        if name != SUM:
            counts[bisect_left(family.buckets, float(name))] += count
    return dict(zip([*map(str, family.buckets), INFINITY], accumulate(counts), strict=True))
