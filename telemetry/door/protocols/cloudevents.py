"""CloudEvents 1.0 over HTTP: structured, batched and binary mode.

https://github.com/cloudevents/spec, v1.0.2: spec.md, formats/json-format.md, bindings/http-protocol-binding.md.
"""

import base64
import re
from datetime import datetime
from http import HTTPStatus
from urllib.parse import unquote

import msgspec
from django.http import HttpRequest

from telemetry.door.body import check_content_type, json_text, read_decompressed
from telemetry.door.protocols.messages import (
    Message,
    Translation,
    as_raw,
    first_value,
    moment_of,
    plan_event,
    read_list,
    read_object,
    refused,
    require_object,
    text_of,
    time_of,
    wrong_shape,
)
from telemetry.intake.ingest import PostedEvent
from telemetry.intake.redaction import redact_event_name
from telemetry.intake.validation import Problem
from telemetry.intake.wording import Wording
from telemetry.plan import get_plan
from telemetry.plan.codes import RejectionCode
from web.errors import ApiError

STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
# Content types of the data in binary mode. Beacons send JSON as text/plain.
DATA_TYPES = frozenset({"", "application/json", "text/json", "text/plain"})
HEADER = "HTTP_CE_"
# What the specification itself defines. Other attributes are extensions, whose names are in lower case.
ATTRIBUTES = frozenset(
    {"specversion", "id", "source", "type", "time", "subject", "dataschema", "datacontenttype", "data"}
)

is_attribute_name = re.compile("[a-z0-9]{1,20}").fullmatch

WRONG_VERSION = Problem(
    RejectionCode.UNSUPPORTED_TYPE,
    "specversion",
    'The portal takes CloudEvents 1.0. Set specversion to "1.0".',
)
NO_SOURCE = Problem(
    RejectionCode.MISSING_PROPERTY,
    "source",
    "A CloudEvent must have a source, which is a text. Name the sender, like /app (in binary mode: ce-source).",
)
WRONG_DATA = Problem(
    RejectionCode.UNSUPPORTED_TYPE,
    "datacontenttype",
    "The data of an event must be JSON. Send it as data, or as data_base64 of JSON.",
)
SESSION = "Set the attribute sessionid (in binary mode: ce-sessionid), or sessionId in data."


def is_cloudevent(request: HttpRequest) -> bool:
    """Whether a request is in one of the three modes, by its content type and then by its headers."""
    return is_structured(request) or "HTTP_CE_SPECVERSION" in request.META


def is_structured(request: HttpRequest) -> bool:
    return (request.content_type or "").startswith("application/cloudevents")


def read(request: HttpRequest, *, now: datetime) -> Translation:
    """The events of a request in any of the modes; `now` is the moment of receipt.

    The name is `type`, the id is `id` (unique within `source`), the time is `time`, the properties are
    `data`, the session is the extension `sessionid`, else `data.sessionId`. Raises ApiError: 400 for what
    can't be read as events, 413 for too much of it, 415 for another content type.
    """
    if request.content_type == BATCHED:
        messages = read_list(json_text(read_checked(request)))
        if messages is None:
            raise wrong_shape("The body of a batch must be a list of CloudEvents.")
        return translate(messages, now=now)
    if is_structured(request):
        text = json_text(read_checked(request))
        require_object(text)
        return translate([msgspec.Raw(text)], now=now)
    return translate([from_binary(request)], now=now)


def read_checked(request: HttpRequest) -> bytes:
    check_content_type(request, accepted={STRUCTURED, BATCHED}, names=f"{STRUCTURED} or {BATCHED}")
    return read_decompressed(request)


def from_binary(request: HttpRequest) -> msgspec.Raw:
    """A request in binary mode, rewritten as an event in structured mode."""
    if not (request.content_type or "").endswith("+json"):
        check_content_type(request, accepted=DATA_TYPES, names="application/json")
    body = read_decompressed(request)
    headers = {
        name.removeprefix(HEADER).lower(): value
        for name, value in request.META.items()
        if name.startswith(HEADER)
    }
    attributes = {name: as_raw(attribute(value, name=name)) for name, value in headers.items()}
    if body:
        attributes["data"] = msgspec.Raw(json_text(body))
    return as_raw(attributes)


def attribute(header: str, *, name: str) -> str:
    """The value of a header, which is percent-encoded UTF-8 (section 3.1.3.2 of the HTTP binding).

    Raises ApiError (400) for another one, which names the header.
    """
    try:
        return unquote(header.encode("ascii").decode(), errors="strict")
    except UnicodeError:
        shown = f"ce-{name}" if is_attribute_name(name) else "of an attribute"
        message = f"The header {shown} must be ASCII. Write other characters as percent-encoded UTF-8."
        raise ApiError(status=HTTPStatus.BAD_REQUEST, code="bad_encoding", message=message) from None


def translate(messages: list[msgspec.Raw], *, now: datetime) -> Translation:
    by_name = [read_object(message) or {} for message in messages]
    sent_moments = [moment_of(message.get("time")) for message in by_name]
    return Translation(
        [translate_event(message, now=now) for message in messages],
        origins=[text_of(message.get("source")) or "" for message in by_name],
        # Nothing is corrected: an event's own timestamp is what was sent.
        sent_moments=sent_moments if None in sent_moments else None,
        wording_of=lambda index: wording_of_cloudevent(by_name[index]),
    )


def wording_of_cloudevent(message: Message) -> Wording:
    """The words for a CloudEvent: what it calls an event's parts, by where it has them."""
    in_data = first_value(message, "sessionid") is None and "sessionId" in (read_data(message) or {})
    return Wording(
        session=SESSION,
        parts={
            "event": "type",
            "sessionId": "data.sessionId" if in_data else "sessionid",
            "timestamp": "time",
            "properties": "data",
        },
        outside=message.keys() - ATTRIBUTES,
    )


def read_data(message: Message) -> Message | None:
    try:
        return read_object(data_of(message))
    except ValueError:
        return None


def translate_event(raw: msgspec.Raw, *, now: datetime) -> PostedEvent:
    """A CloudEvent as an event of the plan, or its rejection."""
    message = read_object(raw)
    if message is None:
        return raw
    if text_of(message.get("specversion")) != "1.0":
        return refuse(WRONG_VERSION, message)
    if not text_of(message.get("source")):
        return refuse(NO_SOURCE, message)
    try:
        data = data_of(message)
    except ValueError:
        return refuse(WRONG_DATA, message)
    by_name = read_object(data)
    session_id = first_value(message, "sessionid") or first_value(by_name or {}, "sessionId")
    if by_name is not None:
        by_name.pop("sessionId", None)
    return plan_event(
        event=message.get("type"),
        event_id=first_value(message, "id"),
        session_id=session_id,
        timestamp=time_of(first_value(message, "time"), sent_at=None, now=now).timestamp,
        properties=data if by_name is None else by_name,
    )


def refuse(problem: Problem, message: Message) -> PostedEvent:
    name = redact_event_name(text_of(message.get("type")), plan=get_plan())
    return refused(problem, name=name, event_id=first_value(message, "id"))


def data_of(message: Message) -> msgspec.Raw | None:
    """The data as JSON. Raises ValueError if they are not JSON."""
    encoded = text_of(first_value(message, "data_base64"))
    if encoded is None:
        return first_value(message, "data")
    try:
        return msgspec.Raw(json_text(base64.b64decode(encoded, validate=True)))
    except (ValueError, ApiError):
        raise ValueError("The data is not base64 of JSON.") from None
