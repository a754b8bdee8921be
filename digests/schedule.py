"""When a digest is due, and which days it is about. Pure: moments in, moments out.

A digest is due at a full hour of the person's clock. An hour that the clocks skip is the moment at which they skip it;
of an hour that they repeat the first one counts. It is about whole days of the person's time zone, up to the midnight
before: one day, or seven. A day has 23 or 25 hours where the clocks change.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from digests.models import DigestFrequency, DigestSubscription
from kpis.days import day_start, local_day, reporting_zone

DAYS = {DigestFrequency.DAILY: 1, DigestFrequency.WEEKLY: 7}
DAY = timedelta(days=1)


def zone_named(name: str) -> ZoneInfo:
    """The zone; the reporting zone where this machine knows none of the name, so that no person's stops the others'."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return reporting_zone()


@dataclass(frozen=True, kw_only=True)
class DigestClock:
    """The hours at which a person's digest is due. Monday is weekday 0."""

    frequency: DigestFrequency
    weekday: int
    hour: int
    zone: ZoneInfo

    @classmethod
    def of(cls, subscription: DigestSubscription) -> "DigestClock":
        return cls(
            frequency=DigestFrequency(subscription.frequency),
            weekday=subscription.weekday,
            hour=subscription.hour,
            zone=zone_named(subscription.time_zone),
        )

    @property
    def days(self) -> int:
        return DAYS[self.frequency]

    def is_on(self, day: date) -> bool:
        return self.frequency is DigestFrequency.DAILY or day.weekday() == self.weekday

    def due_at(self, day: date) -> datetime:
        """The moment in UTC at which the day's digest is due.

        PEP 495 gives an hour that is skipped the offset from before the change, which makes it the change itself, and
        one that is repeated its first moment.
        """
        return datetime.combine(day, time(self.hour), tzinfo=self.zone).astimezone(UTC)


@dataclass(frozen=True, kw_only=True)
class DigestSlot:
    """A digest that is due: from `start` to `end` (excluded), both midnights of the zone, in UTC."""

    due_at: datetime
    first: date
    start: datetime
    end: datetime
    clock: DigestClock

    @property
    def occasion(self) -> str:
        """The same for the same days, whatever became of the hour: `weekly 2026-03-16`."""
        return f"{self.clock.frequency.value} {self.first}"


def slot_of(clock: DigestClock, *, day: date) -> DigestSlot:
    """The digest that is due on the day."""
    first = day - clock.days * DAY
    return DigestSlot(
        due_at=clock.due_at(day),
        first=first,
        start=day_start(first, zone=clock.zone),
        end=day_start(day, zone=clock.zone),
        clock=clock,
    )


def latest_slot(clock: DigestClock, *, now: datetime) -> DigestSlot:
    """The last digest that was due at `now` or before."""
    day = local_day(now, zone=clock.zone)
    while not clock.is_on(day) or clock.due_at(day) > now:
        day -= DAY
    return slot_of(clock, day=day)


def next_due_at(clock: DigestClock, *, now: datetime) -> datetime:
    """The first moment after `now` at which a digest is due."""
    day = local_day(now, zone=clock.zone)
    while not clock.is_on(day) or clock.due_at(day) <= now:
        day += DAY
    return clock.due_at(day)
