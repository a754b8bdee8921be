"""Requests for /v1/traces that no exporter would make, the same ones for the same seed.

Every text that the portal has no reason to keep holds MARKER.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from telemetry.door.protocols.otlp.answers import JSON, PROTOBUF
from telemetry.door.protocols.otlp.dialects import LANGFUSE_COST, LANGFUSE_USAGE, LISTED, ROLES

MARKER = "zqx7marker"
NAMES = ("workflow.execute", "agent.execute", "approval.wait")
# What is near a listed name, or what people's SDKs have beside them.
OTHER = (
    "gen_ai.prompt", "gen_ai.completion", "gen_ai.input.messages", "llm.input_messages", "input.value", "output.value",
    "langfuse.observation.input", "traceloop.entity.input", "exception.message", "http.url", "workflow.", "agent.name ",
    "Agent.Name", "", "agent", "\u0000", "é" * 50, "user.email",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    "", " ", "a", "x" * 300, "é\u0000\u202e\U0001f4a9", "ann@example.com", "1", "-1", "1e400", "NaN", "true", "{", "[]",
    0, 1, -1, 2**31, 2**63 - 1, -(2**63), 0.0, -0.5, 1e308, float("inf"), float("nan"), True, False, [], ["a", "b"],
    ["x"] * 60,
)  # fmt: skip
MOMENTS = (
    0,
    1,
    999,
    1_771_156_700_000_000_000,
    1_771_156_800_000_000_000,
    1_771_156_799_000_000_001,
    2**63,
    2**64 - 1,
)
SENSIBLE = sorted({value for _, values in ROLES.values() for known in values for value in known})
BAD_JSON: tuple[Any, ...] = (
    None, 1, "x", [], {}, [None], {"resourceSpans": 1}, {"resourceSpans": [None]},
    {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": 1}]}]}]},
    {"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": "²"}]}]}]},
    {"resourceSpans": [{"scopeSpans": [{"spans": [{"endTimeUnixNano": 2**70}]}]}]},
    {"resourceSpans": [{"scopeSpans": [{"spans": [{"attributes": [{"key": "x", "value": {"doubleValue": "y"}}]}]}]}]},
)  # fmt: skip


@dataclass(frozen=True)
class StrangeRequest:
    body: bytes
    content_type: str
    encoding: str


def strange_requests(*, seed: int, count: int) -> Iterator[StrangeRequest]:
    random = Random(seed)
    for _ in range(count):
        is_json = random.random() < 0.5
        if is_json and random.random() < 0.02:
            body = json.dumps(random.choice(BAD_JSON)).encode()
        else:
            described = [span(random) for _ in range(random.choice((0, 1, 1, 1, 2)))]
            body = as_json(random, described) if is_json else as_protobuf(random, described)
        if random.random() < 0.4:
            body = damaged(random, body)
        yield packed(random, body, JSON if is_json else PROTOBUF)


def span(random: Random) -> dict[str, Any]:
    """One in four is good but for what does not belong into it; of the others half have a role."""
    return good(random) if random.random() < 0.25 else strange(random)


def good(random: Random) -> dict[str, Any]:
    start, end = MOMENTS[3:5]
    return {
        **strange(random),
        "trace": f"{random.getrandbits(128):032x}",
        "span": f"a{random.getrandbits(60):015x}",
        "name": random.choice(NAMES),
        "start": start,
        "end": end,
        "attributes": {"agent.name": "planner", "workflow.id": "w-1", "gen_ai.operation.name": "chat"},
    }


def strange(random: Random) -> dict[str, Any]:
    attributes: dict[str, Any] = {key: random.choice(VALUES) for key in random.sample(sorted(LISTED), 4)}
    name = f"GET /{MARKER}"
    if random.random() < 0.5:
        attributes |= {key: random.choice(SENSIBLE) for key in random.sample(ROLE_KEYS, 1)}
        # Without another name the span's own is that of the agent.
        attributes["agent.name"] = "planner"
        name = random.choice((*NAMES, name))
    if random.random() < 0.2:
        attributes |= {
            key: json.dumps({MARKER: 1, "input": MARKER}) for key in (LANGFUSE_USAGE, LANGFUSE_COST)
        }
    return {
        "trace": random.choice(
            ("0" * 32, "0af7651916cd43dd8448eb211c80319c", "", "ab", f"{random.getrandbits(128):032x}")
        ),
        "span": random.choice(("0" * 16, "00f067aa0ba902b7", "", f"{random.getrandbits(64):016x}")),
        "name": name,
        "start": random.choice(MOMENTS),
        "end": random.choice(MOMENTS),
        "code": random.choice((0, 1, 2)),
        "attributes": attributes,
        "others": {random.choice(OTHER) or MARKER: MARKER, f"{MARKER}.{random.randrange(9)}": MARKER},
    }


ROLE_KEYS = (
    "gen_ai.operation.name",
    "openinference.span.kind",
    "traceloop.span.kind",
    "langfuse.observation.type",
)


def as_json(random: Random, described: list[dict[str, Any]]) -> bytes:
    pairs = [{"key": MARKER, "value": {"stringValue": MARKER}}]
    nested = {"kvlistValue": {"values": pairs}}
    spans = [
        {
            "traceId": each["trace"],
            "spanId": each["span"],
            "traceState": MARKER,
            "name": each["name"],
            "startTimeUnixNano": random.choice((str, int))(each["start"]),
            "endTimeUnixNano": each["end"],
            "attributes": [
                *({"key": key, "value": json_value(value)} for key, value in each["attributes"].items()),
                *({"key": key, "value": {"stringValue": value}} for key, value in each["others"].items()),
                {
                    "key": "session.id",
                    "value": random.choice((nested, {"bytesValue": MARKER}, {MARKER: MARKER})),
                },
            ],
            "events": [
                {"name": "exception", "attributes": [{"key": "exception.message", **pairs[0]}]},
                {"name": MARKER},
            ],
            "links": [{"traceId": MARKER, "attributes": pairs}],
            "status": {"code": each["code"], "message": MARKER},
            MARKER: MARKER,
        }
        for each in described
    ]
    scope = {"scope": {"name": MARKER, "version": MARKER}, "spans": spans, "schemaUrl": MARKER}
    return json.dumps(
        {"resourceSpans": [{"resource": {"attributes": pairs}, "scopeSpans": [scope]}]}
    ).encode()


def json_value(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": str(value) if value != value or abs(value) == float("inf") else value}
        case list():
            return {"arrayValue": {"values": [{"stringValue": item} for item in value]}}
        case _:
            return {"stringValue": value}


def as_protobuf(random: Random, described: list[dict[str, Any]]) -> bytes:
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    add(resource_spans.resource.attributes, MARKER, MARKER)
    scope_spans = resource_spans.scope_spans.add(schema_url=MARKER)
    scope_spans.scope.name = MARKER
    for each in described:
        made = scope_spans.spans.add(
            trace_id=bytes.fromhex(each["trace"]),
            span_id=bytes.fromhex(each["span"]),
            trace_state=MARKER,
            name=each["name"],
            start_time_unix_nano=each["start"],
            end_time_unix_nano=each["end"],
        )
        made.status.code, made.status.message = each["code"], MARKER
        for key, value in {**each["attributes"], **each["others"]}.items():
            add(made.attributes, key, value)
        add(made.events.add(name="exception").attributes, "exception.stacktrace", MARKER)
        add(made.links.add(trace_state=MARKER).attributes, MARKER, MARKER)
        nested = made.attributes.add(key="session.id").value
        if random.random() < 0.5:
            add(nested.kvlist_value.values, MARKER, MARKER)
        else:
            nested.bytes_value = MARKER.encode()
    return bytes(request.SerializeToString())


def add(attributes: Any, key: str, value: Any) -> KeyValue:
    pair: KeyValue = attributes.add(key=key)
    match value:
        case bool():
            pair.value.bool_value = value
        case int():
            pair.value.int_value = value
        case float():
            pair.value.double_value = value
        case list():
            pair.value.array_value.SetInParent()
            for item in value:
                pair.value.array_value.values.add(string_value=item)
        case _:
            pair.value.string_value = value
    return pair


def damaged(random: Random, body: bytes) -> bytes:
    """Cut, with bytes of a text overwritten, or with some put in."""
    place = random.randrange(len(body) + 1)
    match random.randrange(3):
        case 0:
            return body[:place]
        case 1:
            return body[:place] + random.randbytes(random.randrange(1, 4)) + body[place + 1 :]
        case _:
            return (
                body[:place]
                + random.choice((b"\xff", b"\x00", b'"', b"{", b"\\ud800", b"null"))
                + body[place:]
            )


def packed(random: Random, body: bytes, content_type: str) -> StrangeRequest:
    encoding = random.choice(("", "", "", "gzip", "deflate", "gzip, gzip", MARKER))
    if encoding == "gzip" and random.random() < 0.8:
        body = gzip.compress(body, 1)
    elif encoding == "deflate" and random.random() < 0.8:
        body = zlib.compress(body, 1)
    return StrangeRequest(
        body, random.choice((content_type,) * 20 + (JSON, PROTOBUF, "text/plain", "", MARKER)), encoding
    )
