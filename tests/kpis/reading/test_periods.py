from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from kpis.reading.periods import (
    Against,
    BucketNotAligned,
    CalendarUnit,
    Granularity,
    InvalidRange,
    Period,
    Range,
    TooManyPeriods,
    calendar_range,
    compared_range,
    parse_range,
    previous_range,
    recent_days,
    split,
)
from tests.builders import NOW

UTC_ZONE = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")
KOLKATA = ZoneInfo("Asia/Kolkata")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def make_range(start: datetime, end: datetime, zone: ZoneInfo = UTC_ZONE) -> Range:
    return Range(start=start, end=end, zone=zone)


def parse(start: str = "", end: str = "", zone: ZoneInfo = UTC_ZONE) -> Range:
    return parse_range(start=start, end=end, zone=zone, now=NOW)


def hours(periods: tuple[Period, ...]) -> list[float]:
    return [(period.end - period.start) / timedelta(hours=1) for period in periods]


def test_reads_dates_as_days_of_the_zone() -> None:
    read = parse("2026-02-01", "2026-03-01", BERLIN)

    assert read == make_range(utc(2026, 1, 31, 23), utc(2026, 2, 28, 23), BERLIN)


def test_reads_moments_with_any_offset() -> None:
    read = parse("2026-02-01T00:15:00Z", "2026-02-01T06:00:00+05:30")

    assert read == make_range(utc(2026, 2, 1, 0, 15), utc(2026, 2, 1, 0, 30))


def test_defaults_to_28_days_that_end_with_today() -> None:
    assert parse() == make_range(utc(2026, 1, 19), utc(2026, 2, 16))


def test_defaults_the_start_to_28_days_before_the_end() -> None:
    assert parse(end="2026-02-01") == make_range(utc(2026, 1, 4), utc(2026, 2, 1))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("yesterday", id="a word"),
        pytest.param("2026-02-30", id="no such day"),
        pytest.param("2026-W05-1", id="a week date"),
        pytest.param("20260201", id="no dashes"),
        pytest.param("2026-02-01T25:00:00Z", id="no such hour"),
        pytest.param("\u0662\u0660\u0662\u0666-02-01", id="digits that are not ASCII"),
        pytest.param("0", id="a number"),
    ],
)
def test_refuses_what_is_no_date_or_moment(text: str) -> None:
    with pytest.raises(InvalidRange, match="a date like") as caught:
        parse(text)

    assert caught.value.field == "from"


def test_refuses_a_moment_without_a_zone() -> None:
    with pytest.raises(InvalidRange, match="needs a zone") as caught:
        parse("2026-02-01", "2026-02-02T00:00:00")

    assert caught.value.field == "to"


@pytest.mark.parametrize("minute", ["14:00", "16:00", "15:01", "15:00.000001"])
def test_refuses_a_moment_off_the_quarter_hour(minute: str) -> None:
    with pytest.raises(BucketNotAligned):
        parse(f"2026-02-01T00:{minute}Z")


@pytest.mark.parametrize("minute", ["00", "15", "30", "45"])
def test_takes_a_moment_on_the_quarter_hour(minute: str) -> None:
    assert parse(f"2026-02-01T00:{minute}:00Z").start == utc(2026, 2, 1, 0, int(minute))


@pytest.mark.parametrize("end", ["2026-02-01", "2026-01-31"])
def test_refuses_a_range_that_is_empty_or_reversed(end: str) -> None:
    with pytest.raises(InvalidRange, match="empty"):
        parse("2026-02-01", end)


@pytest.mark.parametrize("text", ["1999-12-31", "2100-01-02", "0001-01-01", "9999-12-31T23:45:00-23:00"])
def test_refuses_years_in_which_nothing_was_measured(text: str) -> None:
    with pytest.raises(InvalidRange):
        parse(text, "2100-01-01")


