"""PostHog's captures as events of the plan."""

import base64
import gzip
import json
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from telemetry.door.protocols import posthog
from tests.telemetry.builders import MISSING, make_event
from tests.telemetry.door.protocols.reading import read_all
from web.errors import ApiError

NOW = datetime(2026, 2, 15, 12, 0, tzinfo=UTC)
SENT = "2026-02-15T11:00:00.000Z"


def capture(**more: Any) -> dict[str, Any]:
    return {
        "event": "workbench.draft_created",
        "uuid": "u-1",
        "distinct_id": "d-1",
        "timestamp": SENT,
        "properties": {"source": "chat", "$session_id": "s-1", "$lib": "x"},
        **more,
    }


event = partial(make_event, id="u-1", sessionId="s-1", timestamp=SENT, properties={"source": "chat"})


def translated(body: object, *, sent_at: datetime | None = None) -> list[Any]:
    return read_all(posthog.translate(json.dumps(body).encode(), now=NOW, sent_at=sent_at).events)


@pytest.mark.parametrize(
    "body",
    [
        capture(api_key="k"),
        [capture()],
        {"api_key": "k", "batch": [capture()], "historical_migration": False},
    ],
)
def test_one_event_a_list_and_a_batch_are_the_same(body: object) -> None:
    assert translated(body) == [event()]


@pytest.mark.parametrize(
    ("body", "secret"),
    [
        (capture(api_key="k"), "k"),
        (capture(token="k"), "k"),
        (capture(properties={"token": "k"}), "k"),
        ([capture(properties={"token": "k"}), capture()], "k"),
        ([capture(api_key="k")], "k"),
        ({"api_key": "k", "batch": [capture(properties={"token": "other"})]}, "k"),
        ({"token": "k", "batch": []}, "k"),
        (capture(), ""),
        ([], ""),
        ([5], ""),
        (capture(api_key=5), ""),
    ],
)
def test_the_key_is_found_wherever_an_sdk_puts_it(body: object, secret: str) -> None:
    assert posthog.translate(json.dumps(body).encode(), now=NOW).secret == secret


def test_properties_of_the_sdk_are_dropped_and_counted() -> None:
    properties = {
        "source": "chat",
        "$a": 1,
        "$set": {"email": "ann@example.com"},
        "token": "k",
        "distinct_id": "d",
    }
    body = [capture(properties=properties), capture(event="$pageview"), capture()]

    translation = posthog.translate(json.dumps(body).encode(), now=NOW)

    assert read_all(translation.events)[0] == event(sessionId="d-1")
    assert translation.dropped_properties == 2 + 0 + 2


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("$identify", "$identify"),
        ("$pageview", "$pageview"),
        ("$set", "$set"),
        ("$groupidentify", "$groupidentify"),
        ("$", "<1 characters>"),
        ("$Ann Onym", "<9 characters>"),
        ("$" + "a" * 64, "<65 characters>"),
    ],
)
def test_events_of_posthog_are_refused_and_nothing_they_say_is_kept(name: str, shown: str) -> None:
    body = json.dumps(capture(event=name, **{"$set": {"email": "ann@example.com"}})).encode()

    (refusal,) = posthog.translate(body, now=NOW).events

    assert read_all([refusal]) == [("unsupported_type", shown, "u-1")]
    assert refusal.payload == {"event": shown, "id": "u-1"}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("properties", "session_id"),
    [
        ({"sessionId": "p", "$session_id": "s"}, "p"),
        ({"sessionId": None, "$session_id": "s"}, "s"),
        ({"$session_id": None, "distinct_id": "x"}, "d-1"),
    ],
)
def test_the_session_is_the_most_explicit_one(properties: dict[str, Any], session_id: str) -> None:
    (translated_event,) = translated(capture(properties=properties))

    assert translated_event["sessionId"] == session_id
    assert "properties" not in translated_event


def test_posthog_js_has_the_distinct_id_among_the_properties() -> None:
    body = capture(properties={"distinct_id": "x"})

    del body["distinct_id"]

    assert translated(body)[0]["sessionId"] == "x"


@pytest.mark.parametrize("raw", [1, None, "x", [[]]])
def test_what_is_no_event_is_left_to_the_door(raw: object) -> None:
    assert translated([raw]) == [raw]


def test_properties_that_are_no_object_are_left_to_the_door() -> None:
    assert translated(capture(properties="x")) == [event(properties="x", sessionId="d-1")]


@pytest.mark.parametrize("body", [5, None, "x", {"batch": 5}, {"batch": None}])
def test_what_holds_no_events_is_400(body: object) -> None:
    with pytest.raises(ApiError) as raised:
        translated(body)
    assert (raised.value.status_code, raised.value.code) == (400, "wrong_shape")


# The time -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sent_at", "sentAt"])
def test_a_wrong_clock_is_corrected(name: str) -> None:
    body = {"batch": [capture()], name: "2026-02-15T11:00:00Z"}

    assert translated(body)[0]["timestamp"] == "2026-02-15T12:00:00+00:00"


