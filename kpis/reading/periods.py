"""Ranges of time, and the periods that a range is shown in, in the reporting zone.

Every moment is aware and in UTC. Every end is excluded. A *day* is a day of the reporting zone: 23 or 25 hours
long where its clocks change. Every boundary is also a boundary of base buckets (15 minutes in UTC).
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
# No workbench measured anything outside these years. Before them zones had offsets that are no multiple of
# 15 minutes, so that days would not begin with a bucket.
FIRST_DATE = date(2000, 1, 1)
LAST_DATE = date(2100, 1, 1)
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# fromisoformat reads more than RFC 3339: week dates, dates without dashes, hours alone.
MOMENT = re.compile(DATE.pattern + r"[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?")


class Granularity(StrEnum):
    """How long a reader's periods are; a week starts on Monday (ISO 8601).

    Rows are stored in fewer lengths: see StoredGranularity.
    """

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    TOTAL = "total"


class InvalidRange(ValueError):
    """A range that cannot be understood or answered; `field` names the parameter at fault."""

    code = "bad_parameter"

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


class BucketNotAligned(InvalidRange):
    """A moment that is not on a 15-minute boundary, so that no stored row begins there."""

    code = "bucket_not_aligned"


class TooManyPeriods(InvalidRange):
    """A range with more periods than one answer may have."""

    code = "too_many_periods"


@dataclass(frozen=True, kw_only=True)
class Period:
    """From start (included) to end (excluded)."""

    start: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True)
class Range(Period):
    """The period that a reader asks for, with the zone whose days count."""

    zone: ZoneInfo


def last_date(period: Period, *, zone: ZoneInfo) -> date:
    """The last day of the zone that the period touches."""
    return local_day(period.end - timedelta(microseconds=1), zone=zone)


def recent_days(days: int, *, zone: ZoneInfo, now: datetime) -> Range:
    """The range of `days` days that ends with the end of today."""
    today = local_day(now, zone=zone)
    return Range(
        start=day_start(today - timedelta(days=days - 1), zone=zone),
        end=day_start(today + timedelta(days=1), zone=zone),
        zone=zone,
    )


def parse_range(*, start: str, end: str, zone: ZoneInfo, now: datetime) -> Range:
    """The range from `start` (included) to `end` (excluded): dates in the zone, or RFC 3339 moments.

    An empty end is the end of today. An empty start is 28 days before the end.
    Raises InvalidRange; BucketNotAligned for a moment that is not on a 15-minute boundary.
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
    """A date (its first moment in the zone) or an RFC 3339 moment, in UTC.

    Raises InvalidRange; BucketNotAligned for a moment that is not on a 15-minute boundary.
    """
    try:
        moment = _read_moment(text, zone=zone)
    except (ValueError, OverflowError):
        raise InvalidRange(
            "It takes a date like 2026-02-01 or a moment like 2026-02-01T00:00:00Z.", field=field
        ) from None
    if moment.tzinfo is None:
        raise InvalidRange("A moment needs a zone: end it with Z or an offset like +01:00.", field=field)
    _check_boundary(moment, field=field, zone=zone)
    return moment


def _read_moment(text: str, *, zone: ZoneInfo) -> datetime:
    """In UTC; naive where the text names no zone. Raises ValueError or OverflowError for any other text."""
    if DATE.fullmatch(text):
        return day_start(date.fromisoformat(text), zone=zone)
    if not MOMENT.fullmatch(text):
        raise ValueError("not RFC 3339")
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment


def _check_boundary(moment: datetime, *, field: str, zone: ZoneInfo) -> None:
    if not day_start(FIRST_DATE, zone=zone) <= moment <= day_start(LAST_DATE, zone=zone):
        raise InvalidRange(f"It takes {FIRST_DATE} to {LAST_DATE}.", field=field)
    if bucket_start(bucket_of(moment)) != moment:
        raise BucketNotAligned(
            "A moment must be on a 15-minute boundary (:00, :15, :30 or :45): "
            "figures are kept in buckets of 15 minutes.",
            field=field,
        )


def shift_days(moment: datetime, days: int, *, zone: ZoneInfo) -> datetime:
    """The same time of day in the zone, that many days later; a negative number is earlier."""
    local = moment.astimezone(zone).replace(tzinfo=None) + timedelta(days=days)
    return local.replace(tzinfo=zone).astimezone(UTC)


def previous_range(current: Range, *, until: datetime | None) -> Range:
    """The range directly before, with as many days of the zone.

    `until` is how far the current range is computed. If it lies within the range, the previous range ends at the
    same time of day: a day that is not over is compared with the same part of a day.
    """
    days = _days_in(current)
    end = current.end
    if until is not None and current.start < until < end:
        end = min(end, bucket_start(bucket_of(until) + 1))
    return Range(
        start=shift_days(current.start, -days, zone=current.zone),
        end=shift_days(end, -days, zone=current.zone),
        zone=current.zone,
    )


def _days_in(range: Range) -> int:
    """How many days the range must move back to end where it starts now, or earlier."""
    days = (last_date(range, zone=range.zone) - local_day(range.start, zone=range.zone)).days
    is_enough = shift_days(range.end, -days, zone=range.zone) <= range.start
    return days if is_enough else days + 1


def split(range: Range, *, granularity: Granularity, maximum: int = MAXIMUM_PERIODS) -> tuple[Period, ...]:
    """The range's periods in order, without gaps. The first and the last are cut off at the range's ends.

    Raises TooManyPeriods above the maximum.
    """
    periods = tuple(islice(_periods(range, granularity=granularity), maximum + 1))
    if len(periods) > maximum:
        raise TooManyPeriods(
            f"The range has more than {maximum} periods of one {granularity}; "
            "take a shorter range or a coarser granularity.",
            field="granularity",
        )
    return periods


def _periods(range: Range, *, granularity: Granularity) -> Iterator[Period]:
    start = range.start
    while start < range.end:
        end = min(_next_start(start, granularity=granularity, zone=range.zone) or range.end, range.end)
        yield Period(start=start, end=end)
        start = end


def _next_start(moment: datetime, *, granularity: Granularity, zone: ZoneInfo) -> datetime | None:
    """The start of the period after the one that holds the moment; None for a total, which has no next one."""
    local = moment.astimezone(zone)
    today = local.date()
    if granularity is Granularity.HOUR:
        # Elapsed time: an hour that the clocks repeat is two periods.
        return moment + timedelta(minutes=60 - local.minute)
    if granularity is Granularity.DAY:
        return _next_day_start(moment, day=today + timedelta(days=1), zone=zone)
    if granularity is Granularity.WEEK:
        return day_start(today + timedelta(days=7 - today.weekday()), zone=zone)
    if granularity is Granularity.MONTH:
        return day_start((today.replace(day=1) + timedelta(days=32)).replace(day=1), zone=zone)
    return None


def _next_day_start(moment: datetime, *, day: date, zone: ZoneInfo) -> datetime:
    """The start of the day; of the next one where the zone skipped the day (Samoa, 2011-12-30)."""
    start = day_start(day, zone=zone)
    return start if start > moment else day_start(day + timedelta(days=1), zone=zone)