def test_splits_into_days() -> None:
    periods = split(make_range(utc(2026, 2, 1), utc(2026, 2, 3)), granularity=Granularity.DAY)

    assert periods == (
        Period(start=utc(2026, 2, 1), end=utc(2026, 2, 2)),
        Period(start=utc(2026, 2, 2), end=utc(2026, 2, 3)),
    )


def test_clips_the_periods_at_the_edges() -> None:
    periods = split(make_range(utc(2026, 2, 1, 6), utc(2026, 2, 2, 0, 15)), granularity=Granularity.DAY)

    assert periods == (
        Period(start=utc(2026, 2, 1, 6), end=utc(2026, 2, 2)),
        Period(start=utc(2026, 2, 2), end=utc(2026, 2, 2, 0, 15)),
    )


def test_begins_weeks_on_monday() -> None:
    periods = split(make_range(utc(2026, 2, 1), utc(2026, 2, 17)), granularity=Granularity.WEEK)

    assert [period.start for period in periods] == [
        utc(2026, 2, 1),
        utc(2026, 2, 2),
        utc(2026, 2, 9),
        utc(2026, 2, 16),
    ]


def test_begins_months_on_their_first_day() -> None:
    periods = split(make_range(utc(2025, 12, 15), utc(2026, 3, 2)), granularity=Granularity.MONTH)

    assert [period.start for period in periods] == [
        utc(2025, 12, 15),
        utc(2026, 1, 1),
        utc(2026, 2, 1),
        utc(2026, 3, 1),
    ]


def test_makes_one_period_of_the_total() -> None:
    whole = make_range(utc(2026, 2, 1, 6), utc(2026, 2, 28))

    assert split(whole, granularity=Granularity.TOTAL) == (Period(start=whole.start, end=whole.end),)


@pytest.mark.parametrize(
    ("day", "length"),
    [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)],
    ids=["clocks go forward", "clocks go back", "no change"],
)
def test_gives_a_day_the_length_that_its_clock_changes_leave(day: date, length: int) -> None:
    whole = parse(f"{day}", f"{day + timedelta(days=1)}", BERLIN)

    assert hours(split(whole, granularity=Granularity.DAY)) == [length]
    assert hours(split(whole, granularity=Granularity.HOUR)) == [1] * length


def test_tells_the_two_hours_of_a_25_hour_day_apart() -> None:
    whole = parse("2026-10-25", "2026-10-26", BERLIN)

    starts = [period.start.astimezone(BERLIN) for period in split(whole, granularity=Granularity.HOUR)]

    assert [f"{start:%H:%M %z}" for start in starts[2:4]] == ["02:00 +0200", "02:00 +0100"]


def test_begins_hours_on_the_zones_own_hours() -> None:
    whole = parse("2026-02-01T00:00:00Z", "2026-02-01T02:00:00Z", KOLKATA)

    assert hours(split(whole, granularity=Granularity.HOUR)) == [0.5, 1, 0.5]


def test_begins_a_day_after_the_midnight_that_was_skipped() -> None:
    zone = ZoneInfo("America/Sao_Paulo")

    periods = split(parse("2018-11-04", "2018-11-05", zone), granularity=Granularity.DAY)

    assert hours(periods) == [23]


def test_leaves_out_a_day_that_the_zone_skipped() -> None:
    zone = ZoneInfo("Pacific/Apia")

    periods = split(parse("2011-12-29", "2012-01-01", zone), granularity=Granularity.DAY)

    assert [period.start.astimezone(zone).day for period in periods] == [29, 31]


def make_hours(count: int) -> Range:
    start = utc(2026, 1, 1)
    return make_range(start, start + timedelta(hours=count))


def test_allows_2000_periods() -> None:
    assert len(split(make_hours(2000), granularity=Granularity.HOUR)) == 2000


def test_refuses_more_than_2000_periods() -> None:
    with pytest.raises(TooManyPeriods):
        split(make_hours(2001), granularity=Granularity.HOUR)


def test_puts_the_previous_range_directly_before() -> None:
    current = parse("2026-03-01", "2026-03-29")

    assert previous_range(current, until=None) == make_range(utc(2026, 2, 1), utc(2026, 3, 1))


