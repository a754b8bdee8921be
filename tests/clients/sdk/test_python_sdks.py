"""segment-analytics-python, posthog and cloudevents post through their own unchanged code."""

import logging
import time
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import requests
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from cloudevents.v1.conversion import to_binary as to_binary_v1
from cloudevents.v1.conversion import to_structured as to_structured_v1
from cloudevents.v1.http import CloudEvent as CloudEventV1
from posthog import Posthog
from pytest_django.live_server_helper import LiveServer
from segment.analytics import request as segment_request
from segment.analytics.client import Client as Segment

from telemetry import keys
from tests.clients.sdk.conftest import refused, stored

CREATED = "workbench.draft_created"
STARTED = "workbench.session_started"
UNKNOWN_KEY = f"The key is not known. Send it whole, as it was printed. {keys.NEW_KEY}"


@pytest.fixture(autouse=True)
def _fresh_process() -> None:
    keys.key_of.cache_clear()


# Segment --------------------------------------------------------------------------------------------------


@pytest.fixture(params=[False, True], ids=["plain", "gzip"])
def segment(request: pytest.FixtureRequest, live_server: LiveServer, write_key: str) -> Iterator[Segment]:
    errors: list[Exception] = []
    client = Segment(
        write_key,
        host=live_server.url,
        gzip=request.param,
        max_retries=1,
        on_error=lambda error, _items: errors.append(error),
    )
    yield client
    client.shutdown()
    segment_request._session.close()
    assert errors == []


def test_segment_tracks_are_stored_once(segment: Segment, moment: datetime) -> None:
    segment.track(
        anonymous_id="s-1",
        event=CREATED,
        properties={"source": "chat", "draftId": "d-1", "nodeCount": 3},
        timestamp=moment,
        message_id="m-1",
    )
    segment.track("u-1", CREATED, {"source": "blank", "sessionId": "s-2"}, timestamp=moment, message_id="m-2")
    segment.track("u-1", STARTED, context={"sessionId": "s-3"}, timestamp=moment, message_id="m-3")
    segment.flush()
    assert stored() == {
        "m-1": [CREATED, "s-1", moment, {"source": "chat", "draftId": "d-1", "nodeCount": 3}],
        "m-2": [CREATED, "s-2", moment, {"source": "blank"}],
        "m-3": [STARTED, "s-3", moment, {}],
    }


def test_segment_sends_many_events_once_each(segment: Segment) -> None:
    for number in range(250):
        segment.track(anonymous_id=f"s-{number}", event=STARTED, message_id=f"m-{number}")
    segment.flush()
    assert {name: row[1] for name, row in stored().items()} == {f"m-{n}": f"s-{n}" for n in range(250)}


def test_segment_calls_that_the_plan_has_no_place_for_are_answered_and_counted(segment: Segment) -> None:
    segment.identify("u-1", {"email": "ann@example.com"})
    segment.page("u-1", "docs", "start")
    segment.screen("u-1", "docs", "start")
    segment.group("u-1", "g-1", {"name": "Ann's"})
    segment.alias("u-1", "u-2")
    segment.flush()
    names = ("identify", "page", "screen", "group", "alias")
    assert refused() == [(name, "unsupported_type") for name in names]
    assert stored() == {}


def test_segment_sends_a_refused_request_once(live_server: LiveServer, transactional_db: None) -> None:
    errors: list[Any] = []
    client = Segment(
        "wb_wrong", host=live_server.url, on_error=lambda error, _: errors.append(error), max_retries=5
    )
    client.log.setLevel(logging.CRITICAL)
    client.track(anonymous_id="s-1", event=STARTED)
    started_at = time.monotonic()
    client.shutdown()
    segment_request._session.close()
    assert [(error.status, error.code, error.message) for error in errors] == [
        (401, "unknown_key", UNKNOWN_KEY)
    ]
    assert time.monotonic() - started_at < 5


# PostHog --------------------------------------------------------------------------------------------------


def posthog(live_server: LiveServer, write_key: str, **options: Any) -> Posthog:
    return Posthog(write_key, host=live_server.url, **{"disable_geoip": True, "debug": False, **options})


@pytest.mark.parametrize("gzip", [False, True])
def test_posthog_captures_are_stored_once(
    gzip: bool, live_server: LiveServer, write_key: str, moment: datetime
) -> None:
    errors: list[Any] = []
    client = posthog(live_server, write_key, gzip=gzip, on_error=lambda error, _: errors.append(error))
    ids = [str(uuid.uuid4()) for _ in range(3)]
    client.capture(
        CREATED,
        distinct_id="u-1",
        properties={"source": "chat", "draftId": "d-1", "$session_id": "s-1"},
        timestamp=moment,
        uuid=ids[0],
    )
    client.capture(STARTED, distinct_id="s-2", timestamp=moment, uuid=ids[1])
    client.capture(STARTED, distinct_id="u-1", properties={"sessionId": "s-3"}, timestamp=moment, uuid=ids[2])
    client.set(distinct_id="u-1", properties={"email": "ann@example.com"})
    client.shutdown()
    assert errors == []
    assert stored() == {
        ids[0]: [CREATED, "s-1", moment, {"source": "chat", "draftId": "d-1"}],
        ids[1]: [STARTED, "s-2", moment, {}],
        ids[2]: [STARTED, "s-3", moment, {}],
    }
    assert refused() == [("$set", "unsupported_type")]


