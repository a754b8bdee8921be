"""When a digest is due, in three zones across their clock changes, and which days it is about."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from pytest_django import Settings

from digests.models import DigestFrequency
from digests.schedule import DigestClock, latest_slot, next_due_at, slot_of, zone_named

HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


def daily(zone: str, hour: int = 8) -> DigestClock:
    return DigestClock(frequency=DigestFrequency.DAILY, weekday=0, hour=hour, zone=ZoneInfo(zone))


def weekly(zone: str, weekday: int = 0, hour: int = 8) -> DigestClock:
    return DigestClock(frequency=DigestFrequency.WEEKLY, weekday=weekday, hour=hour, zone=ZoneInfo(zone))


# The clocks go on by an hour in the night before the second day, and back in the night before the fourth.
@pytest.mark.parametrize(
    ("zone", "moments"),
    [
        (
            "Europe/Berlin",
            ["2026-03-28T07:00", "2026-03-29T06:00", "2026-10-24T06:00", "2026-10-25T07:00"],
        ),
        (
            "America/Los_Angeles",
            ["2026-03-07T16:00", "2026-03-08T15:00", "2026-10-31T15:00", "2026-11-01T16:00"],
        ),
        # South of the equator: on in October, back in April.
        (
            "Australia/Sydney",
            ["2026-10-02T22:00", "2026-10-03T21:00", "2026-04-03T21:00", "2026-04-04T22:00"],
        ),
        ("Asia/Kathmandu", ["2026-03-28T02:15", "2026-03-29T02:15", "2026-10-24T02:15", "2026-10-25T02:15"]),
    ],
)
def test_is_due_at_the_same_hour_of_the_clock_whatever_became_of_it(zone: str, moments: list[str]) -> None:
    clock = daily(zone)

    for moment in map(utc, moments):
        assert moment.astimezone(clock.zone).hour == 8
        assert next_due_at(clock, now=moment - MICROSECOND) == moment


@pytest.mark.parametrize(
    ("zone", "hour", "day", "moment"),
    [
        # An hour that the clocks skip: the moment at which they skip it.
        ("Europe/Berlin", 2, "2026-03-29", "2026-03-29T01:00"),
        ("America/Los_Angeles", 2, "2026-03-08", "2026-03-08T10:00"),
        ("Australia/Lord_Howe", 2, "2026-10-04", "2026-10-03T15:30"),
        ("America/Santiago", 0, "2026-09-06", "2026-09-06T04:00"),
        # An hour that they repeat: the first.
        ("Europe/Berlin", 2, "2026-10-25", "2026-10-25T00:00"),
        ("America/Los_Angeles", 1, "2026-11-01", "2026-11-01T08:00"),
        ("Australia/Sydney", 2, "2026-04-05", "2026-04-04T15:00"),
    ],
)
def test_an_hour_that_is_skipped_or_repeated_has_one_moment(
    zone: str, hour: int, day: str, moment: str
) -> None:
    clock = daily(zone, hour)

    assert clock.due_at(date.fromisoformat(day)) == utc(moment)
    # Each day has one: none is lost and none comes twice.
    following = next_due_at(clock, now=utc(moment))
    assert following.astimezone(clock.zone).date() == date.fromisoformat(day) + timedelta(days=1)


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/Los_Angeles", "Australia/Sydney", "America/Santiago"]
)
@pytest.mark.parametrize("hour", [0, 1, 2, 3, 23])
def test_a_year_has_a_digest_for_each_day(zone: str, hour: int) -> None:
    clock, now, firsts = daily(zone, hour), utc("2026-01-01T00:00"), []

    while now < utc("2027-01-01T00:00"):
        now = next_due_at(clock, now=now)
        slot = latest_slot(clock, now=now)
        assert slot.due_at == now
        assert slot.end - slot.start in {23 * HOUR, 24 * HOUR, 25 * HOUR}
        firsts.append(slot.first)

    assert {later - earlier for earlier, later in pairwise(firsts)} == {timedelta(days=1)}
    assert len(firsts) in {365, 366}


def test_a_week_is_the_seven_days_before_midnight_of_its_day() -> None:
    slot = slot_of(weekly("Europe/Berlin"), day=date(2026, 3, 30))

    assert (slot.start, slot.end) == (utc("2026-03-22T23:00"), utc("2026-03-29T22:00"))
    assert slot.end - slot.start == timedelta(days=7) - HOUR
    assert slot.occasion == "weekly 2026-03-23"


def test_a_day_is_the_one_before() -> None:
    slot = slot_of(daily("America/Los_Angeles"), day=date(2026, 11, 2))

    assert (slot.start, slot.end) == (utc("2026-11-01T07:00"), utc("2026-11-02T08:00"))
    assert slot.occasion == "daily 2026-11-01"


@pytest.mark.parametrize(
    ("now", "latest", "following"),
    [
        ("2026-03-30T05:59", "2026-03-23T07:00", "2026-03-30T06:00"),
        ("2026-03-30T06:00", "2026-03-30T06:00", "2026-04-06T06:00"),
        ("2026-04-01T12:00", "2026-03-30T06:00", "2026-04-06T06:00"),
    ],
)
def test_a_weekly_digest_is_due_from_its_hour_on(now: str, latest: str, following: str) -> None:
    clock = weekly("Europe/Berlin")

    assert latest_slot(clock, now=utc(now)).due_at == utc(latest)
    assert next_due_at(clock, now=utc(now)) == utc(following)


def test_moments_are_in_utc() -> None:
    assert next_due_at(daily("Asia/Tokyo"), now=utc("2026-01-01T00:00")).tzinfo is UTC


def test_a_zone_that_the_machine_does_not_know_is_the_reporting_zone(settings: Settings) -> None:
    settings.REPORTING_TIME_ZONE = "Asia/Tokyo"

    assert [zone_named(name).key for name in ("Europe/Berlin", "Mars/Olympus", "../x")] == [
        "Europe/Berlin",
        "Asia/Tokyo",
        "Asia/Tokyo",
    ]
