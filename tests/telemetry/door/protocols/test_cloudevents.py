"""CloudEvents as events of the plan."""

import base64
import json
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from django.test import RequestFactory

from telemetry.door.protocols import cloudevents
from telemetry.door.protocols.messages import Translation
from tests.telemetry.builders import make_event
from tests.telemetry.door.protocols.reading import read_all
from web.errors import ApiError

NOW = datetime(2026, 2, 15, 12, 0, tzinfo=UTC)
SENT = "2026-02-15T11:00:00Z"
HEADERS = {
    "ce-specversion": "1.0",
    "ce-id": "c-1",
    "ce-source": "/app",
    "ce-type": "workbench.draft_created",
    "ce-time": SENT,
    "ce-sessionid": "s-1",
}


def cloudevent(**more: Any) -> dict[str, Any]:
    attributes = {name.removeprefix("ce-"): value for name, value in HEADERS.items()}
    return {**attributes, "data": {"source": "chat"}, **more}


event = partial(make_event, id="c-1", sessionId="s-1", timestamp=SENT, properties={"source": "chat"})


def read(body: bytes, *, content_type: str, headers: dict[str, str] | None = None) -> Translation:
    request = RequestFactory().post("/", data=body, content_type=content_type, headers=headers)
    if not content_type:
        request.content_type = ""
    return cloudevents.read(request, now=NOW)


def structured(body: object) -> list[Any]:
    return read_all(read(json.dumps(body).encode(), content_type=cloudevents.STRUCTURED).events)


def batched(body: object) -> Translation:
    return read(json.dumps(body).encode(), content_type=cloudevents.BATCHED)


def binary(
    body: bytes = b'{"source":"chat"}', *, content_type: str = "application/json", **more: str
) -> list[Any]:
    headers = HEADERS | {f"ce-{name}": value for name, value in more.items()}
    return read_all(read(body, content_type=content_type, headers=headers).events)


def test_structured_mode() -> None:
    assert structured(cloudevent(datacontenttype="application/json", subject="x", traceparent="y")) == [
        event()
    ]


def test_batched_mode_keeps_its_order() -> None:
    translation = batched([cloudevent(), cloudevent(id="c-2", source="/other"), 5])

    assert read_all(translation.events) == [event(), event(id="c-2"), 5]
    assert translation.origins == ["/app", "/other", ""]
    assert batched([]).events == []


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "", "text/json", "application/x+json"]
)
def test_binary_mode(content_type: str) -> None:
    assert binary(content_type=content_type) == [event()]


def test_headers_are_percent_encoded() -> None:
    assert binary(id="c%2D1%E2%82%AC")[0]["id"] == "c-1€"


@pytest.mark.parametrize("name", ["id", "type"])
@pytest.mark.parametrize("value", ["%ff", "événement", "\x85"])
def test_a_header_that_is_not_is_named(name: str, value: str) -> None:
    with pytest.raises(ApiError) as raised:
        binary(**{name: value})

    assert (raised.value.status_code, raised.value.code) == (400, "bad_encoding")
    assert f"The header ce-{name} must be ASCII." in str(raised.value.message)


def test_the_name_of_a_header_is_shown_only_if_it_is_one_of_an_attribute() -> None:
    with pytest.raises(ApiError) as raised:
        binary(**{"ann-onym": "é"})

    assert "ann" not in str(raised.value.message)


def test_binary_mode_without_a_body_has_no_properties() -> None:
    assert "properties" not in binary(b"")[0]


def test_the_session_may_stand_in_the_data() -> None:
    body = cloudevent(sessionid=None, data={"source": "chat", "sessionId": "s-2"})

    assert structured(body) == [event(sessionId="s-2")]
    assert structured({**body, "sessionid": "s-1"}) == [event()]


def test_data_may_be_base64_of_json() -> None:
    body = cloudevent(data_base64=base64.b64encode(b'{"source":"chat"}').decode())

    del body["data"]

    assert structured(body) == [event()]


@pytest.mark.parametrize(
    "data", ["*", base64.b64encode(b"\xff\x00").decode(), base64.b64encode(b"{").decode()]
)
def test_data_of_another_kind_is_refused(data: str) -> None:
    refusal = ("unsupported_type", "workbench.draft_created", "c-1")

    assert structured(cloudevent(data_base64=data)) == [refusal]


@pytest.mark.parametrize("version", ["0.3", "2.0", None, 1.0])
def test_another_version_is_refused(version: object) -> None:
    refusal = ("unsupported_type", "workbench.draft_created", "c-1")

    assert structured(cloudevent(specversion=version)) == [refusal]


@pytest.mark.parametrize("source", ["", None, 5])
def test_an_event_without_a_source_is_refused(source: object) -> None:
    refusal = ("missing_property", "workbench.draft_created", "c-1")

    assert structured(cloudevent(source=source)) == [refusal]


def test_an_event_without_a_time_happened_now() -> None:
    assert structured(cloudevent(time=None))[0]["timestamp"] == NOW.isoformat()


@pytest.mark.parametrize("data", ["x", 5, [1], True])
def test_data_that_is_no_object_is_left_to_the_door(data: object) -> None:
    assert structured(cloudevent(data=data)) == [event(properties=data)]


def test_what_is_missing_is_left_to_the_door() -> None:
    assert structured({"specversion": "1.0", "source": "/app"}) == [{"timestamp": NOW.isoformat()}]


@pytest.mark.parametrize("body", [[], 5, None, "x"])
def test_what_is_no_event_is_400(body: object) -> None:
    with pytest.raises(ApiError) as raised:
        structured(body)
    assert (raised.value.status_code, raised.value.code) == (400, "wrong_shape")


@pytest.mark.parametrize("body", [{}, cloudevent(), 5, None])
def test_what_is_no_batch_is_400(body: object) -> None:
    with pytest.raises(ApiError) as raised:
        batched(body)
    assert (raised.value.status_code, raised.value.code) == (400, "wrong_shape")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/cloudevents+avro",
        "application/cloudevents",
        "application/cloudevents+json; charset=latin-1",
    ],
)
def test_another_format_is_415(content_type: str) -> None:
    with pytest.raises(ApiError) as raised:
        read(b"{}", content_type=content_type)
    assert raised.value.status_code == 415


def test_binary_mode_takes_json_alone() -> None:
    with pytest.raises(ApiError) as raised:
        binary(content_type="application/xml")
    assert raised.value.status_code == 415
