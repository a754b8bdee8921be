"""What a KPI counted in a range, newest first, a page at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Model, Q, QuerySet

from kpis.compute.measures import MEASURES, adoption
from kpis.counted.places import CountedCursor, SearchedWindow, Stretch, joined
from kpis.counted.sources import (
    CountedSource,
    FoundRow,
    RowChoice,
    RowFilter,
    by_source,
    find_rows,
    key_text,
    moment_of_place,
    sources_of,
    things_of,
)
from kpis.days import day_start, local_day
from kpis.models import EnteredCount, KpiBucket, StoredGranularity
from kpis.reading.periods import Range
from kpis.registry import Kpi

PAGE_SIZE = 50
# Rows among which those that do not count are searched for a page.
SEARCHED_ROWS = 10_000
# The place of entered counts among the sources.
ENTERED = 50


@dataclass(frozen=True, kw_only=True)
class CountedRow:
    """What counted, or did not, with the thing itself: of a draft a Draft, of a raw event a RawEvent, …"""

    found: FoundRow
    thing: Model


@dataclass(frozen=True, kw_only=True)
class CountedPage:
    """`older` leads to the page behind it; None where there is none."""

    rows: Sequence[CountedRow]
    older: CountedCursor | None


def list_counted(
    kpi: Kpi,
    row_filter: RowFilter,
    *,
    range: Range,
    cursor: CountedCursor | None = None,
    size: int = PAGE_SIZE,
) -> CountedPage:
    """A page of `size` rows at most, in three queries for each table of the KPI and two more.

    A row is in the list of what counts as soon as its bucket is rolled up. A page can have fewer rows although more
    are behind it: where rows that were counted are no longer kept, or where those that do not count are few.
    """
    sources = [
        source
        for source in sources_of(kpi.slug)
        if row_filter.choice is not RowChoice.EXCLUDED or source.has_excluded
    ]
    if row_filter.choice is RowChoice.EXCLUDED:
        window = window_of_rows(sources, range=range, cursor=cursor)
    else:
        window = window_of_buckets(kpi, row_filter, range=range, cursor=cursor, size=size)
    if not window.stretches:
        return CountedPage(rows=[], older=None)
    found = [
        row
        for source in sources
        for row in find_rows(
            source, row_filter=row_filter, stretches=window.stretches, cursor=cursor, limit=size + 1
        )
    ]
    entered = {
        row: count
        for row, count in entered_counts(kpi, row_filter, stretches=window.stretches, zone=range.zone)
        if is_behind(row, cursor)
    }
    found += entered
    found.sort(key=lambda row: (row.moment, -row.source, row.key), reverse=True)
    page = found[:size]
    older = None
    if len(found) > size:
        last = page[-1]
        older = CountedCursor(moment=last.moment, source=last.source, key=key_text(last.key))
    elif not window.is_last:
        older = CountedCursor(moment=window.start)
    return CountedPage(rows=with_things(page, sources=sources, entered=entered), older=older)


def window_of_buckets(
    kpi: Kpi, row_filter: RowFilter, *, range: Range, cursor: CountedCursor | None, size: int
) -> SearchedWindow:
    """The newest buckets that count anything: one more than a page has rows are enough for it.

    So a small environment is not looked for among the rows of a large one. Index: kpi_bucket_unique.
    """
    rows = counting_buckets(kpi, row_filter, range=range)
    if cursor is not None:
        rows = rows.filter(period_start__lt=cursor.end)
    starts = list(rows.order_by("-period_start").values_list("period_start", flat=True)[: size + 1])
    return SearchedWindow(stretches=joined(starts), is_last=len(starts) <= size)


def counting_buckets(kpi: Kpi, row_filter: RowFilter, *, range: Range) -> QuerySet[KpiBucket]:
    """The base rows of the KPI, or of a value of a breakdown, that count anything. Index: kpi_bucket_unique."""
    counts = Q(numerator__gt=0) | Q(denominator__gt=0)
    if row_filter.choice is RowChoice.NUMERATOR:
        counts = Q(numerator__gt=0)
    elif row_filter.choice is RowChoice.OTHERS:
        counts = Q(denominator__gt=0)
    return KpiBucket.objects.filter(
        counts,
        environment=row_filter.environment,
        kpi=kpi.slug,
        granularity=StoredGranularity.BASE,
        dimension=row_filter.breakdown,
        value=row_filter.value if row_filter.breakdown else "",
        period_start__gte=range.start,
        period_start__lt=range.end,
    )


def window_of_rows(
    sources: Sequence[CountedSource], *, range: Range, cursor: CountedCursor | None
) -> SearchedWindow:
    """The newest SEARCHED_ROWS of each table. Nothing says in which buckets there are rows that do not count."""
    if not sources:
        return SearchedWindow(stretches=[], is_last=True)
    end = range.end if cursor is None else min(range.end, cursor.end)
    reached = [moment_of_place(source, start=range.start, end=end, place=SEARCHED_ROWS) for source in sources]
    start = max((moment for moment in reached if moment is not None), default=range.start)
    return SearchedWindow(stretches=[(start, end)], is_last=start == range.start)


def entered_counts(
    kpi: Kpi, row_filter: RowFilter, *, stretches: Sequence[Stretch], zone: ZoneInfo
) -> list[tuple[FoundRow, EnteredCount]]:
    """Counts that people entered, at the start of their day in the zone. They are a few a day at most."""
    if MEASURES[kpi.slug] is not adoption or row_filter.choice is not RowChoice.COUNTED or not stretches:
        return []
    first, last = min(start for start, _ in stretches), max(end for _, end in stretches)
    counts = EnteredCount.objects.filter(
        environment=row_filter.environment,
        date__range=(local_day(first, zone=zone), local_day(last, zone=zone)),
        workflows__gt=0,
    )
    if row_filter.breakdown:
        counts = counts.filter(source=row_filter.value)
    found = []
    for count in counts:
        moment = day_start(count.date, zone=zone)
        if any(start <= moment < end for start, end in stretches):
            found.append((FoundRow(ENTERED, count.pk, moment, "", 0, count.workflows), count))
    return found


def is_behind(row: FoundRow, cursor: CountedCursor | None) -> bool:
    """Whether the row comes after the cursor in the list."""
    if cursor is None or row.moment < cursor.moment:
        return True
    if row.moment > cursor.moment or row.source < cursor.source:
        return False
    return row.source > cursor.source or row.key < int(cursor.key)


def with_things(
    rows: Sequence[FoundRow],
    *,
    sources: Sequence[CountedSource],
    entered: Mapping[FoundRow, EnteredCount],
) -> list[CountedRow]:
    """With the things; a row that has gone meanwhile is left out."""
    keys = by_source(rows)
    moments = [row.moment for row in rows]
    things: dict[tuple[int, Any], Model] = {(ENTERED, count.pk): count for count in entered.values()}
    for source in sources:
        if source.number in keys:
            found = things_of(source, keys[source.number], moments=moments)
            things |= {(source.number, key): thing for key, thing in found.items()}
    return [
        CountedRow(found=row, thing=things[row.source, row.key])
        for row in rows
        if (row.source, row.key) in things
    ]
