"""The routes of other SDKs, from the wire to the tables, through the portal's own WSGI application."""

import base64
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from telemetry.counters.ledger import outcomes
from telemetry.models import Arrival, QuarantinedEvent, RawEvent
from tests.builders import make_secret
from tests.telemetry.door.test_views import fault, nothing_is_stored
from tests.telemetry.posts import URL, Answer, raw, send

SENT = "2026-02-15T11:00:00.000Z"
COUNTS = {"accepted": 1, "duplicates": 0, "rejected": 0, "results": []}
SEGMENT = {
    "event": "workbench.draft_created",
    "messageId": "e-1",
    "anonymousId": "s-1",
    "timestamp": SENT,
    "properties": {"source": "chat", "draftId": "d-1"},
}
POSTHOG = {
    "event": "workbench.draft_created",
    "uuid": "e-1",
    "distinct_id": "s-1",
    "timestamp": SENT,
    "properties": {"source": "chat", "draftId": "d-1", "$lib": "x"},
}
CLOUDEVENT = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/app",
    "type": "workbench.draft_created",
    "time": SENT,
    "sessionid": "s-1",
    "data": {"source": "chat", "draftId": "d-1"},
}
STORED = [
    (
        "workbench.draft_created",
        "e-1",
        "s-1",
        datetime(2026, 2, 15, 11, tzinfo=UTC),
        {"source": "chat", "draftId": "d-1"},
    )
]


def stored() -> list[tuple[Any, ...]]:
    columns = ("event", "event_id", "session_id", "occurred_at", "properties")
    return list(RawEvent.objects.order_by("event_id").values_list(*columns))


def post(path: str, body: object, *, content_type: str = "application/json", **environ: str) -> Answer:
    sent = body if isinstance(body, bytes) else raw(body)
    return send(sent, path=path, **{"CONTENT_TYPE": content_type, **environ})


def basic(user: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:".encode()).decode()


# Segment --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/track", "/v1/t", "/v1/track/"])
@pytest.mark.parametrize("content_type", ["application/json", "text/plain;charset=UTF-8"])
def test_a_segment_call_is_stored(path: str, content_type: str, secret: str) -> None:
    answer = post(path, {**SEGMENT, "writeKey": secret}, content_type=content_type)

    assert (answer.status_code, answer.json()) == (200, {"success": True, **COUNTS})
    assert stored() == STORED


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/b", "/v1/import"])
def test_a_segment_batch_is_stored_once(path: str, secret: str) -> None:
    body = {"batch": [{**SEGMENT, "type": "track"}], "writeKey": secret, "sentAt": "2026-02-15T12:00:00Z"}

    assert post(path, body).json() == {"success": True, **COUNTS}

    again = post(path, {**body, "sentAt": "2026-02-15T12:00:03Z"})

    assert (again.json()["accepted"], again.json()["duplicates"]) == (0, 1)
    assert stored() == STORED


@pytest.mark.parametrize(
    "place", ["body", "basic", "bearer", "header", "query", "basic and body", "foreign token"]
)
def test_the_write_key_is_taken_from_wherever_it_stands(place: str, secret: str) -> None:
    environ = {
        "basic": {"HTTP_AUTHORIZATION": basic(secret)},
        "bearer": {"HTTP_AUTHORIZATION": f"Bearer {secret}"},
        "header": {"HTTP_X_WORKBENCH_KEY": secret},
        "query": {"QUERY_STRING": f"key={secret}"},
        "basic and body": {"HTTP_AUTHORIZATION": basic(secret)},
        "foreign token": {"HTTP_AUTHORIZATION": "Bearer eyJ"},
    }.get(place, {})
    in_body = place in {"body", "basic and body", "foreign token"}

    body = {**SEGMENT, "writeKey": secret} if in_body else SEGMENT

    assert post("/v1/track", body, **environ).status_code == 200
    assert stored() == STORED


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/identify", "identify"),
        ("/v1/i", "identify"),
        ("/v1/page", "page"),
        ("/v1/p", "page"),
        ("/v1/screen", "screen"),
        ("/v1/group", "group"),
        ("/v1/alias", "alias"),
    ],
)
def test_other_calls_are_answered_200_counted_and_kept_without_what_they_say(
    path: str, name: str, secret: str
) -> None:
    body = {"writeKey": secret, "messageId": "m-1", "userId": "ann", "traits": {"email": "ann@example.com"}}

    answer = post(path, body)

    assert answer.status_code == 200
    assert [(entry["status"], entry["code"]) for entry in answer.json()["results"]] == [
        ("rejected", "unsupported_type")
    ]
    assert outcomes(Arrival.objects.get()) == [("rejected", "unsupported_type", 1)]

    row = QuarantinedEvent.objects.get()

    assert (row.event, row.code, row.payload) == (name, "unsupported_type", {"event": name, "id": "m-1"})


