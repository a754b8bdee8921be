"""What an exporter meets at /v1/traces, from the wire to the tables."""

import gzip
import json
import zlib
from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from telemetry.door import throttling
from telemetry.door.protocols.otlp import views
from telemetry.door.protocols.otlp.answers import JSON, PROTOBUF
from telemetry.models import Arrival, QuarantinedEvent, RawEvent, SpanLink
from tests.builders import make_secret
from tests.telemetry.door.protocols.otlp.builders import TRACE, Description, as_json, protobuf, span
from tests.telemetry.posts import Answer, send

pytestmark = pytest.mark.django_db

WRITERS = {PROTOBUF: protobuf, JSON: as_json}
BOTH = pytest.mark.parametrize("content_type", WRITERS)
KEY = f"{TRACE}-00000000000000a1"


def post(body: bytes, *, content_type: str = PROTOBUF, secret: str = "", **environ: str) -> Answer:
    if secret:
        environ["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
    return send(body, path="/v1/traces", CONTENT_TYPE=content_type, **environ)


def export(spans: Sequence[Description], *, content_type: str, secret: str, **more: Any) -> Answer:
    return post(WRITERS[content_type](spans, **more), content_type=content_type, secret=secret)


def partial(answer: Answer) -> tuple[int, str]:
    """(rejected spans, message) of an answer."""
    assert answer.status_code == 200
    if answer.headers["Content-Type"] == PROTOBUF:
        success = ExportTraceServiceResponse.FromString(answer.content).partial_success
        return success.rejected_spans, success.error_message
    success = answer.json().get("partialSuccess", {"rejectedSpans": "0", "errorMessage": ""})
    return int(success["rejectedSpans"]), success["errorMessage"]


def fault(answer: Answer) -> tuple[int, str, str]:
    """(status, code, Retry-After) of a fault."""
    message = (
        Status.FromString(answer.content).message
        if answer.headers["Content-Type"] == PROTOBUF
        else answer.json()["message"]
    )
    return answer.status_code, message.partition(":")[0], answer.headers.get("Retry-After", "")


def stored() -> list[tuple[str, str]]:
    return list(RawEvent.objects.order_by("event", "event_id").values_list("event", "event_id"))


@BOTH
def test_spans_are_stored_once_and_answered_in_their_own_type(secret: str, content_type: str) -> None:
    spans = [span("agent.execute"), span("GET /", span_id="00000000000000a2")]

    answers = [export(spans, content_type=content_type, secret=secret) for _ in range(2)]

    assert [partial(answer) for answer in answers] == [(0, "")] * 2
    assert [answer.headers["Content-Type"] for answer in answers] == [content_type] * 2
    assert stored() == [("agent.run_completed", f"{KEY}-e"), ("agent.run_started", f"{KEY}-s")]


@BOTH
def test_an_empty_request_is_well(secret: str, content_type: str) -> None:
    assert partial(export([], content_type=content_type, secret=secret)) == (0, "")
    assert partial(post(b"", content_type=content_type, secret=secret)) == (0, "")


def test_the_same_span_as_protobuf_and_as_json_is_stored_once(secret: str) -> None:
    for content_type in WRITERS:
        export([span("agent.execute")], content_type=content_type, secret=secret)

    assert len(stored()) == 2


@pytest.mark.parametrize(
    ("encoding", "encode"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("", bytes)]
)
def test_a_compressed_body_is_read(secret: str, encoding: str, encode: Any) -> None:
    body = encode(protobuf([span("agent.execute")]))

    assert partial(post(body, secret=secret, HTTP_CONTENT_ENCODING=encoding)) == (0, "")
    assert len(stored()) == 2


@BOTH
def test_rejected_spans_are_counted_said_and_kept_in_the_quarantine(secret: str, content_type: str) -> None:
    good = span("agent.execute")
    bad = span("agent.execute", span_id="00000000000000a2", attributes={"agent.name": "x" * 201})

    rejected, message = partial(export([good, bad], content_type=content_type, secret=secret))

    assert rejected == 1
    assert message.startswith("attributes.agent.name or gen_ai.agent.name or traceloop.entity.name: ")
    assert len(stored()) == 2
    assert QuarantinedEvent.objects.count() == 2


@BOTH
def test_another_environment_of_the_resource_is_a_warning(secret: str, content_type: str) -> None:
    for name, said in (("production", ""), ("staging", "The key's environment is production: ")):
        resource = {"deployment.environment.name": name}
        answer = export([span("chat")], content_type=content_type, secret=secret, resource=resource)

        rejected, message = partial(answer)
        assert (rejected, message[: len(said)], bool(message)) == (0, said, bool(said))


def test_a_batch_of_many_spans_is_stored_in_portions(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MAX_BATCH_EVENTS", 3)
    spans = [span("agent.execute", span_id=f"{number:016x}") for number in range(1, 5)]
    spans[2]["attributes"] = {"agent.name": "x" * 201}

    assert partial(export(spans, content_type=PROTOBUF, secret=secret))[0] == 1
    assert len(stored()) == 6


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"\xff\xff", PROTOBUF, (400, "wrong_shape", "")),
        (b"{", JSON, (400, "bad_json", "")),
        (b'{"resourceSpans": 1}', JSON, (400, "wrong_shape", "")),
        (
            b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"x"}]}]}]}',
            JSON,
            (400, "wrong_shape", ""),
        ),
        (b"{}", "text/plain", (415, "unsupported_media_type", "")),
        (b"{}", "", (415, "unsupported_media_type", "")),
    ],
)
def test_a_body_that_is_no_request_is_refused(
    secret: str, body: bytes, content_type: str, expected: tuple[int, str, str]
) -> None:
    assert fault(post(body, content_type=content_type, secret=secret)) == expected


