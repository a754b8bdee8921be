from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from kpis.reading.periods import Granularity, Period, Range
from pages.period_names import period_label, period_name, range_text

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
