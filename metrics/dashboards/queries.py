"""PromQL over the families of the catalogue. An unknown family or label is a fault of the dashboard, not empty data.

Values from the database are the same on every replica, so each is taken once: `max without (instance, pod)`. Those that
processes count are added up.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from metrics.families.catalogue import COUNTER, HISTOGRAM, ShownFamily, Source, shown_families
from telemetry.plan import TrackingPlan

INTERVAL = "$__rate_interval"
RANGE = "$__range"
REPLICA = "without (instance, pod)"
PERCENTILES = (50, 95, 99)


class UnknownFamily(Exception):
    """A dashboard asks for a family, or a label of one, that no scrape shows."""


@dataclass(frozen=True)
class Catalogue:
    """The families that queries may name, by name."""

    by_name: Mapping[str, ShownFamily]

    def find(self, name: str) -> ShownFamily:
        """Raises UnknownFamily."""
        if name not in self.by_name:
            raise UnknownFamily(f"No scrape shows {name}.")
        return self.by_name[name]

    def _checked(self, name: str, labels: tuple[str, ...]) -> ShownFamily:
        family = self.find(name)
        for label in labels:
            if label not in family.labels:
                raise UnknownFamily(f"{name} has no label {label}.")
        return family

    def series(self, name: str, /, sample: str = "", **match: str) -> str:
        """A selector: the family's sample with the suffix, in the chosen environments. `match`: label to matcher."""
        family = self._checked(name, tuple(match))
        matchers = [f"{label}{matcher}" for label, matcher in match.items()]
        if "environment" in family.labels:
            matchers.insert(0, 'environment=~"$environment"')
        return f"{name}{sample}{{{','.join(matchers)}}}" if matchers else f"{name}{sample}"

    def gauge(self, name: str, /, **match: str) -> str:
        """A gauge as it is; of the database each value once."""
        series = self.series(name, **match)
        return f"max {REPLICA} ({series})" if self.find(name).source is Source.DATABASE else series

    def rate(self, name: str, /, by: str = "", over: str = INTERVAL, sample: str = "", **match: str) -> str:
        """Increases a second of a counter, or of a sample of a histogram, added up by some labels."""
        return self._added(name, f"rate({self.series(name, sample, **match)}[{over}])", by=by)

    def increase(self, name: str, /, by: str = "", over: str = RANGE, sample: str = "", **match: str) -> str:
        return self._added(name, f"increase({self.series(name, sample, **match)}[{over}])", by=by)

    def quantile(self, level: float, name: str, /, by: str = "", over: str = INTERVAL, **match: str) -> str:
        """A percentile of a histogram, from its buckets added up by some labels."""
        buckets = self.rate(name, by=" ".join(["le", by]).strip(), over=over, sample="_bucket", **match)
        return f"histogram_quantile({level:g}, {buckets})"

    def percentiles(self, name: str, /, **match: str) -> list[tuple[str, str]]:
        """Those that a panel of a histogram shows, as (name, expression)."""
        return [(f"p{level}", self.quantile(level / 100, name, **match)) for level in PERCENTILES]

    def mean(self, name: str, /, by: str = "", over: str = INTERVAL, **match: str) -> str:
        total = self.rate(name, by=by, over=over, sample="_sum", **match)
        return f"{total} / {self.rate(name, by=by, over=over, sample='_count', **match)}"

    def _added(self, name: str, series: str, *, by: str) -> str:
        family = self._checked(name, tuple(label for label in by.split() if label != "le"))
        if family.kind not in {COUNTER, HISTOGRAM}:
            raise UnknownFamily(f"{name} is a {family.kind}: it has no rate.")
        once = f"max {REPLICA} ({series})" if family.source is Source.DATABASE else series
        return f"sum by ({', '.join(by.split())}) ({once})" if by else f"sum({once})"


def catalogue_of(plan: TrackingPlan) -> Catalogue:
    return Catalogue({family.name: family for family in shown_families(plan)})


def share(part: str, whole: str) -> str:
    """A part of a whole that may have no series yet; none where the whole is nothing."""
    return f"({part} or 0 * {whole}) / ({whole} > 0)"