def test_keeps_the_previous_range_in_days_across_a_clock_change() -> None:
    current = parse("2026-03-29", "2026-03-31", BERLIN)

    assert previous_range(current, until=None) == parse("2026-03-27", "2026-03-29", BERLIN)


def test_compares_a_day_that_is_not_over_with_the_same_part_of_a_day() -> None:
    current = recent_days(7, zone=UTC_ZONE, now=NOW)

    previous = previous_range(current, until=utc(2026, 2, 15, 11, 59))

    assert previous == make_range(utc(2026, 2, 2), utc(2026, 2, 8, 12))


def test_compares_a_range_that_is_computed_with_the_whole_one_before() -> None:
    current = parse("2026-02-01", "2026-02-08")

    assert previous_range(current, until=NOW) == make_range(utc(2026, 1, 25), utc(2026, 2, 1))


# (range, what it is compared with) by how it is compared.
COMPARED_RANGES = {
    "28 days, weekdays": (Against.WEEKDAYS, ("2026-02-01", "2026-03-01"), ("2026-01-04", "2026-02-01")),
    "29 days, weekdays": (Against.WEEKDAYS, ("2026-02-01", "2026-03-02"), ("2025-12-07", "2026-01-05")),
    "a day, weekdays": (Against.WEEKDAYS, ("2026-03-29", "2026-03-30"), ("2026-03-01", "2026-03-02")),
    "a month, year": (Against.YEAR, ("2026-02-01", "2026-03-01"), ("2025-02-01", "2025-03-01")),
    "a leap day, year": (Against.YEAR, ("2024-02-29", "2024-03-01"), ("2023-02-28", "2023-03-01")),
    "a year, year": (Against.YEAR, ("2025-01-01", "2026-01-01"), ("2024-01-01", "2025-01-01")),
    "a year and a day, year": (Against.YEAR, ("2025-01-01", "2026-01-02"), ("2023-01-01", "2024-01-02")),
    "previous": (Against.PREVIOUS, ("2026-02-01", "2026-02-08"), ("2026-01-25", "2026-02-01")),
}


@pytest.mark.parametrize(("against", "current", "expected"), COMPARED_RANGES.values(), ids=COMPARED_RANGES)
@pytest.mark.parametrize("zone", [UTC_ZONE, BERLIN], ids=str)
def test_compares_with_an_earlier_range(
    against: Against, current: tuple[str, str], expected: tuple[str, str], zone: ZoneInfo
) -> None:
    found = compared_range(parse(*current, zone), against=against, until=None)

    assert found == parse(*expected, zone)


@pytest.mark.parametrize(
    ("against", "expected"),
    [
        (Against.WEEKDAYS, make_range(utc(2026, 1, 12), utc(2026, 1, 18, 12))),
        (Against.YEAR, make_range(utc(2025, 2, 9), utc(2025, 2, 15, 12))),
    ],
)
def test_compares_a_day_that_is_not_over_with_the_same_part_of_an_earlier_one(
    against: Against, expected: Range
) -> None:
    current = recent_days(7, zone=UTC_ZONE, now=NOW)

    assert compared_range(current, against=against, until=utc(2026, 2, 15, 11, 59)) == expected


def test_shifts_parts_of_a_day_by_whole_days() -> None:
    current = make_range(utc(2026, 2, 1, 12), utc(2026, 2, 2, 12))

    assert previous_range(current, until=None) == make_range(utc(2026, 1, 31, 12), utc(2026, 2, 1, 12))


def test_counts_recent_days_with_today() -> None:
    assert recent_days(1, zone=BERLIN, now=NOW) == make_range(
        utc(2026, 2, 14, 23), utc(2026, 2, 15, 23), BERLIN
    )


# Months and quarters ------------------------------------------------------------------------------------

