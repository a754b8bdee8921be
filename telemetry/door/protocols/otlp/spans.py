"""What the portal reads of a span, and how it reads it from JSON. Only listed attributes are taken."""

import re
from collections.abc import Iterator
from http import HTTPStatus

import msgspec

from telemetry.door.protocols.otlp.dialects import ENVIRONMENT, EXCEPTION_TYPE, LISTED
from web.errors import ApiError

EXCEPTION = "exception"
# Status.StatusCode of trace.proto.
STATUS_ERROR = 2
# Span.SpanKind: what stays within one process, or does not say what it is.
INTERNAL_KINDS = (0, 1)
INTERNAL_NAMES = ("SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL")

Value = str | int | float | bool | list[str]

is_trace_id = re.compile(r"(?!0{32})[0-9a-f]{32}").fullmatch
is_integer = re.compile(r"-?\d{1,20}", re.ASCII).fullmatch
is_span_id = re.compile(r"(?!0{16})[0-9a-f]{16}").fullmatch


class PostedSpan(msgspec.Struct, frozen=True, kw_only=True):
    """What the portal reads of a span. Ids are lower-case hex, moments nanoseconds since 1970 (0: none).

    `parent_id` is empty for a root. `attributes` are the listed ones. `exception_type` is that of the last exception
    event that has one. `environment` is what the resource says of itself. `is_internal`: it is no call between two
    services.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    start_ns: int
    end_ns: int
    is_error: bool
    attributes: dict[str, Value]
    exception_type: str
    environment: str
    is_internal: bool = True

    @property
    def is_between(self) -> bool:
        """Whether it may lie between an agent and its model calls: it is internal, and has a span above it."""
        return self.is_internal and self.has_ids and bool(is_span_id(self.parent_id))

    @property
    def has_ids(self) -> bool:
        return bool(is_trace_id(self.trace_id) and is_span_id(self.span_id))


# JSON ------------------------------------------------------------------------------------------------------
# Protobuf's own reader of JSON takes the ids for base64, which they are not here. Unknown fields are ignored, 64-bit
# integers may be texts, and null stands for a field that is not there.


class JsonValue(msgspec.Struct, rename="camel"):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: int | str | None = None
    double_value: float | str | None = None
    array_value: "JsonArray | None" = None


class JsonArray(msgspec.Struct):
    values: list[JsonValue] | None = None


class JsonPair(msgspec.Struct):
    key: str | None = None
    value: JsonValue | None = None


class JsonEvent(msgspec.Struct):
    name: str | None = None
    attributes: list[JsonPair] | None = None


class JsonStatus(msgspec.Struct):
    code: int | str | None = None


class JsonSpan(msgspec.Struct, rename="camel"):
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    name: str | None = None
    kind: int | str | None = None
    start_time_unix_nano: int | str | None = None
    end_time_unix_nano: int | str | None = None
    attributes: list[JsonPair] | None = None
    events: list[JsonEvent] | None = None
    status: JsonStatus | None = None


class JsonScopeSpans(msgspec.Struct):
    spans: list[JsonSpan] | None = None


class JsonResource(msgspec.Struct):
    attributes: list[JsonPair] | None = None


class JsonResourceSpans(msgspec.Struct, rename="camel"):
    resource: JsonResource | None = None
    scope_spans: list[JsonScopeSpans] | None = None


class JsonRequest(msgspec.Struct, rename="camel"):
    resource_spans: list[JsonResourceSpans] | None = None


json_decoder = msgspec.json.Decoder(JsonRequest)


def read_json(text: bytes) -> list[PostedSpan]:
    """Raises ApiError (400) for JSON of another shape; the message says where it differs."""
    try:
        request = json_decoder.decode(text)
        return [
            from_json(span, environment=environment)
            for resource_spans in request.resource_spans or ()
            for environment in [json_environment(resource_spans.resource)]
            for scope_spans in resource_spans.scope_spans or ()
            for span in scope_spans.spans or ()
        ]
    except msgspec.ValidationError as error:
        raise unreadable(f"The body is not an ExportTraceServiceRequest in JSON: {error}.") from None
    except (ValueError, OverflowError):
        raise unreadable(
            "A number of the body is none: 64-bit integers may be texts of digits, and doubles texts of a number."
        ) from None


def from_json(span: JsonSpan, *, environment: str) -> PostedSpan:
    return PostedSpan(
        trace_id=(span.trace_id or "").lower(),
        span_id=(span.span_id or "").lower(),
        parent_id=(span.parent_span_id or "").lower(),
        name=span.name or "",
        start_ns=nanoseconds(span.start_time_unix_nano),
        end_ns=nanoseconds(span.end_time_unix_nano),
        is_error=span.status is not None and span.status.code in {STATUS_ERROR, "STATUS_CODE_ERROR"},
        attributes=json_listed(span.attributes),
        exception_type=json_exception_type(span.events),
        environment=environment,
        is_internal=(span.kind or 0) in {*INTERNAL_KINDS, *INTERNAL_NAMES},
    )


def nanoseconds(value: int | str | None) -> int:
    """Raises ValueError for what is no unsigned 64-bit integer."""
    number = integer(value) if value is not None else 0
    if not 0 <= number < 2**64:
        raise ValueError
    return number


def integer(value: int | str) -> int:
    if isinstance(value, str) and not is_integer(value):
        raise ValueError
    return int(value)


def pairs_of(attributes: list[JsonPair] | None) -> Iterator[tuple[str, JsonValue]]:
    for pair in attributes or ():
        if pair.key is not None and pair.value is not None:
            yield pair.key, pair.value


def json_environment(resource: JsonResource | None) -> str:
    found = dict(pairs_of(resource.attributes)) if resource else {}
    return next((found[key].string_value or "" for key in ENVIRONMENT if key in found), "")


def json_listed(attributes: list[JsonPair] | None) -> dict[str, Value]:
    found = {}
    for key, raw in pairs_of(attributes):
        if key in LISTED and (value := json_value(raw)) is not None:
            found[key] = value
    return found


def json_value(value: JsonValue) -> Value | None:
    if value.string_value is not None:
        return value.string_value
    if value.bool_value is not None:
        return value.bool_value
    if value.int_value is not None:
        return integer(value.int_value)
    if value.double_value is not None:
        return float(value.double_value)
    if value.array_value is not None:
        items = value.array_value.values or ()
        return [item.string_value for item in items if item.string_value is not None]
    return None


def json_exception_type(events: list[JsonEvent] | None) -> str:
    for event in reversed(events or ()):
        if event.name == EXCEPTION:
            for key, value in pairs_of(event.attributes):
                if key == EXCEPTION_TYPE and value.string_value:
                    return value.string_value
    return ""


def unreadable(message: str) -> Exception:
    return ApiError(status=HTTPStatus.BAD_REQUEST, code="wrong_shape", message=message)
