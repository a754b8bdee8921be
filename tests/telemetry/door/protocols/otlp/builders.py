"""Requests of exporters, as protobuf and as JSON, from one description of each span."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

TRACE = "0af7651916cd43dd8448eb211c80319c"
START = 1_771_156_800_000_000_000  # 2026-02-15T12:00:00Z
SECOND = 1_000_000_000

Description = dict[str, Any]


def span(name: str = "chat", *, span_id: str = "00000000000000a1", **more: Any) -> Description:
    """A span of two seconds; `attributes`, `exceptions` (their attributes), `parent`, `kind`, `error`,
    `start`, `end`."""
    return {
        "trace_id": TRACE,
        "span_id": span_id,
        "parent": "",
        "name": name,
        "kind": 1,
        "start": START,
        "end": START + 2 * SECOND,
        "attributes": {},
        "exceptions": [],
        "error": False,
        **more,
    }


def protobuf(spans: Sequence[Description], *, resource: Mapping[str, str] | None = None) -> bytes:
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.extend(map(pair, (resource or {}).items()))
    scope_spans = resource_spans.scope_spans.add()
    for described in spans:
        made = scope_spans.spans.add(
            trace_id=bytes.fromhex(described["trace_id"]),
            span_id=bytes.fromhex(described["span_id"]),
            parent_span_id=bytes.fromhex(described["parent"]),
            name=described["name"],
            kind=described["kind"],
            start_time_unix_nano=described["start"],
            end_time_unix_nano=described["end"],
            attributes=map(pair, described["attributes"].items()),
        )
        made.status.code = 2 if described["error"] else 0
        for attributes in described["exceptions"]:
            made.events.add(name="exception", attributes=map(pair, attributes.items()))
    return request.SerializeToString()


def pair(item: tuple[str, Any]) -> KeyValue:
    key, value = item
    return KeyValue(key=key, value=any_value(value))


def any_value(value: Any) -> AnyValue:
    made = AnyValue()
    if isinstance(value, list):
        made.array_value.values.extend(map(any_value, value))
    else:
        kind = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value"}[type(value)]
        setattr(made, kind, value)
    return made


def as_json(spans: Sequence[Description], *, resource: Mapping[str, str] | None = None) -> bytes:
    """As exporters in JavaScript write it: hexadecimal ids, 64-bit integers as texts."""
    body = {
        "resourceSpans": [
            {
                "resource": {"attributes": list(map(json_pair, (resource or {}).items()))},
                "scopeSpans": [{"scope": {"name": "test"}, "spans": list(map(json_span, spans))}],
            }
        ]
    }
    return json.dumps(body).encode()


def json_span(described: Description) -> dict[str, Any]:
    return {
        "traceId": described["trace_id"].upper(),
        "spanId": described["span_id"],
        "parentSpanId": described["parent"],
        "name": described["name"],
        "kind": described["kind"],
        "startTimeUnixNano": str(described["start"]),
        "endTimeUnixNano": described["end"],
        "attributes": list(map(json_pair, described["attributes"].items())),
        "events": [
            {"name": "exception", "attributes": list(map(json_pair, attributes.items()))}
            for attributes in described["exceptions"]
        ],
        "status": {"code": 2} if described["error"] else {},
    }


def json_pair(item: tuple[str, Any]) -> dict[str, Any]:
    return {"key": item[0], "value": json_value(item[1])}


def json_value(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case list():
            return {"arrayValue": {"values": list(map(json_value, value))}}
        case _:
            return {"stringValue": value}