def test_posthogs_newer_capture_tells_which_events_were_refused(
    live_server: LiveServer, write_key: str, moment: datetime
) -> None:
    errors: list[Any] = []
    client = posthog(
        live_server, write_key, capture_mode="v1", on_error=lambda error, _: errors.append(error)
    )
    ids = [str(uuid.uuid4()) for _ in range(3)]
    properties = {"source": "chat", "$session_id": "s-1"}
    client.capture(CREATED, distinct_id="u-1", properties=properties, timestamp=moment, uuid=ids[0])
    client.capture(STARTED, distinct_id="s-2", timestamp=moment, uuid=ids[1])
    client.capture(CREATED, distinct_id="s-3", timestamp=moment, uuid=ids[2])
    client.shutdown()
    assert stored() == {
        ids[0]: [CREATED, "s-1", moment, {"source": "chat"}],
        ids[1]: [STARTED, "s-2", moment, {}],
    }
    assert [error.drops for error in errors] == [[(ids[2], "missing_property")]]


def test_posthog_asks_for_flags_and_gets_none(live_server: LiveServer, write_key: str) -> None:
    client = posthog(live_server, write_key)
    assert client.get_all_flags("u-1") == {}
    client.shutdown()


def test_posthog_sends_a_refused_request_once(live_server: LiveServer, transactional_db: None) -> None:
    errors: list[Any] = []
    client = posthog(live_server, "wb_wrong", on_error=lambda error, _: errors.append(error), max_retries=5)
    client.log.setLevel(logging.CRITICAL)
    client.capture(STARTED, distinct_id="s-1")
    client.shutdown()
    assert [(error.status, error.message) for error in errors] == [(401, UNKNOWN_KEY)]


# CloudEvents ----------------------------------------------------------------------------------------------


def cloudevent(event_id: str, *, moment: datetime, data: dict[str, Any], **more: str) -> CloudEvent:
    attributes = {
        "id": event_id,
        "source": "/app",
        "type": CREATED,
        "time": moment,
        "datacontenttype": "application/json",
        "specversion": "1.0",
        **more,
    }
    return CloudEvent(attributes=attributes, data=data)


def post(url: str, *, write_key: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
    address = f"{url}/api/workbench/telemetry"
    with requests.post(
        address, data=body, headers={**headers, "Authorization": f"Bearer {write_key}"}, timeout=10
    ) as answer:
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]


def test_cloudevents_are_stored_in_every_mode(
    live_server: LiveServer, write_key: str, moment: datetime
) -> None:
    first = cloudevent("e-1", moment=moment, data={"source": "chat"}, sessionid="s-1")
    second = cloudevent("e-2", moment=moment, data={"source": "chat", "sessionId": "s-2"})
    third = cloudevent("e-3", moment=moment, data={"source": "chat"}, sessionid="s-3")
    for message in (to_structured_event(first), to_binary_event(second)):
        post(live_server.url, write_key=write_key, body=message.body, headers=message.headers)
    batch = b"[" + b",".join(JSONFormat().write(event) for event in (first, third)) + b"]"
    headers = {"Content-Type": "application/cloudevents-batch+json"}
    answer = post(live_server.url, write_key=write_key, body=batch, headers=headers)
    assert (answer["accepted"], answer["duplicates"], answer["rejected"]) == (1, 1, 0)
    assert stored() == {
        f"e-{number}": [CREATED, f"s-{number}", moment, {"source": "chat"}] for number in (1, 2, 3)
    }


@pytest.mark.parametrize("convert", [to_structured_v1, to_binary_v1])
def test_cloudevents_of_the_sdks_first_interface_are_stored(
    convert: Any, live_server: LiveServer, write_key: str, moment: datetime
) -> None:
    attributes = {
        "id": "e-1",
        "source": "/app",
        "type": CREATED,
        "time": moment.isoformat(),
        "sessionid": "s-1",
    }
    headers, body = convert(CloudEventV1(attributes, {"source": "chat"}))
    post(live_server.url, write_key=write_key, body=body, headers=headers)
    assert stored() == {"e-1": [CREATED, "s-1", moment, {"source": "chat"}]}
