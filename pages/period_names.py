"""Names of ranges and periods, in the days of the reporting zone."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from kpis.days import day_start, local_day
from kpis.formatting import date_text, day_of_year_text, moment_text, month_text
from kpis.reading.periods import Against, CalendarUnit, Granularity, Period, Range, last_date
from web.languages import lazy_text

COMPARED_NAMES = {
    Against.PREVIOUS: lazy_text("Previous period"),
    Against.WEEKDAYS: lazy_text("Same weekdays before"),
    Against.YEAR: lazy_text("Same period a year before"),
}

# After "against".
COMPARED_PHRASES = {
    Against.PREVIOUS: lazy_text("the previous period"),
    Against.WEEKDAYS: lazy_text("the same weekdays before"),
    Against.YEAR: lazy_text("the same period a year before"),
}
SHORTER_UNITS = {
    CalendarUnit.MONTH: lazy_text(", the whole month before, which is shorter"),
    CalendarUnit.QUARTER: lazy_text(", the whole quarter before, which is shorter"),
}
SAME_DAYS = {
    CalendarUnit.MONTH: lazy_text(", the same days of the month before"),
    CalendarUnit.QUARTER: lazy_text(", the same days of the quarter before"),
}
SAME_DAYS_SO_FAR = {
    CalendarUnit.MONTH: lazy_text(", the same days of the month before, up to the same time of day"),
    CalendarUnit.QUARTER: lazy_text(", the same days of the quarter before, up to the same time of day"),
}


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


def previous_note(shown_range: Range, *, previous: Range, against: Against, is_open: bool) -> str:
    """What is said after the range to compare with: how it ends. "" where it is as whole as the range that is shown."""
    if shown_range.unit is None or against is not Against.PREVIOUS:
        return _(", which ends at the same time of day") if is_open else ""
    unit, zone = shown_range.unit, shown_range.zone
    first, last = local_day(shown_range.start, zone=zone), last_date(shown_range, zone=zone)
    is_whole = last + timedelta(days=1) == unit.first_day(first, back=-1)
    if previous.end == shown_range.start:
        return "" if is_whole else SHORTER_UNITS[unit]
    return SAME_DAYS_SO_FAR[unit] if is_open else SAME_DAYS[unit]


def begin_note(begin: datetime | None, *, compared: Range) -> str:
    """That the figures of the environment begin within the range to compare with, or after it; else "".

    `begin` is the start of their first day; None where there is none yet.
    """
    if begin is None or begin <= compared.start:
        return ""
    day = date_text(local_day(begin, zone=compared.zone))
    if begin >= compared.end:
        return _("Figures begin on %(day)s: there is nothing to compare with.") % {"day": day}
    return _("Figures begin on %(day)s, so the period to compare with is not whole.") % {"day": day}


def period_name(period: Period, *, granularity: Granularity, zone: ZoneInfo) -> str:
    """9 Feb 2026; 9 Feb 2026, 13:00 (UTC); Week of 9 Feb 2026; Feb 2026.

    A week or month that begins before the range says from which day on it is shown: Feb 2026, from 11 Feb.
    """
    first = local_day(period.start, zone=zone)
    if granularity is Granularity.HOUR:
        return f"{moment_text(period.start, zone=zone)} ({period.start.astimezone(zone):%Z})"
    if granularity is Granularity.WEEK:
        begin = first - timedelta(days=first.weekday())
        name = _("Week of %(date)s") % {"date": date_text(begin)}
    elif granularity is Granularity.MONTH:
        begin = first.replace(day=1)
        name = month_text(begin)
    else:
        return date_text(first)
    if first == begin:
        return name
    return _("%(period)s, from %(date)s") % {"period": name, "date": day_of_year_text(first)}


def period_label(period: Period, *, granularity: Granularity, zone: ZoneInfo) -> str:
    """A short name for the chart's axis: 9 Feb; 9 Feb 13:00; Feb 2026."""
    start = period.start.astimezone(zone)
    if granularity is Granularity.HOUR:
        return f"{day_of_year_text(start)} {start:%H:%M}"
    return month_text(start) if granularity is Granularity.MONTH else day_of_year_text(start)
