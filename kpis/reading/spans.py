"""Which stored rows answer a range: whole days from day rows, what is left at its edges from base rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from kpis.days import day_start, local_day, reporting_zone
from kpis.models import StoredGranularity
from kpis.reading.periods import Granularity, Period


@dataclass(frozen=True, kw_only=True)
class Span(Period):
    """The stored rows of one granularity whose period_start lies in the period."""

    granularity: StoredGranularity


def stored_spans(periods: Sequence[Period], *, granularity: Granularity, zone: ZoneInfo) -> tuple[Span, ...]:
    """At most three spans that together cover the periods exactly once.

    The periods follow each other without gaps, as `split` returns them. An hour is shorter than a day row, so
    hours are answered from base rows alone. So are days of another zone than the reporting zone, whose days are stored.
    """
    if not periods:
        return ()
    start, end = periods[0].start, periods[-1].end
    first_day, last_day = _first_midnight(start, zone=zone), day_start(local_day(end, zone=zone), zone=zone)
    has_day_rows = granularity is not Granularity.HOUR and zone.key == reporting_zone().key
    if not has_day_rows or first_day >= last_day:
        return (Span(start=start, end=end, granularity=StoredGranularity.BASE),)
    spans = (
        Span(start=start, end=first_day, granularity=StoredGranularity.BASE),
        Span(start=first_day, end=last_day, granularity=StoredGranularity.DAY),
        Span(start=last_day, end=end, granularity=StoredGranularity.BASE),
    )
    return tuple(span for span in spans if span.start < span.end)


def _first_midnight(moment: datetime, *, zone: ZoneInfo) -> datetime:
    """The start of the first day of the zone that begins at the moment or after it."""
    today = local_day(moment, zone=zone)
    start = day_start(today, zone=zone)
    return start if start >= moment else day_start(today + timedelta(days=1), zone=zone)
