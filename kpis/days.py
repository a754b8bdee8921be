"""Days in the reporting zone, and the moments at which they start."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from django.conf import settings


def reporting_zone() -> ZoneInfo:
    """The zone whose days the portal reports in."""
    return ZoneInfo(settings.REPORTING_TIME_ZONE)


def local_day(moment: datetime, *, zone: ZoneInfo) -> date:
    """The zone's day that holds the moment."""
    return moment.astimezone(zone).date()


def day_start(day: date, *, zone: ZoneInfo) -> datetime:
    """The moment (UTC) at which the zone's day starts; it lies on a boundary of base buckets.

    Where a clock change skips midnight, the day starts at the change.
    """
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)
