"""Sums of KPIs: what stored rows hold, added up by period. No database."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

import msgspec

from kpis.histogram import Histogram, merge
from kpis.reading.periods import Period
from kpis.registry import Kind, Kpi

_decode_histogram = msgspec.json.Decoder(dict[int, int]).decode


@dataclass
class Sums:
    """A KPI's numerator, denominator and histogram over any number of rows (see KpiBucket for the units).

    `histogram_texts` are the rows' histograms as they are stored, in JSON. Most sums are never asked for a
    percentile, and decoding a histogram twice costs less than keeping hundreds of decoded ones. `merged` are
    histograms that are decoded already.
    """

    numerator: int = 0
    denominator: int = 0
    histogram_texts: list[str] = field(default_factory=list)
    merged: list[Histogram] = field(default_factory=list)

    def add(self, other: "Sums") -> None:
        self.numerator += other.numerator
        self.denominator += other.denominator
        self.histogram_texts += other.histogram_texts
        self.merged += other.merged

    def histogram(self) -> Histogram:
        """One histogram of all durations of the rows."""
        histograms = [*map(_decode_histogram, self.histogram_texts), *self.merged]
        return histograms[0] if len(histograms) == 1 else merge(histograms)

    def with_merged(self) -> "Sums":
        """The same sums with one histogram, for those who ask for the same days again and again."""
        if len(self.histogram_texts) <= 1:
            return self
        # In one order, whatever that of the rows was.
        histogram = _merge_texts(tuple(sorted(self.histogram_texts)))
        return Sums(self.numerator, self.denominator, merged=[histogram, *self.merged])


@lru_cache(maxsize=64)
def _merge_texts(texts: tuple[str, ...]) -> Histogram:
    """One histogram of several stored ones, kept by their content: days that are over seldom change."""
    return merge(map(_decode_histogram, texts))


def add_up(several: Iterable[Sums]) -> Sums:
    """The sum of all of them, as a new object."""
    total = Sums()
    for sums in several:
        total.add(sums)
    return total


@dataclass(frozen=True, slots=True)
class KpiRow:
    """A stored row: the sums of the period that begins at `start`."""

    environment: str
    kpi: str
    dimension: str
    value: str
    start: datetime
    sums: Sums


@dataclass(frozen=True, kw_only=True)
class SumTable:
    """The sums of each period by (KPI's slug, dimension, value); rows of one period are added up."""

    periods: Sequence[Period]
    cells: Mapping[tuple[str, str, str], Sequence[Sums]]

    @classmethod
    def from_rows(cls, rows: Iterable[KpiRow], *, periods: Sequence[Period]) -> "SumTable":
        """The rows must lie in the periods; the periods follow each other without gaps."""
        starts = [period.start for period in periods]
        cells: dict[tuple[str, str, str], list[Sums]] = {}
        for row in rows:
            key = (row.kpi, row.dimension, row.value)
            if key not in cells:
                cells[key] = [Sums() for _ in starts]
            cells[key][bisect_right(starts, row.start) - 1].add(row.sums)
        return cls(cells=cells, periods=periods)

    def by_period(self, kpi: Kpi, *, dimension: str = "", value: str = "") -> Sequence[Sums]:
        """The sums of each period; of the whole KPI unless a dimension's value is named."""
        return self.cells.get((kpi.slug, dimension, value)) or [Sums() for _ in self.periods]

    def counts(self, kpi: Kpi, *, dimension: str) -> dict[str, int]:
        """The denominator of each value of the dimension over all periods, the largest first."""
        counts = {
            value: sum(sums.denominator for sums in by_period)
            for value, by_period in self._by_value(kpi, dimension=dimension)
        }
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def values(self, kpi: Kpi, *, dimension: str) -> list[str]:
        """The values of the dimension, the largest first: of a sum the highest, else the one with the most counted."""
        if kpi.kind is not Kind.SUM:
            return list(self.counts(kpi, dimension=dimension))
        sizes = {
            value: sum(sums.numerator for sums in by_period)
            for value, by_period in self._by_value(kpi, dimension=dimension)
        }
        return sorted(sizes, key=lambda value: (-sizes[value], value))

    def _by_value(self, kpi: Kpi, *, dimension: str) -> Iterator[tuple[str, Sequence[Sums]]]:
        for (slug, cell_dimension, value), by_period in self.cells.items():
            if slug == kpi.slug and cell_dimension == dimension:
                yield value, by_period
