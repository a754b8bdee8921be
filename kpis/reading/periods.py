"""Ranges of time, and the periods that a range is shown in, in the reporting zone.

Every moment here is aware and in UTC; every end is excluded. A *day* is a day of the reporting zone, 23 or 25
hours long where its clocks change. All boundaries are boundaries of base buckets (15 minutes in UTC).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import islice
from zoneinfo import ZoneInfo

from kpis.days import day_start, local_day
from workbench.buckets import bucket_of, bucket_start

MAXIMUM_PERIODS = 2_000
DEFAULT_DAYS = 28
# Outside of these years nothing can have been measured, and zones have offsets that break the 15 minutes.
FIRST_DATE = date(2000, 1, 1)
LAST_DATE = date(2100, 1, 1)
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# Python reads more than RFC 3339: week dates, dates without dashes, hours alone.
MOMENT = re.compile(DATE.pattern + r"[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?")


class Granularity(StrEnum):
    """How long a period is; a week starts on Monday (ISO 8601)."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    TOTAL = "total"


class InvalidRange(ValueError):
    """The range that was asked for cannot be read; `field` is the parameter at fault."""

    code = "bad_parameter"

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


class BucketNotAligned(InvalidRange):
    """A moment that is not on a boundary of 15 minutes: what is stored cannot answer it."""

    code = "bucket_not_aligned"


class TooManyPeriods(InvalidRange):
    """The range has more periods of its granularity than one answer may carry."""

    code = "too_many_periods"


@dataclass(frozen=True, kw_only=True)
class Period:
    """From start (included) to end (excluded)."""

    start: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True)
class Range(Period):
    """A period in a reporting zone, as a reader asked for it."""

    zone: ZoneInfo


def last_date(period: Period, *, zone: ZoneInfo) -> date:
    """The last day of the zone that the period touches."""
    return local_day(period.end - timedelta(microseconds=1), zone=zone)


def recent_days(days: int, *, zone: ZoneInfo, now: datetime) -> Range:
    """Today and the days before it, `days` in all; it ends at the end of today."""
    today = local_day(now, zone=zone)
    return Range(
        start=day_start(today - timedelta(days=days - 1), zone=zone),
        end=day_start(today + timedelta(days=1), zone=zone),
        zone=zone,
    )


def parse_range(*, start: str, end: str, zone: ZoneInfo, now: datetime) -> Range:
    """The range of `from` (included) and `to` (excluded): dates in the zone, or RFC 3339 moments.

    An empty end is the end of today; an empty start is 28 days before the end.
    Raises InvalidRange, BucketNotAligned for a moment that is not on a 15-minute boundary.
    """
    until = parse_moment(end, field="to", zone=zone) if end else recent_days(1, zone=zone, now=now).end
    since = (
        parse_moment(start, field="from", zone=zone) if start else shift_days(until, -DEFAULT_DAYS, zone=zone)
    )
    if since >= until:
        raise InvalidRange(
            "The range is empty: from must be earlier than to, which is excluded.", field="from"
        )
    return Range(start=since, end=until, zone=zone)


def parse_moment(text: str, *, field: str, zone: ZoneInfo) -> datetime:
    """A date in the zone (its first moment) or an RFC 3339 moment, in UTC; raises as parse_range."""
    try:
        if DATE.fullmatch(text):
            moment = day_start(date.fromisoformat(text), zone=zone)
        else:
            moment = datetime.fromisoformat(_checked_form(text))
            moment = moment.astimezone(UTC) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        raise InvalidRange(
            "It takes a date like 2026-02-01 or a moment like 2026-02-01T00:00:00Z.", field=field
        ) from None
    if moment.tzinfo is None:
        raise InvalidRange("A moment needs a zone: end it with Z or an offset like +01:00.", field=field)
    return _checked(moment, field=field, zone=zone)


def _checked_form(text: str) -> str:
    if not MOMENT.fullmatch(text):
        raise ValueError("not RFC 3339")
    return text


def _checked(moment: datetime, *, field: str, zone: ZoneInfo) -> datetime:
    if not day_start(FIRST_DATE, zone=zone) <= moment <= day_start(LAST_DATE, zone=zone):
        raise InvalidRange(f"It takes {FIRST_DATE} to {LAST_DATE}.", field=field)
    if bucket_start(bucket_of(moment)) != moment:
        raise BucketNotAligned(
            "A moment must be on a 15-minute boundary (:00, :15, :30 or :45): "
            "figures are kept in buckets of 15 minutes.",
            field=field,
        )
    return moment


def shift_days(moment: datetime, days: int, *, zone: ZoneInfo) -> datetime:
    """The same time of day in the zone, days later (negative: earlier)."""
    local = moment.astimezone(zone).replace(tzinfo=None) + timedelta(days=days)
    return local.replace(tzinfo=zone).astimezone(UTC)


def previous_range(current: Range, *, until: datetime | None) -> Range:
    """What lies directly before the range and is as long, in days of the zone.

    `until` is how far the current range is computed: what came after that time of day on its last day is left
    out of the previous one too, so that a day that is not over is compared with the same part of a day.
    """
    days = (last_date(current, zone=current.zone) - local_day(current.start, zone=current.zone)).days
    if shift_days(current.end, -days, zone=current.zone) > current.start:
        days += 1
    end = current.end
    if until is not None and current.start < until < end:
        end = min(end, bucket_start(bucket_of(until) + 1))
    return Range(
        start=shift_days(current.start, -days, zone=current.zone),
        end=shift_days(end, -days, zone=current.zone),
        zone=current.zone,
    )


def split(wanted: Range, *, granularity: Granularity, maximum: int = MAXIMUM_PERIODS) -> tuple[Period, ...]:
    """The range's periods in order, without gaps; those at its edges are clipped to it.

    Raises TooManyPeriods above the maximum.
    """
    periods = tuple(islice(_periods(wanted, granularity=granularity), maximum + 1))
    if len(periods) > maximum:
        raise TooManyPeriods(
            f"The range has more than {maximum} periods of one {granularity}; "
            "take a shorter range or a coarser granularity.",
            field="granularity",
        )
    return periods


def _periods(wanted: Range, *, granularity: Granularity) -> Iterator[Period]:
    start = wanted.start
    while start < wanted.end:
        end = min(_next_start(start, granularity=granularity, zone=wanted.zone) or wanted.end, wanted.end)
        yield Period(start=start, end=end)
        start = end


def _next_start(moment: datetime, *, granularity: Granularity, zone: ZoneInfo) -> datetime | None:
    """Where the period after the moment's begins; None: never."""
    local = moment.astimezone(zone)
    today = local.date()
    if granularity is Granularity.HOUR:
        # Steps of real time: the hour that a 25-hour day has twice is two periods.
        return moment + timedelta(minutes=60 - local.minute)
    if granularity is Granularity.DAY:
        return _next_day_start(moment, day=today + timedelta(days=1), zone=zone)
    if granularity is Granularity.WEEK:
        return day_start(today + timedelta(days=7 - today.weekday()), zone=zone)
    if granularity is Granularity.MONTH:
        return day_start((today.replace(day=1) + timedelta(days=32)).replace(day=1), zone=zone)
    return None


def _next_day_start(moment: datetime, *, day: date, zone: ZoneInfo) -> datetime:
    """Start of the day, or of the one after it where the zone skipped the day (Samoa, 2011-12-30)."""
    start = day_start(day, zone=zone)
    return start if start > moment else day_start(day + timedelta(days=1), zone=zone)