# (unit, day, back) → first day.
FIRST_DAYS = {
    (CalendarUnit.MONTH, date(2026, 3, 31), 0): date(2026, 3, 1),
    (CalendarUnit.MONTH, date(2026, 1, 1), 1): date(2025, 12, 1),
    (CalendarUnit.MONTH, date(2026, 12, 31), -1): date(2027, 1, 1),
    (CalendarUnit.QUARTER, date(2026, 1, 1), 0): date(2026, 1, 1),
    (CalendarUnit.QUARTER, date(2026, 3, 31), 0): date(2026, 1, 1),
    (CalendarUnit.QUARTER, date(2026, 4, 1), 0): date(2026, 4, 1),
    (CalendarUnit.QUARTER, date(2026, 2, 15), 1): date(2025, 10, 1),
    (CalendarUnit.QUARTER, date(2026, 12, 31), -1): date(2027, 1, 1),
}


@pytest.mark.parametrize(("case", "first"), FIRST_DAYS.items(), ids=[str(case) for case in FIRST_DAYS])
def test_finds_the_first_day_of_a_unit(case: tuple[CalendarUnit, date, int], first: date) -> None:
    unit, day, back = case

    assert unit.first_day(day, back=back) == first


# (unit, back) → start and end, on 15 Feb 2026 in Berlin.
CALENDAR_RANGES = {
    (CalendarUnit.MONTH, 0): ("2026-02-01", "2026-02-16"),
    (CalendarUnit.MONTH, 1): ("2026-01-01", "2026-02-01"),
    (CalendarUnit.QUARTER, 0): ("2026-01-01", "2026-02-16"),
    (CalendarUnit.QUARTER, 1): ("2025-10-01", "2026-01-01"),
}


@pytest.mark.parametrize(("case", "dates"), CALENDAR_RANGES.items(), ids=str)
def test_takes_a_month_or_quarter_of_the_zone(case: tuple[CalendarUnit, int], dates: tuple[str, str]) -> None:
    unit, back = case

    found = calendar_range(unit, zone=BERLIN, now=NOW, back=back)

    assert found == replace(parse(*dates, BERLIN), unit=unit)


# What is shown, and until when it is computed → the range that it is compared with.
BEFORE = {
    "a whole month, however long": ("2026-02-01", "2026-03-01", None, "2026-01-01", "2026-02-01"),
    "some days of a month": ("2026-03-01", "2026-03-16", None, "2026-02-01", "2026-02-16"),
    "a day that is not over": (
        "2026-03-01",
        "2026-03-16",
        utc(2026, 3, 15, 11, 59),
        "2026-02-01",
        "2026-02-15T13:00+01:00",
    ),
    "days that the month before does not have": (
        "2026-03-01",
        "2026-03-31",
        None,
        "2026-02-01",
        "2026-03-01",
    ),
    "the last day, which is not over": (
        "2026-02-01",
        "2026-03-01",
        utc(2026, 2, 28, 12),
        "2026-01-01",
        "2026-01-28T13:15+01:00",
    ),
    "a clock change in it": (
        "2026-04-01",
        "2026-04-30",
        utc(2026, 4, 29, 10),
        "2026-03-01",
        "2026-03-29T12:15+02:00",
    ),
}


@pytest.mark.parametrize("case", BEFORE.values(), ids=BEFORE)
def test_compares_the_same_days_of_the_month_before(case: tuple[str, str, datetime | None, str, str]) -> None:
    start, end, until, before_start, before_end = case
    current = replace(parse(start, end, BERLIN), unit=CalendarUnit.MONTH)

    assert previous_range(current, until=until) == parse(before_start, before_end, BERLIN)


def test_compares_a_quarter_with_the_quarter_before() -> None:
    whole = calendar_range(CalendarUnit.QUARTER, zone=UTC_ZONE, now=NOW, back=1)
    so_far = calendar_range(CalendarUnit.QUARTER, zone=UTC_ZONE, now=NOW)

    assert previous_range(whole, until=None) == parse("2025-07-01", "2025-10-01")
    # 46 days of each.
    assert previous_range(so_far, until=None) == parse("2025-10-01", "2025-11-16")
