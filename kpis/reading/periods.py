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

from django.utils.translation import gettext as _

from kpis.days import day_start, local_day
from workbench.buckets import bucket_of, bucket_start

MAXIMUM_PERIODS = 2_000
DEFAULT_DAYS = 28
DAYS_OF_WEEKDAYS = 28
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


class Against(StrEnum):
    """What a range is compared with."""

    PREVIOUS = "previous"
    WEEKDAYS = "weekdays"
    YEAR = "year"


class CalendarUnit(StrEnum):
    """A period of the calendar, in the days of a zone."""

    MONTH = "month"
    QUARTER = "quarter"

    @property
    def months(self) -> int:
        return 3 if self is CalendarUnit.QUARTER else 1

    def first_day(self, day: date, *, back: int = 0) -> date:
        """The first day of the period that holds the day, or of one that is `back` periods earlier (-1: the next)."""
        months = day.year * 12 + day.month - 1
        year, month = divmod(months - months % self.months - back * self.months, 12)
        return date(year, month + 1, 1)


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
    """The period that a reader asks for, with the zone whose days count.

    `unit` says that it is a period of the calendar, or what is over of one: it begins with the unit's first day.
    """

    zone: ZoneInfo
    unit: CalendarUnit | None = None


def last_date(period: Period, *, zone: ZoneInfo) -> date:
    """The last day of the zone that the period touches."""
    return local_day(period.end - timedelta(microseconds=1), zone=zone)


def dates_of(shown_range: Range) -> str:
    """The first and the last day, 2026-02-01-2026-02-28, for the names of files."""
    zone = shown_range.zone
    return f"{local_day(shown_range.start, zone=zone)}-{last_date(shown_range, zone=zone)}"


def recent_days(days: int, *, zone: ZoneInfo, now: datetime) -> Range:
    """The range of `days` days that ends with the end of today."""
    today = local_day(now, zone=zone)
    return Range(
        start=day_start(today - timedelta(days=days - 1), zone=zone),
        end=day_start(today + timedelta(days=1), zone=zone),
        zone=zone,
    )


def calendar_range(unit: CalendarUnit, *, zone: ZoneInfo, now: datetime, back: int = 0) -> Range:
    """The unit that today is in, up to the end of today; with `back` a whole one that is so many units earlier."""
    today = local_day(now, zone=zone)
    end = unit.first_day(today, back=back - 1) if back else today + timedelta(days=1)
    return Range(
        start=day_start(unit.first_day(today, back=back), zone=zone),
        end=day_start(end, zone=zone),
        zone=zone,
        unit=unit,
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
            _("The range is empty: from must be earlier than to, which is excluded."), field="from"
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
            _("It takes a date like 2026-02-01 or a moment like 2026-02-01T00:00:00Z."), field=field
        ) from None
    if moment.tzinfo is None:
        raise InvalidRange(_("A moment needs a zone: end it with Z or an offset like +01:00."), field=field)
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
        ends = {"first": FIRST_DATE, "last": LAST_DATE}
        raise InvalidRange(_("It takes %(first)s to %(last)s.") % ends, field=field)
    if bucket_start(bucket_of(moment)) != moment:
        raise BucketNotAligned(
            _(
                "A moment must be on a 15-minute boundary (:00, :15, :30 or :45): "
                "figures are kept in buckets of 15 minutes."
            ),
            field=field,
        )


def shift_days(moment: datetime, days: int, *, zone: ZoneInfo) -> datetime:
    """The same time of day in the zone, that many days later; a negative number is earlier."""
    local = _clock(moment, zone=zone) + timedelta(days=days)
    return local.replace(tzinfo=zone).astimezone(UTC)


def previous_range(current: Range, *, until: datetime | None) -> Range:
    """The range directly before, with as many days of the zone.

    `until` is how far the current range is computed. If it lies within the range, the previous range ends at the
    same time of day: a day that is not over is compared with the same part of a day. A range of the calendar is
    compared with the month or quarter before: a whole one with a whole one, else the same days of both.
    """
    if current.unit is not None:
        return _unit_before(current, unit=current.unit, end=_computed_end(current, until=until))
    days = _days_in(current)
    return Range(
        start=shift_days(current.start, -days, zone=current.zone),
        end=shift_days(_computed_end(current, until=until), -days, zone=current.zone),
        zone=current.zone,
    )


def _computed_end(current: Range, *, until: datetime | None) -> datetime:
    """Where the range ends, or the bucket up to which it is computed."""
    if until is None or not current.start < until < current.end:
        return current.end
    return min(current.end, bucket_start(bucket_of(until) + 1))


def compared_range(current: Range, *, against: Against, until: datetime | None) -> Range:
    """The range that the current one is compared with. It ends before the current one begins, so they share no event.

    The same weekdays are those of 4 weeks before, of a longer range those of 8, 12 and so on. The same period a year
    before is that of 2 years before where the range is longer than a year; 29 February becomes the 28th. `until` is
    as for previous_range.
    """
    if against is Against.PREVIOUS:
        return previous_range(current, until=until)
    times = 1
    while _earlier(current.end, times, against=against, zone=current.zone) > current.start:
        times += 1
    end = _computed_end(current, until=until)
    return Range(
        start=_earlier(current.start, times, against=against, zone=current.zone),
        end=_earlier(end, times, against=against, zone=current.zone),
        zone=current.zone,
    )


def _earlier(moment: datetime, times: int, *, against: Against, zone: ZoneInfo) -> datetime:
    """The same time of day so many times 4 weeks or a year earlier."""
    if against is Against.WEEKDAYS:
        return shift_days(moment, -times * DAYS_OF_WEEKDAYS, zone=zone)
    local = moment.astimezone(zone).replace(tzinfo=None)
    try:
        earlier = local.replace(year=local.year - times)
    except ValueError:
        earlier = local.replace(year=local.year - times, day=28)
    return earlier.replace(tzinfo=zone).astimezone(UTC)


def _unit_before(current: Range, *, unit: CalendarUnit, end: datetime) -> Range:
    """The unit before, up to the same day and time of day as `end`; up to its own end where it is shorter than that."""
    zone = current.zone
    first = local_day(current.start, zone=zone)
    start = day_start(unit.first_day(first, back=1), zone=zone)
    if end == day_start(unit.first_day(first, back=-1), zone=zone):
        return Range(start=start, end=current.start, zone=zone)
    # Of the zone's clock, so that a clock change moves no time of day.
    elapsed = _clock(end, zone=zone) - _clock(current.start, zone=zone)
    same_end = (_clock(start, zone=zone) + elapsed).replace(tzinfo=zone).astimezone(UTC)
    return Range(start=start, end=min(same_end, current.start), zone=zone)


def _clock(moment: datetime, *, zone: ZoneInfo) -> datetime:
    """What the zone's clocks show, without a zone."""
    return moment.astimezone(zone).replace(tzinfo=None)


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
            _(
                "The range has more than %(maximum)s periods of one %(granularity)s; "
                "take a shorter range or a coarser granularity."
            )
            % {"maximum": maximum, "granularity": _(granularity.value)},
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
