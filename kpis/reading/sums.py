"""The stored sums of KPIs: read in one query, added up by period."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import or_

import msgspec
from django.db.models import F, Q, TextField, Value
from django.db.models.functions import Cast

from kpis.histogram import Histogram, merge
from kpis.models import KpiBucket
from kpis.reading.periods import Period
from kpis.reading.spans import Span
from kpis.registry import DEFINITIONS, Kind, Kpi

_decode_histogram = msgspec.json.Decoder(dict[int, int]).decode


@dataclass
class Sums:
    """What is stored of a KPI, added up over any number of rows (see KpiBucket for the units).

    `parts` are the rows' histograms as they are stored, in JSON: most sums are never asked for a percentile,
    and decoding a histogram twice costs less than keeping hundreds of them.
    """

    numerator: int = 0
    denominator: int = 0
    parts: list[str] = field(default_factory=list)

    def add(self, other: "Sums") -> None:
        self.numerator += other.numerator
        self.denominator += other.denominator
        self.parts += other.parts

    def histogram(self) -> Histogram:
        """All durations of the rows."""
        if len(self.parts) == 1:
            return _decode_histogram(self.parts[0])
        return merge(map(_decode_histogram, self.parts))


@dataclass(frozen=True, slots=True)
class KpiRow:
    """A stored row: the sums of a period that begins at `start`."""

    environment: str
    kpi: str
    dimension: str
    value: str
    start: datetime
    sums: Sums


def read_rows(
    spans: Sequence[Span],
    *,
    dimensions: Sequence[str],
    kpis: Sequence[Kpi] = DEFINITIONS,
    environment: str | None = None,
) -> Iterator[KpiRow]:
    """The stored rows in the spans, in one query; without an environment, of all of them.

    Histograms come as text and are decoded by msgspec: 2 to 3 times as fast as JSONField.
    """
    if not spans:
        return
    rows = KpiBucket.objects.filter(
        _in_spans(spans), kpi__in=[kpi.slug for kpi in kpis], dimension__in=dimensions
    )
    if environment is not None:
        rows = rows.filter(environment=environment)
    has_histograms = any(kpi.kind is Kind.DURATION for kpi in kpis)
    text = Cast("histogram", TextField()) if has_histograms else Value("")
    columns = rows.annotate(text=text).values_list(
        "environment", "kpi", "dimension", "value", "period_start", "numerator", "denominator", F("text")
    )
    for place, slug, dimension, value, start, numerator, denominator, histogram in columns:
        parts = [histogram] if len(histogram) > len("{}") else []
        yield KpiRow(place, slug, dimension, value, start, Sums(numerator, denominator, parts))


def _in_spans(spans: Sequence[Span]) -> Q:
    return reduce(
        or_,
        (
            Q(granularity=span.granularity, period_start__gte=span.start, period_start__lt=span.end)
            for span in spans
        ),
    )


@dataclass(frozen=True, kw_only=True)
class SumTable:
    """Stored rows, added up: sums of each period by (kpi, dimension, value)."""

    cells: Mapping[tuple[str, str, str], Sequence[Sums]]
    periods: Sequence[Period]

    @classmethod
    def from_rows(cls, rows: Iterable[KpiRow], *, periods: Sequence[Period]) -> "SumTable":
        starts = [period.start for period in periods]
        cells: dict[tuple[str, str, str], list[Sums]] = {}
        for row in rows:
            place = (row.kpi, row.dimension, row.value)
            if place not in cells:
                cells[place] = [Sums() for _ in starts]
            cells[place][bisect_right(starts, row.start) - 1].add(row.sums)
        return cls(cells=cells, periods=periods)

    def of(self, kpi: Kpi, *, dimension: str, value: str) -> Sequence[Sums]:
        return self.cells.get((kpi.slug, dimension, value)) or [Sums() for _ in self.periods]

    def counts(self, kpi: Kpi, *, dimension: str) -> dict[str, int]:
        """The dimension's values with their counts, the largest first."""
        counts = {
            value: sum(sums.denominator for sums in cell)
            for (slug, cell_dimension, value), cell in self.cells.items()
            if slug == kpi.slug and cell_dimension == dimension
        }
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def values_of(self, kpi: Kpi, *, dimension: str) -> list[str]:
        return list(self.counts(kpi, dimension=dimension))


def added(sums: Iterable[Sums]) -> Sums:
    total = Sums()
    for each in sums:
        total.add(each)
    return total