@BOTH
def test_the_key_is_checked(content_type: str, secret: str) -> None:
    reader = make_secret(scope="read")

    answers = [post(b"", content_type=content_type, secret=key) for key in ("", "wb_ingest_x", reader)]

    assert [fault(answer)[:2] for answer in answers] == [
        (401, "missing_key"),
        (401, "unknown_key"),
        (403, "wrong_scope"),
    ]


def test_a_body_of_16_mebibytes_is_read_and_a_longer_one_is_not(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps({"x": "y" * 1_500_000}).encode()
    assert partial(post(body, content_type=JSON, secret=secret)) == (0, "")
    monkeypatch.setattr(views, "MAX_BODY_BYTES", len(body))
    assert partial(post(body, content_type=JSON, secret=secret)) == (0, "")

    monkeypatch.setattr(views, "MAX_BODY_BYTES", len(body) - 1)

    assert fault(post(body, content_type=JSON, secret=secret)) == (413, "body_too_large", "")
    packed = post(gzip.compress(body), content_type=JSON, secret=secret, HTTP_CONTENT_ENCODING="gzip")
    assert fault(packed) == (413, "body_too_large", "")


@BOTH
def test_who_sends_too_often_is_told_so_that_the_exporter_sends_again(
    content_type: str, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "take_token", lambda *_, **__: 37.2)

    assert fault(post(b"", content_type=content_type, secret=make_secret())) == (
        503,
        "too_many_requests",
        "5",
    )


@BOTH
def test_a_database_that_does_not_answer_is_503(secret: str, content_type: str) -> None:
    with patch("telemetry.door.posting.ingest_events", side_effect=OperationalError):
        answer = export([span("agent.execute")], content_type=content_type, secret=secret)

    assert fault(answer) == (503, "database_unavailable", "5")
    assert stored() == []


def test_unknown_fields_and_nulls_of_json_are_ignored(secret: str) -> None:
    body = {
        "resourceSpans": [
            {
                "resource": None,
                "schemaUrl": "x",
                "scopeSpans": [
                    {
                        "spans": [
                            {
                                "traceId": TRACE,
                                "spanId": "00000000000000A1",
                                "name": "agent.execute",
                                "startTimeUnixNano": 1771156800000000000,
                                "endTimeUnixNano": None,
                                "attributes": [{"key": None}, {"key": "agent.name", "value": None}],
                                "events": None,
                                "links": [{"traceId": "x"}],
                                "status": None,
                                "flags": 257,
                            }
                        ]
                    }
                ],
            }
        ]
    }

    assert partial(post(json.dumps(body).encode(), content_type=JSON, secret=secret)) == (0, "")
    assert stored() == [("agent.run_started", f"{KEY}-s")]


@BOTH
def test_no_attribute_that_is_not_listed_is_kept_anywhere(secret: str, content_type: str) -> None:
    attributes = {"gen_ai.prompt": "MARKER", "gen_ai.operation.name": "chat", "llm.input_messages": "MARKER"}
    spans = [
        span("chat MARKER", attributes=attributes, error=True),
        span(
            "agent.execute",
            span_id="00000000000000a2",
            attributes={"agent.name": "x" * 201, "other": "MARKER"},
        ),
    ]

    export(spans, content_type=content_type, secret=secret)

    rows = [*RawEvent.objects.values_list("properties"), *QuarantinedEvent.objects.values_list("payload")]
    assert "MARKER" not in str(rows)
    assert len(rows) == 3


BETWEEN = span(
    "http.handler", span_id="00000000000000a2", parent="00000000000000a1", attributes={"session.id": "s"}
)


@pytest.mark.parametrize("others", [[], [span("agent.execute")]], ids=["alone", "with events"])
def test_the_links_of_spans_are_stored_once(secret: str, others: list[Description]) -> None:
    for _ in range(2):
        post(protobuf([*others, BETWEEN]), secret=secret)

    link = SpanLink.objects.get()
    assert (link.environment, link.trace_id, link.span_id, link.parent_span_id, link.is_waiting) == (
        "production",
        TRACE,
        "00000000000000a2",
        "00000000000000a1",
        True,
    )


def test_many_links_are_stored_in_several_transactions(secret: str) -> None:
    many = [
        span("http.handler", span_id=f"{number:016x}", parent="00000000000000a1") for number in range(1, 6)
    ]

    with patch.object(views, "MAX_BATCH_LINKS", 2), patch.object(views, "store", wraps=views.store) as stores:
        post(protobuf([span("agent.execute"), *many]), secret=secret)

    assert [(len(call.args[1]), len(call.kwargs["links"])) for call in stores.call_args_list] == [
        (2, 2),
        (0, 2),
        (0, 1),
    ]
    assert SpanLink.objects.count() == 5


def test_links_are_not_stored_where_the_events_of_their_post_are_not(secret: str) -> None:
    with (
        patch.object(Arrival.objects, "create", side_effect=OperationalError),
        patch("telemetry.intake.storage.insert_on_postgresql", side_effect=OperationalError),
    ):
        answer = post(protobuf([span("agent.execute"), BETWEEN]), secret=secret)

    assert (answer.status_code, SpanLink.objects.count()) == (503, 0)


def test_a_dry_run_stores_no_links(secret: str) -> None:
    post(protobuf([BETWEEN]), secret=secret, QUERY_STRING="dry_run=1")

    assert not SpanLink.objects.exists()
