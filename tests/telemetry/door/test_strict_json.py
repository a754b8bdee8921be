import json
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.door import strict_json
from telemetry.door.strict_json import MAX_DEPTH, UnreadableJson, check_json_text
from tests.telemetry.builders import make_event, to_json


def nested(depth, opening="[", closing="]"):
    return (opening * depth + closing * depth).encode()


@pytest.mark.parametrize(
    "body",
    [
        b'{"events": []}',
        to_json({"events": [make_event(), make_event()]}),
        json.dumps({"events": [make_event()]}, indent=2).encode(),
        b'  [1, -2.5e3, true, false, null, "a"]\n',
        '{"a": "é\u2028", "b": "\\u00e9\\n\\"\\\\"}'.encode(),
        b'{"a": "[{]}", "b": "\\"a\\": 1"}',
        b'{"a": {"a": {"a": 1}}, "b": [{"a": 1}, {"a": 1}]}',
        b'{"a": "\x7f"}',
        b"[1e400, -1e400, 1e-400]",
        b"[" + b"9" * 5000 + b"]",
        b'["\\u0000"]',
        b'["\\ud83d\\ude00"]',
        nested(MAX_DEPTH),
        b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH,
    ],
)
def test_hands_on_a_good_body_as_it_is(body):
    assert check_json_text(body) == body


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"nope", "not JSON"),
        (b'{"a": 1,}', "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b'["\n"]', "not JSON"),
        (b'["\\x"]', "not JSON"),
        (b'["a', "not JSON"),
        (b'["a\\', "not JSON"),
        (b"[01]", "not JSON"),
        (b"[1] [2]", "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'["\\u12"]', "not JSON"),
        (b'["\xff"]', "not UTF-8"),
        (b'["\xed\xa0\x80"]', "not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        (b'{"a": NaN}', "NaN and Infinity"),
        (b"[Infinity]", "NaN and Infinity"),
        (b"[-Infinity]", "NaN and Infinity"),
        (b'{"a": 1, "a": 1}', "twice"),
        (b'{"a": 1, "\\u0061": 2}', "twice"),
        (b'{"events": [{"id": "1", "id": "2"}]}', "twice"),
        (b'{"a": {"b": {"c": 1, "d": [], "c": 2}}}', "twice"),
        (b'{"a": "x", "a": 1e5}', "twice"),
        (b'{"\\"": 1, "\\"": 2}', "twice"),
        (b'{"\\ud800": 1, "\\ud800": 2}', "twice"),
        (nested(MAX_DEPTH + 1), "deeper than 32"),
        (nested(MAX_DEPTH // 2 + 1, '[{"a":', "}]"), "deeper than 32"),
        (nested(1500), "deeper than 32"),
        (nested(100_000), "deeper than 32"),
        (b"[" * 100_000, "deeper than 32"),
        (b'["]]]",' * 33 + b"1" + b',"[[["]' * 33, "deeper than 32"),
    ],
)
def test_refuses_a_body_with_a_fault_of_its_own(body, reason):
    with pytest.raises(UnreadableJson, match=reason):
        check_json_text(body)


@pytest.mark.parametrize(
    ("body", "readable"),
    [
        (b'["\\ud800"]', ["\0"]),
        (b'["\\udfffx"]', ["\0x"]),
        (b'["\\ud800\\ud800\\udc00"]', ["\0\U00010000"]),
        (b'["\\udc00\\ud800"]', ["\0\0"]),
        (b'["\\\\ud800", "\\\\\\ud800"]', ["\\ud800", "\\\0"]),
        (b'{"\\uD800": "\\uDBFF\\uDFFF"}', {"\0": "\U0010ffff"}),
    ],
)
def test_makes_lone_surrogates_readable_for_msgspec(body, readable):
    assert msgspec.json.decode(check_json_text(body)) == readable


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


@given(JSON_VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_takes_every_json_value_that_python_writes(value, ascii_only, indent):
    body = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()

    assert msgspec.json.decode(check_json_text(body)) == value


PIECES = st.lists(st.sampled_from([*'{}[]:,"\\ \n019-.eEau', '"a"', '"a":', "null", "\\u", "NaN", "\\ud800"]))


@given(PIECES.map("".join).map(str.encode) | st.binary())
def test_raises_nothing_else_for_any_bytes_and_hands_on_only_json(body):
    try:
        readable = check_json_text(body)
    except UnreadableJson:
        return
    json.loads(readable.decode())


def has_repeated_key(body):
    found = []
    json.loads(body, object_pairs_hook=lambda pairs: found.append(len(dict(pairs)) < len(pairs)))
    return any(found)


KEYS = st.sampled_from(["a", "b", '\\"', "\\u0061", "\\\\", "[", "}"])


@given(
    st.recursive(
        st.sampled_from(["1", '"x"', '"\\""', "1e5", '"]"']),
        lambda inner: st.lists(st.tuples(KEYS, inner), max_size=3).map(
            lambda pairs: "{" + ",".join(f'"{key}": {value}' for key, value in pairs) + "}"
        ),
        max_leaves=6,
    )
)
def test_finds_repeated_keys_exactly(body):
    if has_repeated_key(body):
        with pytest.raises(UnreadableJson, match="twice"):
            check_json_text(body.encode())
    else:
        assert check_json_text(body.encode()) == body.encode()


@pytest.mark.parametrize(
    "body",
    [
        b'"' + b'\\"' * 500_000,
        b"[" * 1_000_000,
        b'["' + b"\\\\" * 500_000,
        b'{"a":' * 200_000,
        b'"\\ud800' * 100_000,
    ],
)
def test_judges_a_hostile_mebibyte_quickly(body):
    started = time.process_time()

    with pytest.raises(UnreadableJson):
        check_json_text(body)

    assert time.process_time() - started < 1


@pytest.mark.parametrize("number", ["0.1234567890123456789e-300", "1e400", "-1e-400", "0." + "1" * 4000])
def test_floats_are_not_computed_and_need_no_second_look(number, monkeypatch):
    monkeypatch.setattr(strict_json, "_check_closely", None)
    body = f'{{"a":[{number}]}}'.encode()

    assert check_json_text(body) == body
    assert not isinstance(strict_json._decode(number), float)
