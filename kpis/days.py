"""Days of a time zone, and the moments at which they start."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from django.conf import settings


def reporting_zone() -> ZoneInfo:
    """The zone whose days the portal reports by (REPORTING_TIME_ZONE)."""
    return ZoneInfo(settings.REPORTING_TIME_ZONE)


def local_day(moment: datetime, *, zone: ZoneInfo) -> date:
    """The day of the zone that an aware moment falls on."""
    return moment.astimezone(zone).date()


def day_start(day: date, *, zone: ZoneInfo) -> datetime:
    """The moment in UTC at which the zone's day starts. It is always a boundary of base buckets.

    Where a clock change skips midnight, the day starts at the change. Where it repeats midnight, at the first.
    """
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)
