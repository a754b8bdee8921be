from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpis.days import day_start, local_day
from workbench.buckets import bucket_of, bucket_start

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
]
MICROSECOND = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("zone", "day", "start"),
    [
        pytest.param("UTC", date(2026, 2, 2), datetime(2026, 2, 2, tzinfo=UTC), id="UTC"),
        pytest.param(
            "Europe/Berlin", date(2026, 2, 2), datetime(2026, 2, 1, 23, tzinfo=UTC), id="east of UTC"
        ),
        pytest.param(
            "Europe/Berlin",
            date(2026, 3, 29),
            datetime(2026, 3, 28, 23, tzinfo=UTC),
            id="the day clocks go forward",
        ),
        pytest.param(
            "Europe/Berlin",
            date(2026, 3, 30),
            datetime(2026, 3, 29, 22, tzinfo=UTC),
            id="the day after clocks went forward",
        ),
        pytest.param(
            "Europe/Berlin",
            date(2026, 10, 25),
            datetime(2026, 10, 24, 22, tzinfo=UTC),
            id="the day clocks go back",
        ),
        pytest.param(
            "Europe/Berlin",
            date(2026, 10, 26),
            datetime(2026, 10, 25, 23, tzinfo=UTC),
            id="the day after clocks went back",
        ),
        pytest.param(
            "Asia/Kathmandu",
            date(2026, 2, 2),
            datetime(2026, 2, 1, 18, 15, tzinfo=UTC),
            id="an offset of quarter hours",
        ),
        # Midnight does not exist: the clock goes from 23:59 to 01:00.
        pytest.param(
            "America/Sao_Paulo",
            date(2018, 11, 4),
            datetime(2018, 11, 4, 3, tzinfo=UTC),
            id="midnight skipped",
        ),
        # Midnight comes twice: the clock goes from 01:00 back to 00:00.
        pytest.param(
            "America/Havana", date(2026, 11, 1), datetime(2026, 11, 1, 4, tzinfo=UTC), id="midnight twice"
        ),
    ],
)
def test_a_day_starts_at_the_zones_midnight(zone: str, day: date, start: datetime) -> None:
    assert day_start(day, zone=ZoneInfo(zone)) == start
    assert day_start(day, zone=ZoneInfo(zone)).tzinfo is UTC


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2026, 3, 28), 24), (date(2026, 3, 29), 23), (date(2026, 10, 25), 25)],
    ids=["no change", "clocks go forward", "clocks go back"],
)
def test_a_day_with_a_clock_change_has_its_own_length(day: date, hours: int) -> None:
    start = day_start(day, zone=BERLIN)
    end = day_start(day + timedelta(days=1), zone=BERLIN)

    assert end - start == timedelta(hours=hours)


@given(st.dates(date(2020, 1, 1), date(2035, 12, 31)), st.sampled_from(ZONES))
def test_a_day_holds_its_start_and_not_its_end_and_begins_with_a_bucket(day: date, name: str) -> None:
    zone = ZoneInfo(name)

    start = day_start(day, zone=zone)

    assert local_day(start, zone=zone) == day
    assert local_day(start - MICROSECOND, zone=zone) == day - timedelta(days=1)
    assert bucket_start(bucket_of(start)) == start
