"""The one database query that reads stored sums."""

from collections.abc import Collection, Iterator, Sequence
from functools import reduce
from operator import or_

from django.db.models import F, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast

from kpis.models import KpiBucket
from kpis.reading.spans import Span
from kpis.reading.sums import KpiRow, Sums
from kpis.registry import DEFINITIONS, Kind, Kpi


def read_rows(
    spans: Sequence[Span],
    *,
    dimensions: Sequence[str],
    environments: Collection[str],
    kpis: Sequence[Kpi] = DEFINITIONS,
) -> Iterator[KpiRow]:
    """The stored rows of the environments in the spans, in no order, in one query; none without spans."""
    if not spans:
        return
    # Index: kpi_bucket_unique, whose first column is the environment. Who reads all of them names them.
    rows = KpiBucket.objects.filter(
        in_spans(spans),
        environment__in=environments,
        kpi__in=[kpi.slug for kpi in kpis],
        dimension__in=dimensions,
    )
    yield from _rows(rows, has_histograms=any(kpi.kind is Kind.DURATION for kpi in kpis))


def in_spans(spans: Sequence[Span]) -> Q:
    """The stored rows of the spans, of which there must be one at least."""
    return reduce(
        or_,
        (
            Q(granularity=span.granularity, period_start__gte=span.start, period_start__lt=span.end)
            for span in spans
        ),
    )


def _rows(rows: QuerySet[KpiBucket], *, has_histograms: bool) -> Iterator[KpiRow]:
    # Histograms come as text, which msgspec decodes 2 to 3 times as fast as JSONField does.
    text = Cast("histogram", TextField()) if has_histograms else Value("")
    columns = rows.annotate(text=text).values_list(
        "environment", "kpi", "dimension", "value", "period_start", "numerator", "denominator", F("text")
    )
    for environment, slug, dimension, value, start, numerator, denominator, histogram in columns:
        histogram_texts = [histogram] if len(histogram) > len("{}") else []
        sums = Sums(numerator, denominator, histogram_texts)
        yield KpiRow(environment, slug, dimension, value, start, sums)
