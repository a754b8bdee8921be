"""Segment's calls as events of the plan."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from telemetry.door.protocols import segment
from telemetry.door.protocols.messages import LATENCY
from telemetry.intake.validation import RejectedEvent
from tests.telemetry.builders import MISSING, make_event
from tests.telemetry.door.protocols.reading import read_all
from web.errors import ApiError

NOW = datetime(2026, 2, 15, 12, 0, tzinfo=UTC)


def call(**more: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "workbench.draft_created",
        "messageId": "m-1",
        "anonymousId": "a-1",
        "timestamp": "2026-02-15T11:00:00.000Z",
        "properties": {"source": "chat"},
        **more,
    }


event = partial(
    make_event, id="m-1", sessionId="a-1", timestamp="2026-02-15T11:00:00.000Z", properties={"source": "chat"}
)


def translated(body: object, *, route: str = "track") -> list[Any]:
    text = json.dumps(body).encode()
    return read_all(segment.translate(text, call=segment.ROUTES[route], now=NOW).events)


def fault(body: object, *, route: str = "batch") -> tuple[int, str]:
    with pytest.raises(ApiError) as raised:
        translated(body, route=route)
    return raised.value.status_code, raised.value.code


@pytest.mark.parametrize("route", ["track", "t"])
def test_a_track_call_is_an_event(route: str) -> None:
    assert translated(call(writeKey="k", userId="u-1", integrations={}), route=route) == [event()]


@pytest.mark.parametrize("route", ["batch", "b", "import"])
def test_a_batch_keeps_its_order(route: str) -> None:
    body = {"batch": [call(messageId="m-1"), call(messageId="m-2")], "writeKey": "k"}

    assert translated(body, route=route) == [event(id="m-1"), event(id="m-2")]


def test_an_empty_batch_has_no_events() -> None:
    assert translated({"batch": []}, route="batch") == []


@pytest.mark.parametrize(
    ("route", "name"),
    [
        ("identify", "identify"),
        ("i", "identify"),
        ("page", "page"),
        ("p", "page"),
        ("screen", "screen"),
        ("s", "screen"),
        ("group", "group"),
        ("g", "group"),
        ("alias", "alias"),
        ("a", "alias"),
    ],
)
def test_another_call_is_refused_and_nothing_it_says_is_kept(route: str, name: str) -> None:
    body = json.dumps({"messageId": "m-1", "userId": "ann", "traits": {"email": "ann@example.com"}}).encode()

    (refusal,) = segment.translate(body, call=segment.ROUTES[route], now=NOW).events

    assert isinstance(refusal, RejectedEvent)
    assert (refusal.event, refusal.event_id, refusal.problems[0].code) == (name, "m-1", "unsupported_type")
    assert refusal.payload == {"event": name, "id": "m-1"}


def test_a_batch_mixes_types_and_an_unknown_one_is_not_repeated() -> None:
    messages = [call(type="page"), call(), call(type="Ann Onym"), call(type=None)]

    assert translated({"batch": messages}, route="batch") == [
        ("unsupported_type", "page", "m-1"),
        event(),
        ("unsupported_type", "<8 characters>", "m-1"),
        event(),
    ]


def test_what_is_no_message_is_left_to_the_door() -> None:
    assert translated({"batch": [1, None, "x", []]}, route="batch") == [1, None, "x", []]


# The session ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "session_id"),
    [
        ({"properties": {"sessionId": "p"}, "context": {"sessionId": "c"}}, "p"),
        ({"properties": {"sessionId": None}, "context": {"sessionId": "c"}}, "c"),
        ({"properties": {}, "context": {"sessionId": "c"}}, "c"),
        ({"properties": {}, "context": {"sessionId": None}}, "a-1"),
        ({"properties": {}, "context": {"sessionId": 1771156800000}}, "1771156800000"),
        ({"properties": {}, "context": {"sessionId": 1.5}}, 1.5),
        ({"properties": None, "context": "x"}, "a-1"),
    ],
)
def test_the_session_is_the_most_explicit_one(more: dict[str, Any], session_id: str) -> None:
    (translated_event,) = translated(call(**more))

    assert translated_event["sessionId"] == session_id
    assert "properties" not in translated_event


def test_without_any_session_the_door_has_to_refuse() -> None:
    (translated_event,) = translated(call(anonymousId=None, userId="u-1"))

    assert "sessionId" not in translated_event


@pytest.mark.parametrize("properties", ["x", [1], 5])
def test_properties_that_are_no_object_are_left_to_the_door(properties: object) -> None:
    assert translated(call(properties=properties)) == [event(properties=properties)]


def test_values_stay_the_texts_that_were_sent() -> None:
    text = json.dumps(call()).replace('"chat"', "1e400").encode()

    (translated_event,) = segment.translate(text, call="track", now=NOW).events

    assert b'"source":1e400' in bytes(translated_event)


# The time -------------------------------------------------------------------------------------------------


def sent(seconds_ago: float) -> str:
    return (NOW - timedelta(seconds=seconds_ago)).isoformat()


@pytest.mark.parametrize("hours", [-2, 3])
def test_a_wrong_clock_is_corrected_by_when_the_call_was_sent(hours: int) -> None:
    body = {"batch": [call(timestamp="2026-02-15T11:00:00Z")], "sentAt": sent(hours * 3600)}

    assert translated(body, route="batch")[0]["timestamp"] == f"2026-02-15T{11 + hours:02}:00:00+00:00"


@pytest.mark.parametrize("seconds", [0, LATENCY.total_seconds(), -LATENCY.total_seconds()])
def test_the_time_a_request_takes_is_no_wrong_clock(seconds: float) -> None:
    assert translated(call(sentAt=sent(seconds))) == [event()]


def test_just_above_it_is_one() -> None:
    assert translated(call(sentAt=sent(5.5)))[0]["timestamp"] == "2026-02-15T11:00:05.500000+00:00"


def test_a_message_may_say_itself_when_it_was_sent() -> None:
    body = {"batch": [call(sentAt=sent(60))]}

    assert translated(body, route="batch")[0]["timestamp"] == "2026-02-15T11:01:00+00:00"


HISTORY, STAMP = "2026-02-10T10:00:00.000Z", "2026-02-15T11:59:00.000Z"


@pytest.mark.parametrize(
    ("times", "timestamp"),
    [
        # The client's clock is an hour behind: `sentAt` is 11:00, and received is 12:00.
        ({"timestamp": HISTORY, "originalTimestamp": STAMP}, HISTORY),
        ({"timestamp": STAMP, "originalTimestamp": HISTORY}, STAMP),
        ({"timestamp": HISTORY, "originalTimestamp": HISTORY}, "2026-02-10T11:00:00+00:00"),
        ({"timestamp": HISTORY, "originalTimestamp": "2026-02-10T10:00:05Z"}, "2026-02-10T11:00:00+00:00"),
        ({"timestamp": HISTORY, "originalTimestamp": "2026-02-10T10:00:05.001Z"}, HISTORY),
        ({"timestamp": None, "originalTimestamp": HISTORY}, "2026-02-10T11:00:00+00:00"),
        ({"timestamp": HISTORY, "originalTimestamp": None}, "2026-02-10T11:00:00+00:00"),
        ({"timestamp": HISTORY, "originalTimestamp": "soon"}, "2026-02-10T11:00:00+00:00"),
        ({"timestamp": "soon", "originalTimestamp": HISTORY}, "soon"),
        ({"timestamp": None, "originalTimestamp": None}, NOW.isoformat()),
    ],
)
@pytest.mark.parametrize("place", ["batch", "call"])
def test_an_explicit_timestamp_goes_before_the_clients_clock(
    times: dict[str, Any], timestamp: str, place: str
) -> None:
    sent_at = {"sentAt": sent(3600)}

    body = (
        {"batch": [call(**times)], **sent_at} if place == "batch" else {"batch": [call(**times, **sent_at)]}
    )

    assert translated(body, route="batch")[0]["timestamp"] == timestamp


def test_an_event_without_a_timestamp_happened_now() -> None:
    assert translated(call(timestamp=None))[0]["timestamp"] == NOW.isoformat()


@pytest.mark.parametrize("timestamp", ["2026-02-15", "2026-02-15T11:00:00", 1771156800, "", {"a": 1}])
def test_a_time_that_is_none_is_left_to_the_door(timestamp: object) -> None:
    assert translated(call(timestamp=timestamp, sentAt=sent(3600))) == [event(timestamp=timestamp)]


@pytest.mark.parametrize("sent_at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "soon", 5, None])
@pytest.mark.parametrize("timestamp", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_no_clock_is_too_wrong(sent_at: object, timestamp: str) -> None:
    assert len(translated(call(timestamp=timestamp, sentAt=sent_at))) == 1


# Limits and faults ----------------------------------------------------------------------------------------


def sized(size: int) -> dict[str, Any]:
    body = call(context={"a": ""})
    body["context"]["a"] = "x" * (size - len(json.dumps(body)))
    return body


def test_an_event_has_32_kib_with_its_context() -> None:
    assert translated(sized(32 * 1024)) == [event()]
    assert translated(sized(32 * 1024 + 1)) == [("event_too_large", "workbench.draft_created", "m-1")]


def test_a_batch_has_2500_events() -> None:
    assert len(translated({"batch": [1] * 2_500}, route="batch")) == 2_500
    assert fault({"batch": [1] * 2_501}) == (413, "too_many_events")


@pytest.mark.parametrize("body", [[], 5, "x", None, {}, {"batch": None}, {"batch": {}}, {"batch": "x"}])
def test_what_is_no_batch_is_400(body: object) -> None:
    assert fault(body) == (400, "wrong_shape")


@pytest.mark.parametrize("body", [[], 5, "x", None])
def test_what_is_no_call_is_400(body: object) -> None:
    assert fault(body, route="track") == (400, "wrong_shape")


# The key --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "route", "secret"),
    [
        (call(writeKey="k"), "track", "k"),
        (call(), "track", ""),
        ({"batch": [call(writeKey="each")], "writeKey": "k"}, "batch", "k"),
        ({"batch": [call(writeKey="each")]}, "batch", "each"),
        ({"batch": [5]}, "batch", ""),
        ({"batch": [], "writeKey": 5}, "batch", ""),
    ],
)
def test_the_key_may_stand_in_the_body(body: object, route: str, secret: str) -> None:
    text = json.dumps(body).encode()

    assert segment.translate(text, call=segment.ROUTES[route], now=NOW).secret == secret


@pytest.mark.parametrize(
    ("times", "happened"),
    [
        ({"timestamp": "0001-01-01T00:00:00Z"}, "2026-02-15T12:00:00+00:00"),
        (
            {"timestamp": "0001-01-01T00:00:00Z", "originalTimestamp": "2026-02-15T11:00:00Z"},
            "2026-02-15T11:00:00Z",
        ),
        ({"timestamp": "2026-02-15T11:00:00Z", "sentAt": "0001-01-01T00:00:00Z"}, "2026-02-15T11:00:00Z"),
    ],
)
def test_the_time_that_go_writes_for_none_is_none(times: dict[str, str], happened: str) -> None:
    body = {**call(), "timestamp": None, **times}

    batch = {"batch": [body], "sentAt": "0001-01-01T00:00:00Z"}

    assert translated(body) == translated(batch, route="batch") == [event(timestamp=happened)]


def test_an_empty_list_stands_for_no_properties_as_php_writes_it() -> None:
    translation = translated(call(properties=[], context=[]))

    assert translation == [event(properties=MISSING)]


def test_another_list_stays_for_the_check() -> None:
    assert translated(call(properties=["x"])) == [event(properties=["x"])]
