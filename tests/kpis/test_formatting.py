from copy import copy
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from kpis.formatting import (
    MINUS,
    NARROW,
    ComputableText,
    change_text,
    compact_text,
    date_text,
    interval_text,
    moment_text,
    percent_text,
    value_text,
    words_of,
)

RATIOS = {0: "0%", 0.314: "31.4%", 0.3: "30%", 1: "100%", 0.99949: "99.9%", 12.5: "1,250%"}
SECONDS = {
    0: "0 s",
    0.00099: "<0.001 s",
    0.001: "0.001 s",
    0.0421: "0.042 s",
    0.42: "0.42 s",
    12.34: "12.3 s",
    59.94: "59.9 s",
    59.96: "1 min",
    200: "3 min 20 s",
    3599.4: "59 min 59 s",
    3599.6: "1 h",
    7500: "2 h 5 min",
    86399: "1 d",
    273600: "3 d 4 h",
}
DOLLARS = {0: "$0.00", 0.0012: "$0.0012", 0.0099: "$0.0099", 0.01: "$0.01", 1234.567: "$1,234.57"}
CHANGES = {
    "a ratio rises": (0.334, 0.302, "ratio", "+3.2 points"),
    "a ratio falls": (0.3, 0.35, "ratio", f"{MINUS}5 points"),
    "a ratio stays, rounded": (0.30001, 0.3, "ratio", "±0 points"),
    "a duration falls": (90, 100, "seconds", f"{MINUS}10%"),
    "a cost rises": (110, 100, "usd", "+10%"),
    "a cost rises from nothing": (2, 0, "usd", "+$2.00"),
    "a cost stays nothing": (0, 0, "usd", "±$0.00"),
}


@pytest.mark.parametrize(("ratio", "text"), RATIOS.items(), ids=str)
def test_writes_a_ratio_in_per_cent(ratio: float, text: str) -> None:
    assert value_text(ratio, unit="ratio") == text


@pytest.mark.parametrize(("seconds", "text"), SECONDS.items(), ids=str)
def test_writes_a_duration_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert value_text(seconds, unit="seconds").replace(NARROW, " ") == text


@pytest.mark.parametrize(("amount", "text"), DOLLARS.items(), ids=str)
def test_writes_a_cost_in_dollars(amount: float, text: str) -> None:
    assert value_text(amount, unit="usd") == text


@pytest.mark.parametrize("unit", ["ratio", "seconds", "usd"])
def test_writes_a_dash_where_there_is_no_value(unit: str) -> None:
    assert value_text(None, unit=unit) == "–"  # noqa: RUF001


@pytest.mark.parametrize(
    ("low", "high", "unit", "text"),
    [
        (0.352, 0.397, "ratio", "35.2 to 39.7%"),
        (0.97, 1.0, "ratio", "97 to 100%"),
        (59.5, 200, "seconds", "59.5 s to 3 min 20 s"),
        (9, None, "seconds", "9 s or more"),
        (None, 9, "seconds", "9 s or less"),
        (0.1, None, "ratio", "10% or more"),
        (None, None, "ratio", ""),
    ],
)
def test_writes_an_interval_with_its_unit(
    low: float | None, high: float | None, unit: str, text: str
) -> None:
    assert interval_text(low, high, unit=unit).replace(NARROW, " ") == text


@pytest.mark.parametrize(("current", "previous", "unit", "text"), CHANGES.values(), ids=CHANGES)
def test_writes_a_change_with_its_sign(current: float, previous: float, unit: str, text: str) -> None:
    assert change_text(current, previous, unit=unit) == text


@pytest.mark.parametrize(
    ("number", "text"),
    {
        0: "0",
        999: "999",
        1000: "1k",
        12_345: "12.3k",
        999_499: "999k",
        999_500: "1M",
        4_560_000_000: "4.56B",
    }.items(),
)
def test_writes_about_how_many(number: int, text: str) -> None:
    assert compact_text(number) == text


def test_writes_a_date() -> None:
    assert date_text(date(2026, 2, 2)) == "2 Feb 2026"


@pytest.mark.parametrize(
    ("text", "raw", "unit"),
    [
        (percent_text(0.3744), "0.3744", "ratio"),
        (value_text(200.4, unit="seconds"), "200.4", "seconds"),
        (value_text(0.0012, unit="usd"), "0.0012", "usd"),
        (compact_text(12_345), "12345", "count"),
        (date_text(date(2026, 2, 2)), "2026-02-02", "date"),
    ],
)
def test_a_text_keeps_its_value_also_when_it_is_copied(text: str, raw: str, unit: str) -> None:
    copied = copy(text)

    assert isinstance(copied, ComputableText)
    assert (copied, copied.raw, copied.unit) == (text, raw, unit)


def test_writes_a_moment_in_the_zone() -> None:
    moment = datetime(2026, 2, 1, 23, 30, tzinfo=UTC)

    text = moment_text(moment, zone=ZoneInfo("Europe/Berlin"))

    assert isinstance(text, ComputableText)
    assert (text, text.raw) == ("2 Feb 2026, 00:30", "2026-02-01T23:30:00+00:00")


@pytest.mark.parametrize(("code", "text"), {"end_user": "End user", "day": "Day", "": ""}.items())
def test_writes_a_code_in_words(code: str, text: str) -> None:
    assert words_of(code) == text


@pytest.mark.parametrize(("decimals", "expected"), [(0, "50%"), (1, "50%"), (2, "50%")])
def test_takes_no_zero_from_a_whole_number(decimals: int, expected: str) -> None:
    assert percent_text(0.5, decimals=decimals) == expected
