"""Sums of KPIs: what stored rows hold, added up by period. No database."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

import msgspec

from kpis.histogram import Distribution, Histogram, merge
from kpis.reading.periods import Period
from kpis.registry import Kind, Kpi

# So many histograms are kept merged: a month of days, but not the quarter hours of an hour.
WORTH_KEEPING = 8
decode_histogram = msgspec.json.Decoder(dict[int, int]).decode


@dataclass
class Sums:
    """A KPI's numerator, denominator and histogram over any number of rows (see KpiBucket for the units).

    `histogram_texts` are the rows' histograms as they are stored, in JSON: most sums are never asked for a percentile.
    `merged` are histograms that are decoded already.
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
        """One histogram of all durations of the rows. Sums of a series have its newest row last."""
        *older, newest = self.histogram_texts or [""]
        if len(older) < WORTH_KEEPING:
            known: list[Histogram] = [*map(decode_histogram, self.histogram_texts)]
        else:
            known = [merge_texts(tuple(older)), decode_histogram(newest)]
        histograms = [*known, *self.merged]
        return histograms[0] if len(histograms) == 1 else merge(histograms)

    def distribution(self) -> Distribution:
        """That of all durations of the rows."""
        if len(self.histogram_texts) == 1 and not self.merged:
            return distribution_of(self.histogram_texts[0])
        return Distribution.from_histogram(self.histogram())

    def with_merged(self) -> "Sums":
        """The same sums with one histogram, for those who ask for the same days again and again."""
        if len(self.histogram_texts) <= 1:
            return self
        # In one order, whatever that of the rows was.
        histogram = merge_texts(tuple(sorted(self.histogram_texts)))
        return Sums(self.numerator, self.denominator, merged=[histogram, *self.merged])


@lru_cache(maxsize=512)
def distribution_of(text: str) -> Distribution:
    """Of one stored histogram, kept by its content: a page asks for each of its days."""
    return Distribution.from_histogram(decode_histogram(text))


@lru_cache(maxsize=64)
def merge_texts(texts: tuple[str, ...]) -> Histogram:
    """One histogram of several stored ones, kept by their content: days that are over seldom change."""
    return merge(map(decode_histogram, texts))


def merge_days(texts: Sequence[tuple[str, str]]) -> Histogram:
    """One histogram of stored ones, each behind its period's start. That of all periods but the newest is kept."""
    newest = max({start for start, _ in texts}, default=None)
    # In the order of the database, which is nearly always the same. In another one they are merged again.
    older = tuple(text for start, text in texts if start != newest)
    return merge([merge_texts(older), *(decode_histogram(text) for start, text in texts if start == newest)])


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
