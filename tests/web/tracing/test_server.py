"""What a request records, through the door and its database."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id
from pytest_django import Settings

from config.logs import JsonFormatter
from telemetry.models import Arrival
from tests.builders import NOW, make_secret
from tests.recording import Recording, recording
from web.tracing.spans import RECEIVED_AT

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
DOOR = "/api/workbench/telemetry"
ROUTE = "POST /api/workbench/telemetry"


@pytest.fixture
def recorded(settings: Settings) -> Iterator[Recording]:
    settings.MIDDLEWARE = ["web.tracing.server.TracingMiddleware", *django_settings.MIDDLEWARE]
    with recording() as made:
        yield made


def post(secret: str, *, session: str = "marker-session", **headers: Any) -> None:
    body = {
        "event": "workbench.chat_message_sent",
        "sessionId": session,
        "timestamp": NOW.isoformat(),
        "properties": {},
    }
    answer = Client().post(
        f"{DOOR}?note=marker-query",
        json.dumps(body),
        content_type="application/json",
        HTTP_AUTHORIZATION=f"Bearer {secret}",
        **headers,
    )
    assert answer.json()["accepted"] == 1


def parent_of(span: ReadableSpan) -> str:
    return format_span_id(span.parent.span_id) if span.parent else ""


def test_the_span_of_a_post_is_below_the_clients_and_has_the_statements_below_it(recorded: Recording) -> None:
    post(make_secret(), HTTP_TRACEPARENT=f"00-{TRACE}-{PARENT}-01")

    (request,) = recorded.named(ROUTE)
    assert (request.kind, parent_of(request)) == (SpanKind.SERVER, PARENT)
    statements = [span for span in recorded.spans() if span.kind is SpanKind.CLIENT]
    assert statements
    assert {parent_of(span) for span in statements} == {format_span_id(request.context.span_id)}
    assert {format_trace_id(span.context.trace_id) for span in recorded.spans()} == {TRACE}


def test_a_request_is_described_by_its_route_and_not_by_what_a_client_wrote(recorded: Recording) -> None:
    post(make_secret())

    (request,) = recorded.named(ROUTE)
    assert dict(request.attributes or {}) == {
        "http.request.method": "POST",
        "http.route": DOOR,
        "http.response.status_code": 200,
        "url.scheme": "http",
        "portal.arrival.id": Arrival.objects.get().pk,
    }


def test_the_arrival_keeps_the_span_in_which_it_came(recorded: Recording) -> None:
    post(make_secret(), HTTP_TRACEPARENT=f"00-{TRACE}-{PARENT}-01")

    (request,) = recorded.named(ROUTE)
    assert Arrival.objects.get().traceparent == f"00-{TRACE}-{format_span_id(request.context.span_id)}-01"


def test_what_the_store_does_is_one_span(recorded: Recording) -> None:
    post(make_secret())

    statements = [span for span in recorded.spans() if span.kind is SpanKind.CLIENT]
    (store,) = [span for span in statements if span.name != "SELECT"]
    assert "INSERT INTO telemetry_rawevent" in str((store.attributes or {})["db.query.text"])


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "x",
        "00-" + "z" * 200,
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01,{TRACE}",
        "\xff" * 55,
    ],
)
def test_a_traceparent_that_cannot_be_read_is_ignored(recorded: Recording, traceparent: str) -> None:
    post(make_secret(), HTTP_TRACEPARENT=traceparent)

    (request,) = recorded.named(ROUTE)
    assert request.parent is None


def test_a_clients_tracestate_goes_nowhere(recorded: Recording) -> None:
    post(make_secret(), HTTP_TRACEPARENT=f"00-{TRACE}-{PARENT}-01", HTTP_TRACESTATE="a=marker-state")

    assert not any("marker" in span.to_json() for span in recorded.spans())


def test_a_trace_that_the_client_does_not_sample_leaves_nothing(recorded: Recording) -> None:
    post(make_secret(), HTTP_TRACEPARENT=f"00-{TRACE}-{PARENT}-00")

    assert recorded.spans() == []
    assert Arrival.objects.get().traceparent is None


def test_a_span_begins_where_the_server_received_the_request(recorded: Recording) -> None:
    post(make_secret(), **{RECEIVED_AT: 1_770_000_000_000_000_000})

    (request,) = recorded.named(ROUTE)
    assert request.start_time == 1_770_000_000_000_000_000


def test_an_unknown_method_is_not_a_name_of_a_span(recorded: Recording) -> None:
    Client().generic("MARKER", DOOR)

    (request,) = [span for span in recorded.spans() if span.kind is SpanKind.SERVER]
    assert request.name == "HTTP /api/workbench/telemetry"
    assert (request.attributes or {})["http.request.method"] == "_OTHER"


def test_an_answer_of_a_broken_portal_is_an_error(
    recorded: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **named: object) -> None:
        raise RuntimeError("marker-text")

    monkeypatch.setattr("telemetry.door.views.store_posted", fail)
    client = Client(raise_request_exception=False)
    client.post(DOOR, "{}", content_type="application/json", HTTP_AUTHORIZATION=f"Bearer {make_secret()}")

    (request,) = recorded.named(ROUTE)
    assert (request.status.status_code, (request.attributes or {})["error.type"]) == (StatusCode.ERROR, "500")
    assert "marker" not in request.to_json()


def test_probes_are_not_traced(recorded: Recording) -> None:
    Client().get("/healthz")

    assert recorded.spans() == []


def test_nothing_of_a_post_is_in_its_spans(recorded: Recording) -> None:
    secret = make_secret()
    post(secret, HTTP_USER_AGENT="marker-agent", REMOTE_ADDR="203.0.113.7")

    texts = [span.to_json() for span in recorded.spans()]
    assert texts
    assert not [text for text in texts if "marker" in text or secret in text or "203.0.113.7" in text]


def test_log_lines_after_a_post_is_stored_name_its_arrival_and_its_trace(
    recorded: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[dict[str, Any]] = []

    def answer(*arguments: object, **named: object) -> dict[str, Any]:
        record = logging.LogRecord("telemetry", logging.WARNING, __file__, 1, "Stored it", (), None)
        lines.append(json.loads(JsonFormatter().format(record)))
        return {"accepted": 1}

    monkeypatch.setattr("telemetry.door.views.counts_and_results", answer)

    post(make_secret(), HTTP_TRACEPARENT=f"00-{TRACE}-{PARENT}-01")

    (line,) = lines
    (request,) = recorded.named(ROUTE)
    assert line["arrival_ids"] == [Arrival.objects.get().pk]
    assert (line["trace_id"], line["span_id"]) == (TRACE, format_span_id(request.context.span_id))
    assert line["request_id"]
