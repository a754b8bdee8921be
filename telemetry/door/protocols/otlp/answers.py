"""Answers to exporters, in the type of their request.

Exporters send a batch again after 429, 502, 503 and 504 only; older ones for Python not after 429. All drop it when
Retry-After is longer than what is left of their ten seconds.
"""

from http import HTTPStatus

import msgspec
from django.http import HttpResponse

from web.errors import ApiError

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
LONGEST_RETRY_SECONDS = 5

# google.rpc.Code of an HTTP status; UNKNOWN for any other.
RPC_CODES = {
    HTTPStatus.BAD_REQUEST: 3,
    HTTPStatus.UNAUTHORIZED: 16,
    HTTPStatus.FORBIDDEN: 7,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: 8,
    HTTPStatus.SERVICE_UNAVAILABLE: 14,
}
UNKNOWN = 2

encode = msgspec.json.Encoder().encode


def success(content_type: str, *, rejected_spans: int = 0, message: str = "") -> HttpResponse:
    """All is well, or partially so: `message` says what was rejected, or warns where nothing was."""
    if content_type == PROTOBUF:
        from telemetry.door.protocols.otlp import protobuf

        content = protobuf.response(rejected_spans=rejected_spans, message=message)
        return HttpResponse(content, content_type=PROTOBUF)
    # Protobuf's JSON writes 64-bit integers as texts.
    partial = {"rejectedSpans": str(rejected_spans), "errorMessage": message}
    body = {"partialSuccess": partial} if rejected_spans or message else {}
    return HttpResponse(encode(body), content_type=JSON)


def fault(error: ApiError, content_type: str) -> HttpResponse:
    """A google.rpc.Status. What would make an exporter drop its batch is said so that it sends it again."""
    status, headers = HTTPStatus(error.status_code), dict(error.headers)
    if status is HTTPStatus.TOO_MANY_REQUESTS:
        status = HTTPStatus.SERVICE_UNAVAILABLE
    if wait := headers.get("Retry-After"):
        headers["Retry-After"] = str(min(max(1, int(wait)), LONGEST_RETRY_SECONDS))
    content, answered = status_body(status, code=error.code, message=error.message, content_type=content_type)
    return HttpResponse(content, status=status, content_type=answered, headers=headers)


def status_body(status: HTTPStatus, *, code: str, message: str, content_type: str) -> tuple[bytes, str]:
    """A google.rpc.Status and its content type: protobuf for a request in protobuf, else JSON."""
    rpc_code, text = RPC_CODES.get(status, UNKNOWN), f"{code}: {message}"
    if content_type == PROTOBUF:
        from telemetry.door.protocols.otlp import protobuf

        return protobuf.status(code=rpc_code, message=text), PROTOBUF
    return encode({"code": rpc_code, "message": text}), JSON
