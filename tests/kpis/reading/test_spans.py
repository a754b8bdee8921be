from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from pytest_django import Settings

from kpis.models import StoredGranularity
from kpis.reading.periods import Granularity, Range, split
from kpis.reading.spans import Span, stored_spans

UTC_ZONE = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def make_range(start: datetime, end: datetime, zone: ZoneInfo = UTC_ZONE) -> Range:
    return Range(start=start, end=end, zone=zone)


def spans_of(range: Range, granularity: Granularity) -> tuple[Span, ...]:
    return stored_spans(split(range, granularity=granularity), granularity=granularity, zone=range.zone)


def base(start: datetime, end: datetime) -> Span:
    return Span(start=start, end=end, granularity=StoredGranularity.BASE)


def day(start: datetime, end: datetime) -> Span:
    return Span(start=start, end=end, granularity=StoredGranularity.DAY)


@pytest.mark.parametrize(
    "granularity", [Granularity.DAY, Granularity.WEEK, Granularity.MONTH, Granularity.TOTAL]
)
def test_answers_whole_days_from_day_rows(granularity: Granularity, settings: Settings) -> None:
    settings.REPORTING_TIME_ZONE = "Europe/Berlin"
    range = make_range(utc(2026, 3, 27, 23), utc(2026, 3, 30, 22), BERLIN)

    assert spans_of(range, granularity) == (day(range.start, range.end),)


def test_answers_parts_of_days_from_base_rows() -> None:
    range = make_range(utc(2026, 2, 1, 6), utc(2026, 2, 4, 0, 15))

    assert spans_of(range, Granularity.TOTAL) == (
        base(utc(2026, 2, 1, 6), utc(2026, 2, 2)),
        day(utc(2026, 2, 2), utc(2026, 2, 4)),
        base(utc(2026, 2, 4), utc(2026, 2, 4, 0, 15)),
    )


def test_answers_a_range_without_a_whole_day_from_base_rows() -> None:
    range = make_range(utc(2026, 2, 1, 6), utc(2026, 2, 2, 6))

    assert spans_of(range, Granularity.DAY) == (base(range.start, range.end),)


def test_answers_hours_from_base_rows() -> None:
    range = make_range(utc(2026, 2, 1), utc(2026, 2, 3))

    assert spans_of(range, Granularity.HOUR) == (base(range.start, range.end),)


def test_answers_days_of_another_zone_than_the_reporting_zone_from_base_rows() -> None:
    range = make_range(utc(2026, 3, 27, 23), utc(2026, 3, 30, 22), BERLIN)

    assert spans_of(range, Granularity.DAY) == (base(range.start, range.end),)


def test_needs_no_rows_for_no_periods() -> None:
    assert stored_spans((), granularity=Granularity.DAY, zone=UTC_ZONE) == ()
