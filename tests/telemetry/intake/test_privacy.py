import json
import re
import uuid

import msgspec
import pytest
from django.test import override_settings
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks.worst_cases import LENGTHS, UNITS, repeated
from telemetry.intake import privacy
from telemetry.intake.privacy import (
    CARD_NUMBER,
    MAX_CARD_STARTS,
    MAX_EXAMINED_LENGTH,
    MAX_EXAMINED_TEXTS,
    UUID,
    find_pii,
    looks_like_pii,
    may_hold_pii,
    pseudonymise,
)
from telemetry.plan.definitions import MAX_EVENT_ID_LENGTH, MAX_ID_LENGTH, MAX_TOKEN_LENGTH

PII = [
    "anna@example.com",
    "Anna <anna.smith+x@mail.example.co.uk>",
    "müller@exämple.de",
    "anna%40example.com",
    "https://anna:secret@example.com/",
    "Bearer abcdef123456",
    "bearer abc123",
    "Authorization: BEARER abc.def.ghi",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
    "token=eyJhbGciOiJIUzI1NiJ9",
    "sk-abcdef1234567890",
    "sk-proj-abc_def-ghi123",
    "key:sk_live_abcdef123456",
    "rk_test_abcdef123456",
    "ghp_abcdefghijklmnop1234",
    "github_pat_11ABCDEFG0abcdefghij",
    "glpat-abcdefghij1234567890",
    "xoxb-123456-abcdef",
    "AKIAIOSFODNN7EXAMPLE",
    "ASIAIOSFODNN7EXAMPLE",
    "AIzaSyA1234567890abcdefghijk",
    "npm_abcdefghijklmnopqrstuv",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE",
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    "4111111111111111",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "card_4111111111111111",
    "paid with 4111 1111 1111 1111 12/26",
    "4111 1111 1111 1111 123",
    "5500005555555559",
    "2223003122003222",
    "378282246310005",
    "3782 822463 10005",
    "6011111111111117",
    "3530111333300000",
    "30569309025904",
    "6200000000000005",
    "4222222222222",
    "please make me a workflow that tells the whole team when a host is down",
    "x" * 64 + "\n",
    "x" * 32 + "\u00a0" + "x" * 32,
]

HARMLESS = [
    "",
    "chat",
    "Daily report",
    "incident-analyst",
    "task-1234567890123456",
    "desk-abcdefghijklmnop",
    "0190a1f2-7c3b-7d21-8f7e-2b6c1d9e0a11",
    "41111111-1111-4111-8111-111111111111",
    "00000000-4111-1111-1111-111111111111",
    "4bf92f3577b34da6a3ce929d0e0e4736",
    "41111111111111114111111111111111",
    "00f067aa0ba902b7",
    "1771153200000",
    "s-1771153200000",
    "1771153200000000",
    "1771153200000000000",
    "2026-02-15T11:00:00.123456Z",
    "2026-02-15 11:00:00",
    "4111111111111112",
    "4111 1111 1111 1112",
    "411111111111",
    "u_4111111111111111411111111111111a",
    "claude-3-opus@20240229",
    "@scope/package",
    "a@b",
    "bearer token",
    "eyJ",
    "sk-1",
    "AKIA",
    "KeyError",
    "https://portal.example/drafts/d-1",
    "x" * 65,
    "x" * 31 + " " + "x" * 32,
]


@pytest.mark.parametrize("value", PII)
def test_recognises_what_must_not_be_kept(value):
    assert looks_like_pii(value)


@pytest.mark.parametrize("value", HARMLESS)
def test_leaves_ids_times_and_labels_alone(value):
    assert not looks_like_pii(value)


@pytest.mark.parametrize(("length", "expected"), [(64, False), (65, True)])
def test_takes_a_text_with_blanks_for_prose_from_65_characters(length, expected):
    assert looks_like_pii("a " + "b" * (length - 2)) is expected


@given(st.uuids() | st.uuids(version=4))
def test_never_takes_a_uuid_for_a_card_number(value: uuid.UUID):
    assert not looks_like_pii(str(value))
    assert not looks_like_pii(f"d-{value}")
    assert not looks_like_pii(value.hex)


