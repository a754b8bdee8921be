"""Protobuf in and out. Imported with the first request in it: most portals get none, and it takes memory."""

from collections.abc import Sequence

from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from telemetry.door.protocols.otlp.dialects import ENVIRONMENT, EXCEPTION_TYPE, LISTED
from telemetry.door.protocols.otlp.spans import (
    EXCEPTION,
    INTERNAL_KINDS,
    STATUS_ERROR,
    PostedSpan,
    Value,
    unreadable,
)


def response(*, rejected_spans: int, message: str) -> bytes:
    answer = ExportTraceServiceResponse()
    if rejected_spans or message:
        answer.partial_success.rejected_spans = rejected_spans
        answer.partial_success.error_message = message
    return bytes(answer.SerializeToString())


def status(*, code: int, message: str) -> bytes:
    return bytes(Status(code=code, message=message).SerializeToString())


def read(body: bytes) -> list[PostedSpan]:
    """Raises ApiError (400) for what is no ExportTraceServiceRequest."""
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError:
        raise unreadable("The body is not an ExportTraceServiceRequest in protobuf.") from None
    return [
        from_protobuf(span, environment=environment)
        for resource_spans in request.resource_spans
        for environment in [environment_of(resource_spans.resource.attributes)]
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


def environment_of(attributes: Sequence[KeyValue]) -> str:
    found = {pair.key: pair.value.string_value for pair in attributes if pair.key in ENVIRONMENT}
    return next((found[key] for key in ENVIRONMENT if found.get(key)), "")


def from_protobuf(span: Span, *, environment: str) -> PostedSpan:
    return PostedSpan(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        name=span.name,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        is_error=span.status.code == STATUS_ERROR,
        attributes=listed(span.attributes),
        exception_type=exception_type_of(span.events),
        environment=environment,
        is_internal=span.kind in INTERNAL_KINDS,
    )


def listed(attributes: Sequence[KeyValue]) -> dict[str, Value]:
    found = {}
    for pair in attributes:
        if pair.key in LISTED and (value := value_of(pair.value)) is not None:
            found[pair.key] = value
    return found


def value_of(value: AnyValue) -> Value | None:
    """A scalar, or a list of texts; None for anything else, which no attribute of the table is."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [item.string_value for item in value.array_value.values if item.HasField("string_value")]
    if kind in {"string_value", "bool_value", "int_value", "double_value"}:
        scalar: Value = getattr(value, kind)
        return scalar
    return None


def exception_type_of(events: Sequence[Span.Event]) -> str:
    for event in reversed(events):
        if event.name == EXCEPTION:
            for pair in event.attributes:
                if pair.key == EXCEPTION_TYPE and pair.value.string_value:
                    return str(pair.value.string_value)
    return ""