def test_a_segment_batch_may_be_500_kib(secret: str) -> None:
    environ = {"HTTP_AUTHORIZATION": basic(secret)}
    text = raw({"batch": [{**SEGMENT, "type": "track"}]})

    padded = text + b" " * (500 * 1024 - len(text))

    assert fault(post("/v1/batch", padded + b" ", **environ)) == (413, "body_too_large")
    assert nothing_is_stored()
    assert post("/v1/batch", padded, **environ).status_code == 200


def test_analytics_js_asks_for_settings_and_reports_on_itself(secret: str) -> None:
    settings = send(method="GET", path=f"/v1/projects/{secret}/settings").json()

    assert settings["integrations"] == {
        "Segment.io": {"apiKey": secret, "apiHost": "127.0.0.1/v1", "protocol": "http"}
    }
    assert post("/v1/m", {"series": []}).json() == {"success": True}
    assert nothing_is_stored()


def test_rudderstacks_beacons_have_their_key_in_the_query(secret: str) -> None:
    answer = post("/beacon/v1/batch", {"batch": [SEGMENT]}, QUERY_STRING=f"writeKey={secret}")

    assert answer.json() == {"success": True, **COUNTS}
    assert stored() == STORED


@pytest.mark.parametrize("path", ["/sourceConfig/", "/sourceConfig"])
def test_rudderstack_asks_for_its_configuration(path: str, db: None) -> None:
    source = send(method="GET", path=path, query="p=npm&v=3").json()["source"]

    assert (source["enabled"], source["config"], source["destinations"]) == (True, {}, [])


@pytest.mark.parametrize("path", ["/api/s/track", "/api/s/s2s/track", "/api/s/batch"])
@pytest.mark.parametrize("prefix", ["", "key-1:"])
def test_jitsu_has_its_key_in_a_header_of_its_own(path: str, prefix: str, secret: str) -> None:
    body = {"batch": [SEGMENT]} if path.endswith("batch") else SEGMENT

    # Jitsu hides the key in the body.
    answer = post(path, {**body, "writeKey": "***"}, HTTP_X_WRITE_KEY=f"{prefix}{secret}")

    assert answer.json() == {"success": True, **COUNTS}
    assert stored() == STORED


# PostHog --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/batch/", "/capture/", "/i/v0/e/", "/e/", "/batch", "/capture", "/i/v0/e", "/e"]
)
def test_a_capture_is_stored(path: str, secret: str) -> None:
    answer = post(path, {**POSTHOG, "api_key": secret})

    assert (answer.status_code, answer.json()) == (200, {"status": 1, **COUNTS, "dropped_properties": 1})
    assert stored() == STORED


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_capture_may_be_gzip_and_not_say_so(encoding: str, secret: str) -> None:
    body = gzip.compress(raw({"api_key": secret, "batch": [POSTHOG]}))
    environ = {"HTTP_CONTENT_ENCODING": encoding} if encoding else {}

    answer = post("/e/", body, content_type="text/plain", QUERY_STRING="compression=gzip-js&ip=1", **environ)

    assert answer.status_code == 200
    assert stored() == STORED


def test_a_capture_may_be_a_form(secret: str) -> None:
    body = b"data=" + base64.b64encode(raw([{**POSTHOG, "token": secret}])).replace(b"+", b"%2B")

    answer = post(
        "/e/", body, content_type="application/x-www-form-urlencoded", QUERY_STRING="compression=base64"
    )

    assert answer.status_code == 200
    assert stored() == STORED


def test_events_of_posthog_are_counted_and_kept_without_what_they_say(secret: str) -> None:
    body = {
        "api_key": secret,
        "batch": [{**POSTHOG, "event": "$identify", "$set": {"email": "a@example.com"}}],
    }

    answer = post("/batch/", body).json()

    assert (answer["status"], answer["rejected"], answer["results"][0]["code"]) == (1, 1, "unsupported_type")
    assert QuarantinedEvent.objects.get().payload == {"event": "$identify", "id": "e-1"}


