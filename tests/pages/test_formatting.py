from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from pages import formatting


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(0, "0%"), (0.314, "31.4%"), (0.3, "30%"), (1, "100%"), (0.99949, "99.9%"), (12.5, "1,250%")],
)
def test_writes_a_ratio_in_per_cent(ratio: float, text: str) -> None:
    assert formatting.value_text(ratio, unit="ratio") == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.0421, "0.042 s"),
        (0.42, "0.42 s"),
        (12.34, "12.3 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min"),
        (200, "3 min 20 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h"),
        (7500, "2 h 5 min"),
        (86399, "1 d"),
        (273600, "3 d 4 h"),
    ],
)
def test_writes_a_duration_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert formatting.value_text(seconds, unit="seconds").replace(formatting.NARROW, " ") == text


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "$0.00"), (0.0012, "$0.0012"), (0.01, "$0.01"), (1234.567, "$1,234.57")]
)
def test_writes_a_cost_in_dollars(amount: float, text: str) -> None:
    assert formatting.value_text(amount, unit="usd") == text


def test_writes_a_dash_where_there_is_no_value() -> None:
    assert formatting.value_text(None, unit="ratio") == "–"  # noqa: RUF001


@pytest.mark.parametrize(
    ("current", "previous", "unit", "text"),
    [
        (0.334, 0.302, "ratio", "+3.2 points"),
        (0.3, 0.35, "ratio", f"{formatting.MINUS}5 points"),
        (0.30001, 0.3, "ratio", "±0 points"),
        (90, 100, "seconds", f"{formatting.MINUS}10%"),
        (110, 100, "usd", "+10%"),
        (2, 0, "usd", "+$2.00"),
        (0, 0, "usd", "±$0.00"),
    ],
)
def test_writes_a_change_with_its_sign(current: float, previous: float, unit: str, text: str) -> None:
    assert formatting.change_text(current, previous, unit=unit) == text


def test_writes_moments_and_dates_in_the_zone() -> None:
    moment = datetime(2026, 2, 1, 23, 30, tzinfo=UTC)
    berlin = ZoneInfo("Europe/Berlin")
    assert formatting.moment_text(moment, zone=berlin) == "2 Feb 2026, 00:30"
    assert formatting.date_text(date(2026, 2, 2)) == "2 Feb 2026"
