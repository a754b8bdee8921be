from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from kpis.reading.periods import Against, CalendarUnit, Granularity, Period, Range
from pages.period_names import begin_note, period_label, period_name, previous_note, range_text

UTC_ZONE = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 2, 9, tzinfo=UTC)
FIRST = datetime(2026, 2, 1, tzinfo=UTC)
LATER = datetime(2026, 2, 11, 13, tzinfo=UTC)
END = datetime(2026, 3, 1, tzinfo=UTC)

# (granularity, start of the period) → its name, and its label on the chart's axis.
NAMES = {
    (Granularity.HOUR, LATER): ("11 Feb 2026, 13:00 (UTC)", "11 Feb 13:00"),
    (Granularity.DAY, MONDAY): ("9 Feb 2026", "9 Feb"),
    (Granularity.WEEK, MONDAY): ("Week of 9 Feb 2026", "9 Feb"),
    (Granularity.WEEK, LATER): ("Week of 9 Feb 2026, from 11 Feb", "11 Feb"),
    (Granularity.MONTH, FIRST): ("Feb 2026", "Feb 2026"),
    (Granularity.MONTH, LATER): ("Feb 2026, from 11 Feb", "Feb 2026"),
}


@pytest.mark.parametrize(("case", "names"), NAMES.items(), ids=[name for name, _ in NAMES.values()])
def test_names_a_period(case: tuple[Granularity, datetime], names: tuple[str, str]) -> None:
    granularity, start = case
    period = Period(start=start, end=END)

    name = period_name(period, granularity=granularity, zone=UTC_ZONE)
    label = period_label(period, granularity=granularity, zone=UTC_ZONE)

    assert (name, label) == names


def test_names_a_day_of_the_zone() -> None:
    period = Period(start=datetime(2026, 2, 8, 23, tzinfo=UTC), end=END)

    assert period_name(period, granularity=Granularity.DAY, zone=BERLIN) == "9 Feb 2026"


# Start and end of a range in UTC → its text.
RANGES = {
    "whole days": (MONDAY, END, "9 Feb 2026 – 28 Feb 2026"),  # noqa: RUF001
    "an end within a day": (MONDAY, LATER, "9 Feb 2026 – 11 Feb 2026, 13:00"),  # noqa: RUF001
    "a start within a day": (LATER, END, "11 Feb 2026, 13:00 – 28 Feb 2026"),  # noqa: RUF001
}


@pytest.mark.parametrize(("start", "end", "text"), RANGES.values(), ids=RANGES)
def test_names_a_range_by_its_first_and_last_day(start: datetime, end: datetime, text: str) -> None:
    assert range_text(Range(start=start, end=end, zone=UTC_ZONE)) == text


JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
# End of March so far, end of what it is compared with, whether its last day is over → what is said of that.
NOTES = {
    "whole": (datetime(2026, 4, 1, tzinfo=UTC), END, False, ""),
    "some days": (
        datetime(2026, 3, 12, tzinfo=UTC),
        datetime(2026, 2, 12, tzinfo=UTC),
        False,
        ", the same days of the month before",
    ),
    "a day that is not over": (
        datetime(2026, 3, 12, tzinfo=UTC),
        LATER,
        True,
        ", the same days of the month before, up to the same time of day",
    ),
    "more days than the month before has": (
        datetime(2026, 3, 31, tzinfo=UTC),
        END,
        True,
        ", the whole month before, which is shorter",
    ),
}


@pytest.mark.parametrize(("end", "before_end", "is_open", "note"), NOTES.values(), ids=NOTES)
def test_says_how_the_range_before_a_month_ends(
    end: datetime, before_end: datetime, is_open: bool, note: str
) -> None:
    march = Range(start=END, end=end, zone=UTC_ZONE, unit=CalendarUnit.MONTH)
    before = Range(start=FIRST, end=before_end, zone=UTC_ZONE)

    assert previous_note(march, previous=before, against=Against.PREVIOUS, is_open=is_open) == note


@pytest.mark.parametrize(("is_open", "note"), [(True, ", which ends at the same time of day"), (False, "")])
def test_says_how_the_days_before_end(is_open: bool, note: str) -> None:
    days = Range(start=FIRST, end=END, zone=UTC_ZONE)
    before = replace(days, start=JANUARY, end=FIRST)

    assert previous_note(days, previous=before, against=Against.PREVIOUS, is_open=is_open) == note


def test_a_year_before_is_not_the_month_before() -> None:
    march = Range(start=END, end=LATER, zone=UTC_ZONE, unit=CalendarUnit.MONTH)
    before = Range(start=FIRST, end=END, zone=UTC_ZONE)

    assert previous_note(march, previous=before, against=Against.YEAR, is_open=False) == ""


@pytest.mark.parametrize(
    ("days", "note"),
    [
        (-1, ""),
        (0, ""),
        (1, "Figures begin on 12 Feb 2026, so the period to compare with is not whole."),
        (7, "Figures begin on 18 Feb 2026: there is nothing to compare with."),
    ],
)
def test_says_where_figures_begin_within_the_period_to_compare_with(days: int, note: str) -> None:
    first = datetime(2026, 2, 11, tzinfo=UTC)
    compared = Range(start=first, end=first + timedelta(days=7), zone=UTC_ZONE)

    assert begin_note(first + timedelta(days=days), compared=compared) == note


def test_an_empty_environment_has_no_begin() -> None:
    assert begin_note(None, compared=Range(start=FIRST, end=END, zone=UTC_ZONE)) == ""