def test_the_newer_capture_has_a_directive_for_each_event(secret: str) -> None:
    batch = [
        {**POSTHOG, "session_id": "s-2"},
        {**POSTHOG, "uuid": "e-2", "properties": {"source": "x", "nodeCount": -1}},
        {**POSTHOG, "uuid": "e-3", "event": "$pageview"},
        {**POSTHOG, "uuid": "e-1"},
    ]

    answer = post("/i/v1/analytics/events", {"batch": batch}, HTTP_AUTHORIZATION=f"Bearer {secret}")

    assert (answer.status_code, answer.json()) == (
        200,
        {
            "results": {
                "e-1": {"result": "ok"},
                "e-2": {"result": "drop", "details": "not_in_enum, out_of_range"},
                "e-3": {"result": "drop", "details": "unsupported_type"},
            }
        },
    )
    assert [row[2] for row in stored()] == ["s-2"]


@pytest.mark.parametrize("path", ["/flags/", "/flags", "/decide/", "/decide"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_posthog_has_no_flags(path: str, method: str, db: None) -> None:
    answer = send(b'{"token": "x"}', method=method, path=path, query="v=4")

    assert answer.status_code == 200
    assert (answer.json()["flags"], answer.json()["featureFlags"]) == ({}, {})


def test_posthog_js_is_told_to_capture_nothing_by_itself(secret: str) -> None:
    config = send(method="GET", path=f"/array/{secret}/config").json()

    assert (config["autocapture_opt_out"], config["sessionRecording"]) == (True, False)

    script = send(method="GET", path=f"/array/{secret}/config.js")

    assert script.headers["Content-Type"] == "text/javascript"
    assert script.content.startswith(b"(function(){window._POSTHOG_REMOTE_CONFIG")


# CloudEvents ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["structured", "batched", "binary"])
def test_a_cloudevent_is_stored(mode: str, secret: str) -> None:
    environ = {"HTTP_AUTHORIZATION": f"Bearer {secret}"}

    if mode == "binary":
        attributes = {name: str(value) for name, value in CLOUDEVENT.items() if name != "data"}
        environ |= {f"HTTP_CE_{name.upper()}": value for name, value in attributes.items()}
        answer = post(URL, CLOUDEVENT["data"], **environ)
    elif mode == "batched":
        answer = post(URL, [CLOUDEVENT], content_type="application/cloudevents-batch+json", **environ)
    else:
        answer = post(URL, CLOUDEVENT, content_type="application/cloudevents+json; charset=utf-8", **environ)

    assert (answer.status_code, answer.json()) == (200, COUNTS)
    assert stored() == STORED


def test_cloudevents_of_two_sources_may_have_the_same_id(secret: str) -> None:
    events = [CLOUDEVENT, {**CLOUDEVENT, "source": "/other"}, CLOUDEVENT]

    answer = post(
        URL,
        events,
        content_type="application/cloudevents-batch+json",
        HTTP_AUTHORIZATION=f"Bearer {secret}",
    ).json()

    assert (answer["accepted"], answer["duplicates"]) == (2, 1)
    assert stored() == STORED * 2


# Every protocol -------------------------------------------------------------------------------------------

SEGMENT_ROUTES = ["/v1/track", "/v1/batch", "/beacon/v1/batch", "/api/s/track"]
ROUTES = [*SEGMENT_ROUTES, "/batch/", "/capture/", "/i/v0/e/", "/e/"]


def body_of(path: str, *, secret: str = "") -> dict[str, Any]:
    event: dict[str, Any] = SEGMENT if path in SEGMENT_ROUTES else POSTHOG
    body = {"batch": [event]} if "batch" in path else event
    return {**body, "writeKey": secret, "api_key": secret} if secret else body


@pytest.mark.parametrize("path", ROUTES)
def test_no_key_an_unknown_one_and_one_of_another_scope_are_refused(path: str, secret: str) -> None:
    assert fault(post(path, body_of(path))) == (401, "missing_key")
    assert fault(post(path, body_of(path, secret="x"))) == (401, "unknown_key")
    assert fault(post(path, body_of(path), HTTP_AUTHORIZATION=basic("x"))) == (401, "unknown_key")
    assert fault(post(path, body_of(path), HTTP_AUTHORIZATION="Basic é")) == (401, "missing_key")
    assert fault(post(path, body_of(path, secret=make_secret(scope="read")))) == (403, "wrong_scope")
    assert nothing_is_stored()


@pytest.mark.parametrize("path", ROUTES)
def test_a_key_above_its_rate_is_429(path: str, settings: Settings, clock: datetime, db: None) -> None:
    settings.WEB_WORKERS = 1
    secret = make_secret(requests_per_minute=1)

    in_body = [post(path, body_of(path, secret=secret)).status_code for _ in range(2)]

    assert in_body == [200, 429]

    answer = post(path, body_of(path), HTTP_AUTHORIZATION=f"Bearer {secret}")

    assert fault(answer) == (429, "too_many_requests")
    assert "Retry-After" in answer.headers


@pytest.mark.parametrize("path", ROUTES)
def test_maintenance_is_503(path: str, settings: Settings, tmp_path: Path, secret: str) -> None:
    settings.DATA_DIR = tmp_path
    (tmp_path / "maintenance").touch()

    answer = post(path, body_of(path, secret=secret))

    assert (fault(answer), answer.headers["Retry-After"]) == ((503, "maintenance"), "60")


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"5", b'"', b"\xff", b"\x1f\x8b\x08", b"data=", b"NaN", b'{"a":1,"a":2}', b"[" * 99],
    ids=range(11),
)
def test_what_can_not_be_read_is_400(path: str, body: bytes, secret: str) -> None:
    assert fault(post(path, body, QUERY_STRING=f"key={secret}"))[0] == 400
    assert nothing_is_stored()


