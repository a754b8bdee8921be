"""Names of ranges and periods, in the days of the reporting zone."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from kpis.days import day_start, local_day
from kpis.formatting import date_text, moment_text
from kpis.reading.periods import Granularity, Period, Range, last_date


def range_text(shown_range: Range) -> str:
    """1 Feb 2026 to 28 Feb 2026, both included; with the time of day where an end is not a day's start."""
    zone = shown_range.zone
    first, end = local_day(shown_range.start, zone=zone), local_day(shown_range.end, zone=zone)
    starts_with_day = shown_range.start == day_start(first, zone=zone)
    ends_with_day = shown_range.end == day_start(end, zone=zone)
    since = date_text(first) if starts_with_day else moment_text(shown_range.start, zone=zone)
    until = (
        date_text(last_date(shown_range, zone=zone))
        if ends_with_day
        else moment_text(shown_range.end, zone=zone)
    )
    return f"{since} \N{EN DASH} {until}"


def period_name(period: Period, *, granularity: Granularity, zone: ZoneInfo) -> str:
    """9 Feb 2026; 9 Feb 2026, 13:00 (UTC); Week of 9 Feb 2026; Feb 2026.

    A week or month that begins before the range says from which day on it is shown: Feb 2026, from 11 Feb.
    """
    first = local_day(period.start, zone=zone)
    if granularity is Granularity.HOUR:
        return f"{moment_text(period.start, zone=zone)} ({period.start.astimezone(zone):%Z})"
    if granularity is Granularity.WEEK:
        begin = first - timedelta(days=first.weekday())
        name = f"Week of {date_text(begin)}"
    elif granularity is Granularity.MONTH:
        begin = first.replace(day=1)
        name = f"{begin:%b %Y}"
    else:
        return date_text(first)
    return name if first == begin else f"{name}, from {first.day} {first:%b}"


def period_label(period: Period, *, granularity: Granularity, zone: ZoneInfo) -> str:
    """A short name for the chart's axis: 9 Feb; 9 Feb 13:00; Feb 2026."""
    start = period.start.astimezone(zone)
    if granularity is Granularity.HOUR:
        return f"{start.day} {start:%b %H:%M}"
    return f"{start:%b %Y}" if granularity is Granularity.MONTH else f"{start.day} {start:%b}"