@pytest.mark.parametrize("is_history", [True, False])
def test_history_is_not_corrected(is_history: bool) -> None:
    event = capture(properties={"$ignore_sent_at": is_history})
    expected = SENT if is_history else "2026-02-15T10:00:00+00:00"

    for body in (
        {"batch": [capture()], "historical_migration": is_history, "sent_at": "2026-02-15T13:00:00Z"},
        {"batch": [event], "sent_at": "2026-02-15T13:00:00Z"},
    ):
        assert translated(body)[0]["timestamp"] == expected


def test_posthog_js_says_in_the_query_when_it_sent() -> None:
    sent_at = posthog.sent_at_of(str(int(datetime(2026, 2, 15, 13, tzinfo=UTC).timestamp() * 1000)))

    assert translated([capture()], sent_at=sent_at)[0]["timestamp"] == "2026-02-15T10:00:00+00:00"


@pytest.mark.parametrize("text", ["", "x", "-1", "1e12", "9" * 30, "٣" * 13])
def test_a_query_that_says_no_moment_corrects_nothing(text: str) -> None:
    assert posthog.sent_at_of(text) is None


@pytest.mark.parametrize(
    ("more", "timestamp"),
    [
        ({"timestamp": None, "offset": 1500}, "2026-02-15T11:59:58.500000+00:00"),
        ({"timestamp": None, "offset": 0}, "2026-02-15T12:00:00+00:00"),
        ({"timestamp": None, "offset": "x"}, "2026-02-15T12:00:00+00:00"),
        ({"timestamp": None, "offset": 10**15}, "2026-02-15T12:00:00+00:00"),
        ({"timestamp": None}, "2026-02-15T12:00:00+00:00"),
        ({"timestamp": SENT, "offset": 1500}, SENT),
        ({"timestamp": "2026-02-15T11:00:00"}, "2026-02-15T11:00:00"),
    ],
)
def test_an_event_may_say_how_long_ago_it_was(more: dict[str, Any], timestamp: str) -> None:
    assert translated(capture(**more))[0]["timestamp"] == timestamp


# The body -------------------------------------------------------------------------------------------------

TEXT = json.dumps(capture(properties={"source": "chat>?~ÿ"}), ensure_ascii=False).encode()
BASE64 = base64.b64encode(TEXT)


@pytest.mark.parametrize(
    ("body", "is_form"),
    [
        (TEXT, False),
        (b"\n " + TEXT, False),
        (gzip.compress(TEXT), False),
        (BASE64, False),
        (base64.urlsafe_b64encode(TEXT), False),
        (base64.b64encode(gzip.compress(TEXT)), False),
        (b"data=" + quote(TEXT).encode(), False),
        (urlencode({"data": BASE64}).encode(), True),
        (b"data=" + BASE64, True),
        (urlencode({"compression": "base64", "data": BASE64}).encode(), True),
        (urlencode({"data": base64.b64encode(gzip.compress(TEXT))}).encode(), True),
        (urlencode({"data": TEXT}).encode(), True),
        (gzip.compress(urlencode({"data": TEXT}).encode()), True),
    ],
    ids=range(13),
)
def test_the_json_is_found_in_whatever_an_sdk_wraps_it(body: bytes, is_form: bool) -> None:
    assert json.loads(posthog.json_of(body, is_form=is_form)) == json.loads(TEXT)


@pytest.mark.parametrize(
    ("body", "is_form", "code"),
    [
        (gzip.compress(TEXT)[:-9], False, "bad_encoding"),
        (gzip.compress(TEXT) + b"x", False, "bad_encoding"),
        (b"\x00\x01", False, "bad_json"),
        (b"data=" + b"&a=1" * 50, False, "wrong_shape"),
        (b"data=\xff", True, "wrong_shape"),
    ],
    # A gzip body names the second it was made in: as an id it would differ between the workers.
    ids=range(5),
)
def test_what_can_not_be_unwrapped_is_400(body: bytes, is_form: bool, code: str) -> None:
    with pytest.raises(ApiError) as raised:
        posthog.json_of(body, is_form=is_form)
    assert (raised.value.status_code, raised.value.code) == (400, code)


@pytest.mark.parametrize("wrap", [lambda body: body, base64.b64encode])
def test_a_bomb_is_413(wrap: Any) -> None:
    with pytest.raises(ApiError) as raised:
        posthog.json_of(wrap(gzip.compress(b"[" + b" " * 20_000_000)), is_form=False)
    assert raised.value.status_code == 413


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (capture(timestamp="0001-01-01T00:00:00Z"), event(timestamp="2026-02-15T12:00:00+00:00")),
        ({"batch": [capture()], "sentAt": "0001-01-01T00:00:00Z"}, event()),
    ],
)
def test_the_time_that_go_writes_for_none_is_none(body: object, expected: object) -> None:
    assert translated(body) == [expected]


def test_an_empty_list_stands_for_no_properties_as_php_writes_it() -> None:
    assert translated(capture(properties=[])) == [event(sessionId="d-1", properties=MISSING)]
