from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.plan import PropertyDefinition, PropertyType
from telemetry.plan.values import find_fault, find_id_fault, parse_timestamp, trim_to_origin_and_path


def define(kind, **changes):
    return PropertyDefinition(name="x", type=PropertyType(kind), required=False, description="X.", **changes)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-02-02T10:00:00Z", datetime(2026, 2, 2, 10, tzinfo=UTC)),
        ("2026-02-02t10:00:00z", datetime(2026, 2, 2, 10, tzinfo=UTC)),
        ("2026-02-02T10:00:00-00:00", datetime(2026, 2, 2, 10, tzinfo=UTC)),
        ("2026-02-02T10:00:00+05:30", datetime(2026, 2, 2, 4, 30, tzinfo=UTC)),
        ("2026-02-02T10:00:00.5Z", datetime(2026, 2, 2, 10, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-02-02T23:59:59.999999999Z", datetime(2026, 2, 2, 23, 59, 59, 999_999, tzinfo=UTC)),
        ("2026-02-02T10:00:00." + "1" * 5000 + "Z", datetime(2026, 2, 2, 10, 0, 0, 111_111, tzinfo=UTC)),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_reads_rfc_3339_in_utc_and_cuts_off_below_microseconds(text, moment):
    parsed = parse_timestamp(text)

    assert parsed == moment
    assert parsed.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-02-02",
        "2026-02-02T10:00:00",
        "2026-02-02 10:00:00Z",
        "2026-02-02T10:00Z",
        "20260202T100000Z",
        "2026-W06-1T10:00:00Z",
        "2026-02-02T10:00:00,5Z",
        "2026-02-02T10:00:00.Z",
        "2026-02-02T10:00:00+0100",
        "2026-02-02T10:00:00+24:00",
        "2026-02-02T24:00:00Z",
        "2016-12-31T23:59:60Z",
        "2026-02-30T10:00:00Z",
        "2025-02-29T10:00:00Z",
        "0000-01-01T00:00:00Z",
        "2026-02-02T10:00:00Z\n",
        " 2026-02-02T10:00:00Z",
        "٢٠٢٦-02-02T10:00:00Z",
    ],
)
def test_refuses_what_is_no_moment_with_a_zone(text):
    assert parse_timestamp(text) is None


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_reads_the_ends_of_the_calendar_without_raising(text):
    assert parse_timestamp(text) == datetime.fromisoformat(text)


@given(st.text(alphabet="0123456789-:.TtZz+ ", max_size=40) | st.text())
def test_never_raises_for_any_timestamp(text):
    moment = parse_timestamp(text)

    assert moment is None or moment.tzinfo is not None


@given(st.datetimes(timezones=st.just(UTC)))
def test_reads_back_every_moment_as_it_was_written(moment):
    assert parse_timestamp(moment.isoformat()) == moment
    assert parse_timestamp(moment.isoformat().replace("+00:00", "Z")) == moment


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://a.example/b?c=d#e", "https://a.example/b"),
        ("https://a.example/b#e?c=d", "https://a.example/b"),
        ("https://anna:secret@a.example/b", "https://a.example/b"),
        ("//anna@a.example/b@c", "//a.example/b@c"),
        ("https://a.example/@b", "https://a.example/@b"),
        ("/b?c", "/b"),
        ("", ""),
    ],
)
def test_trims_to_origin_and_path(url, kept):
    assert trim_to_origin_and_path(url) == kept


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("a", None),
        ("!~", None),
        ("a" * 128, None),
        ("a" * 129, "too_long"),
        ("", "bad_id"),
        ("a b", "bad_id"),
        ("a\n", "bad_id"),
        ("a\x7f", "bad_id"),
        ("a\x00", "bad_id"),
        ("é", "bad_id"),
        ("\ud800", "bad_id"),
        (5, "wrong_type"),
        (None, "wrong_type"),
        (["a"], "wrong_type"),
    ],
)
def test_judges_ids(value, code):
    fault = find_id_fault(value, max_length=128)

    assert (fault and fault[0]) == code


@pytest.mark.parametrize(
    ("definition", "value", "code"),
    [
        (define("bool"), True, None),
        (define("bool"), 1, "wrong_type"),
        (define("bool"), "true", "wrong_type"),
        (define("enum", values=("a", "b")), "b", None),
        (define("enum", values=("a", "b")), "B", "not_in_enum"),
        (define("enum", values=("a", "b")), None, "wrong_type"),
        (define("count", minimum=0, maximum=9), 0, None),
        (define("count", minimum=0, maximum=9), 9, None),
        (define("count", minimum=0, maximum=9), -1, "out_of_range"),
        (define("count", minimum=0, maximum=9), 10, "out_of_range"),
        (define("count", minimum=0, maximum=9), 1.0, None),
        (define("count", minimum=0, maximum=9), 1.5, "wrong_type"),
        (define("count", minimum=0, maximum=9), float("inf"), "wrong_type"),
        (define("count", minimum=0, maximum=9), 10.0, "out_of_range"),
        (define("count", minimum=0, maximum=9), True, "wrong_type"),
        (define("count", minimum=0, maximum=9), "1", "wrong_type"),
        (define("money", minimum=0, maximum=9), 0.5, None),
        (define("money", minimum=0, maximum=9), 9, None),
        (define("money", minimum=0, maximum=9), 9.01, "out_of_range"),
        (define("money", minimum=0, maximum=9), float("nan"), "out_of_range"),
        (define("money", minimum=0, maximum=9), float("inf"), "out_of_range"),
        (define("token", max_length=3), "", None),
        (define("token", max_length=3), "é b", None),
        (define("token", max_length=3), "abcd", "too_long"),
        (define("token", max_length=3), "a\n", "out_of_range"),
        (define("token", max_length=3), "\x00", "out_of_range"),
        (define("token", max_length=3), "\udfff", "out_of_range"),
        (define("token", max_length=3), 5, "wrong_type"),
        (define("token", max_length=3, keeps_origin_and_path=True), "abc?defg", None),
        (define("token", max_length=3, keeps_origin_and_path=True), "abcd?efg", "too_long"),
        (define("ids", max_length=3, max_items=2), [], None),
        (define("ids", max_length=3, max_items=2), ["a", "b"], None),
        (define("ids", max_length=3, max_items=2), ["a", "b", "c"], "too_long"),
        (define("ids", max_length=3, max_items=2), ["abcd"], "too_long"),
        (define("ids", max_length=3, max_items=2), ["a", ""], "bad_id"),
        (define("ids", max_length=3, max_items=2), ["a", 1], "wrong_type"),
        (define("ids", max_length=3, max_items=2), "a", "wrong_type"),
    ],
)
def test_judges_a_value_by_its_definition(definition, value, code):
    fault = find_fault(value, definition)

    assert (fault and fault[0]) == code