# From 2001 to 2033: ten digits that begin with a 1.
@given(st.integers(min_value=10**9, max_value=2 * 10**9 - 1))
def test_never_takes_an_epoch_time_for_a_card_number(seconds):
    for digits in (f"{seconds}", f"{seconds}123", f"{seconds}123456", f"{seconds}123456789"):
        assert not looks_like_pii(digits)


@pytest.mark.parametrize(
    "value",
    [
        {"a": {"b": ["ok", {"c": "anna@example.com"}]}},
        {"anna@example.com": 1},
        [["anna@example.com"]],
        "anna@example.com",
    ],
)
def test_looks_into_nested_values_and_keys(value):
    assert find_pii(value) is not None


@pytest.mark.parametrize("value", [None, True, 4111111111111111, 1.5, {"a": ["b", None]}, []])
def test_finds_nothing_where_no_text_is_suspicious(value):
    assert find_pii(value) is None


def test_looks_into_values_nested_deeper_than_python_recurses():
    value = "anna@example.com"

    for _ in range(5000):
        value = [value]

    assert find_pii(value) is not None


def compact(value):
    return msgspec.json.encode(value)


@pytest.mark.parametrize("value", PII)
def test_the_scan_finds_every_kind_of_pii(value):
    assert may_hold_pii(compact({"draftId": value}))
    assert may_hold_pii(json.dumps([value]).encode())


# Texts that are made of the pieces that the detectors look for.
PIECES = st.lists(
    st.sampled_from(
        [*PII, *HARMLESS, "@", "%40", "a", ".com", " ", "-", "Bearer ", "eyJ", "sk-", "ghp_", "4111"]
    )
    | st.text(max_size=3)
    | st.from_regex(r"[0-9 -]{1,20}", fullmatch=True),
    max_size=6,
).map("".join)


@given(PIECES)
@example("4111-1111-1111-1111")
def test_the_scan_lets_nothing_pass_that_a_detector_finds(value):
    if looks_like_pii(value):
        assert may_hold_pii(compact({"a": value}))
        assert may_hold_pii(compact([value, 1]))


@given(PIECES)
def test_what_the_scan_lets_pass_is_printable_ascii_without_blanks(value):
    if value and not may_hold_pii(compact([value])):
        assert re.fullmatch(r"[!-~]+", value)


@pytest.mark.parametrize(
    "value", ["0190a1f2-7c3b-7d21-8f7e-2b6c1d9e0a11", "d-1771153200000", "tool_id", "Incident-Analyst"]
)
def test_the_scan_lets_the_usual_ids_pass(value):
    assert not may_hold_pii(compact(["e-1", "s-1", {"source": "chat", "draftId": value, "nodeCount": 12}]))


@pytest.mark.parametrize(
    "text", ["a@" * 300_000, "1 " * 300_000, "x" * 600_000, "a%40b." * 100_000, "-----BEGIN " * 50_000]
)
def test_takes_linear_time_for_hostile_texts(text):
    looks_like_pii(text)
    looks_like_pii(text.replace(" ", "-"))


@pytest.mark.parametrize("unit", [*UNITS, "4444-444-4444-444-"])
def test_looks_at_few_rows_of_digits_whatever_the_text(unit, monkeypatch):
    looked_at = []
    monkeypatch.setattr(privacy, "_is_card_number", looked_at.append)
    for length in LENGTHS:
        looked_at.clear()

        looks_like_pii(repeated(unit, length=length))

        assert len(looked_at) <= 4 * MAX_CARD_STARTS


def test_counts_where_a_card_number_could_begin_before_it_looks_at_any(monkeypatch):
    monkeypatch.setattr(privacy, "card_candidates", lambda text, *, start: pytest.fail("was looked at"))

    assert looks_like_pii("_".join(["4111111111111112"] * (MAX_CARD_STARTS + 1)))


# None passes the check of a card number.
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("_".join(["4111111111111112"] * MAX_CARD_STARTS), False),
        ("_".join(["4111111111111112"] * (MAX_CARD_STARTS + 1)), True),
        ("411-111-111-11-1112", False),
        ("411-111-111-11-1-1-112", True),
        ("411-111-111-11-1", False),
    ],
)
def test_takes_many_rows_that_could_be_card_numbers_for_one(text, expected):
    assert looks_like_pii(text) is expected


