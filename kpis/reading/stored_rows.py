"""The database queries that read stored sums."""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache, reduce
from operator import or_

from django.db.models import Case, F, IntegerField, Q, QuerySet, Sum, TextField, Value, When
from django.db.models.functions import Cast

from kpis.models import KpiBucket, StoredGranularity
from kpis.reading.spans import Span
from kpis.reading.sums import KpiRow, Sums
from kpis.registry import DEFINITIONS, Kind, Kpi

# The start of a stored period as text. Thousands of rows begin at some dozens of moments, and a moment takes longer to
# parse than all else of its row: so each is parsed once (moment_of).
START_TEXT = Cast("period_start", TextField())


def read_rows(
    spans: Sequence[Span],
    *,
    dimensions: Sequence[str],
    environments: Collection[str],
    kpis: Sequence[Kpi] = DEFINITIONS,
    is_one_period: bool = False,
) -> Iterator[KpiRow]:
    """The stored rows of the environments in the spans, in no order, in one query; none without spans.

    Where they are all of one period, rows without histograms may come added up, with the start of the first span.
    """
    if not spans:
        return
    # Index: kpi_bucket_unique, whose first column is the environment. Who reads all of them names them.
    rows = KpiBucket.objects.filter(
        in_spans(spans),
        environment__in=environments,
        kpi__in=[kpi.slug for kpi in kpis],
        dimension__in=dimensions,
    )
    has_histograms = any(kpi.kind is Kind.DURATION for kpi in kpis)
    if is_one_period and not has_histograms:
        yield from _added_up(rows, start=spans[0].start)
    else:
        yield from _rows(rows, has_histograms=has_histograms)


@lru_cache(maxsize=4096)
def moment_of(text: str) -> datetime:
    """The moment (UTC) of a START_TEXT."""
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


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
    columns = rows.annotate(text=text, start=START_TEXT).values_list(
        "environment", "kpi", "dimension", "value", "start", "numerator", "denominator", F("text")
    )
    for environment, slug, dimension, value, start, numerator, denominator, histogram in columns:
        histogram_texts = [histogram] if len(histogram) > len("{}") else []
        sums = Sums(numerator, denominator, histogram_texts)
        yield KpiRow(environment, slug, dimension, value, moment_of(start), sums)


def _added_up(rows: QuerySet[KpiBucket], *, start: datetime) -> Iterator[KpiRow]:
    places = rows.values_list("environment", "kpi", "dimension", "value")
    sums = places.annotate(numerators=Sum("numerator"), denominators=Sum("denominator"))
    for environment, slug, dimension, value, numerator, denominator in sums:
        # PostgreSQL's sum of big integers is a decimal.
        yield KpiRow(environment, slug, dimension, value, start, Sums(int(numerator), int(denominator)))


def read_parts(
    starts: Sequence[datetime], *, end: datetime, environments: Collection[str]
) -> Iterator[tuple[str, str, int, Sums]]:
    """(environment, KPI's slug, number of the part, sums) of the whole KPIs, from day rows. Two queries.

    Each part begins at one of the `starts`, which are in order, and ends with the next one, the last at `end`. One
    part may come in several pieces. What needs no histogram is added up by the database: days times KPIs are many rows.
    """
    # Index: kpi_bucket_unique, whose first column is the environment.
    days = KpiBucket.objects.filter(
        environment__in=environments,
        granularity=StoredGranularity.DAY,
        dimension="",
        period_start__gte=starts[0],
        period_start__lt=end,
    ).annotate(part=_part_of(starts))
    durations = [kpi.slug for kpi in DEFINITIONS if kpi.kind is Kind.DURATION]
    others = [kpi.slug for kpi in DEFINITIONS if kpi.kind is not Kind.DURATION]
    added_up = days.filter(kpi__in=others).values_list("environment", "kpi", "part")
    for environment, slug, part, numerator, denominator in added_up.annotate(
        numerators=Sum("numerator"), denominators=Sum("denominator")
    ):
        # PostgreSQL's sum of big integers is a decimal.
        yield environment, slug, part, Sums(int(numerator), int(denominator))
    rows = days.filter(kpi__in=durations).annotate(text=Cast("histogram", TextField()))
    for environment, slug, part, numerator, denominator, text in rows.values_list(
        "environment", "kpi", "part", "numerator", "denominator", "text"
    ):
        yield environment, slug, part, Sums(numerator, denominator, [text] if len(text) > len("{}") else [])


def _part_of(starts: Sequence[datetime]) -> Case:
    latest_first = reversed(list(enumerate(starts)))
    return Case(
        *(When(period_start__gte=start, then=Value(number)) for number, start in latest_first),
        output_field=IntegerField(),
    )