@pytest.mark.parametrize("path", ROUTES)
def test_an_encoding_that_is_not_taken_is_400(path: str, secret: str) -> None:
    answer = post(path, body_of(path), HTTP_CONTENT_ENCODING="br", QUERY_STRING=f"key={secret}")

    assert fault(answer) == (400, "unsupported_media_type")


@pytest.mark.parametrize("path", ROUTES)
def test_too_much_is_413(path: str, secret: str) -> None:
    assert fault(post(path, b" " * (1024 * 1024 + 1), QUERY_STRING=f"key={secret}"))[0] == 413

    bomb = gzip.compress(b" " * 5_000_000)
    answer = post(path, bomb, HTTP_CONTENT_ENCODING="gzip", QUERY_STRING=f"key={secret}")

    assert fault(answer) == (413, "body_too_large")


@pytest.mark.parametrize("path", ROUTES)
def test_what_the_plan_refuses_is_quarantined_redacted(path: str, secret: str) -> None:
    text = json.dumps(body_of(path)).replace('"chat"', '"ann@example.com"').encode()

    answer = post(path, text, QUERY_STRING=f"key={secret}").json()

    assert {entry["code"] for entry in answer["results"]} >= {"looks_like_pii"}

    row = QuarantinedEvent.objects.get()

    assert "ann" not in json.dumps([row.payload, row.errors])


@pytest.mark.parametrize("path", ROUTES)
def test_a_dry_run_stores_nothing(path: str, secret: str) -> None:
    answer = post(path, body_of(path), QUERY_STRING=f"key={secret}&dry_run=1").json()

    assert answer["accepted"] == 1
    assert nothing_is_stored()


RUDDERSTACK_HEADERS = "anonymousid,sentat,rsa-recovered,rsa-retry-attempt,rsa-retry-reason"


@pytest.mark.parametrize("path", [*ROUTES, "/v1/p", "/flags/", "/array/x/config", "/sourceConfig/"])
@pytest.mark.parametrize(
    "headers",
    [
        "authorization,content-type,x-retry-count",
        RUDDERSTACK_HEADERS,
        "x-write-key,x-enable-debug,x-ip-policy",
    ],
)
def test_listed_origins_may_use_the_routes(path: str, headers: str, settings: Settings, db: None) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example"]
    environ = {
        "HTTP_ORIGIN": "https://app.example",
        "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "POST",
        "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": headers,
    }

    answer = send(method="OPTIONS", path=path, **environ)

    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert set(headers.split(",")) <= set(answer.headers["access-control-allow-headers"].split(", "))


@pytest.mark.parametrize("path", ["/v1/tracks", "/v1/", "/batch/x", "/e/x", "/array/a b/config"])
def test_other_paths_are_404_in_the_one_shape(path: str, db: None) -> None:
    assert fault(post(path, {})) == (404, "not_found")


@pytest.mark.parametrize("path", ROUTES)
def test_another_method_is_405(path: str, db: None) -> None:
    assert fault(send(method="GET", path=path)) == (405, "method_not_allowed")