@pytest.mark.parametrize(
    ("before", "expected"), [(0, True), (MAX_EXAMINED_LENGTH - 11, True), (MAX_EXAMINED_LENGTH - 10, False)]
)
def test_looks_at_the_beginning_of_a_text(before, expected):
    assert looks_like_pii("." * before + "xoxb-123456-abcdef") is expected


def test_looks_at_the_whole_of_every_text_that_can_be_kept():
    assert max(MAX_EVENT_ID_LENGTH, MAX_ID_LENGTH, MAX_TOKEN_LENGTH) < MAX_EXAMINED_LENGTH


@pytest.mark.parametrize(("others", "expected"), [(127, True), (128, False)])
def test_looks_at_the_last_texts_of_a_large_value(others, expected):
    assert MAX_EXAMINED_TEXTS == 128
    assert (find_pii(["anna@example.com", *["ok"] * others]) is not None) is expected


def passes_luhn(digits):
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(digit // 10 + digit % 10 for digit in doubled) % 10 == 0


def holds_card_number(text):
    """Every row of whole digit groups, one by one."""
    for run in re.findall(r"(?<![0-9A-Za-z])[0-9]+(?:[ -][0-9]+)*(?![0-9A-Za-z])", UUID.sub(".", text)):
        groups = re.split("[ -]", run)
        for first in range(len(groups)):
            for last in range(first, len(groups)):
                digits = "".join(groups[first : last + 1])
                if CARD_NUMBER.fullmatch(digits) and passes_luhn(digits):
                    return True
    return False


ROWS = (
    "4",
    "41",
    "111",
    "1111",
    "4111",
    "5500",
    "000005555",
    "555559",
    "-",
    " ",
    "a",
    ".",
    "4111111111111111",
)


@given(st.lists(st.sampled_from(ROWS), max_size=14).map("".join))
@example("4111-1111-1111-1111-12a")
@example("1234a-4111-1111-1111-1111")
@example("1 4111 1111 1111 1111 2")
def test_finds_every_card_number_that_stands_in_a_text(text):
    if holds_card_number(text):
        assert looks_like_pii(text)


def test_pseudonymises_with_a_keyed_hash():
    pseudonym = pseudonymise("anna@example.com")

    assert re.fullmatch(r"u_[0-9a-f]{32}", pseudonym)
    assert pseudonymise("anna@example.com") == pseudonym
    assert pseudonymise("berta@example.com") != pseudonym


def test_keeps_what_is_pseudonymised_already():
    pseudonym = pseudonymise("anna@example.com")

    assert pseudonymise(pseudonym) == pseudonym


@pytest.mark.parametrize(
    "value", ["u_" + "A" * 32, "u_" + "a" * 31, "u_" + "a" * 33, "x_" + "a" * 32, "u_" + "a" * 32 + "\n"]
)
def test_pseudonymises_what_only_resembles_a_pseudonym(value):
    assert pseudonymise(value) != value


def test_pseudonyms_depend_on_the_secret_key():
    with override_settings(SECRET_KEY="another"):
        other = pseudonymise("anna@example.com")

    assert other != pseudonymise("anna@example.com")


@given(st.text())
def test_pseudonymises_any_text(value):
    assert re.fullmatch(r"u_[0-9a-f]{32}", pseudonymise(value))


def test_pseudonymises_lone_surrogates():
    assert pseudonymise("\ud800") != pseudonymise("\udfff")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["anna", "@example.com"], False),
        (["anna%", "40example.com"], False),
        (["anna", "%40example.com"], False),
        (["bearer", "abcdefgh12"], False),
        (["4111 1111", "1111 1111"], False),
        (["wb-4111", "1111-1111-1111"], False),
        (["x" * 40, "y " + "z" * 40], False),
        (["x", "anna@example.com"], True),
        (["4111 1111 1111 1111", "x"], True),
        (["x" * 40, "y " + "z" * 63], True),
    ],
)
def test_nothing_reaches_from_one_text_to_the_next(texts, expected):
    assert (find_pii(texts) is not None) is expected
    assert any(map(looks_like_pii, texts)) is expected
