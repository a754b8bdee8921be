"""Segment's HTTP tracking API (https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/).

The SDKs of RudderStack, Jitsu and Customer.io speak it too, at some addresses of their own.

`track` calls become events of the plan. The other calls describe people and pages, for which the plan has no
place: each is rejected as `unsupported_type`, and nothing of its content is kept.
"""

from datetime import datetime

import msgspec

from telemetry.door.protocols.messages import (
    LATENCY,
    EventTime,
    Message,
    TranslatedEvent,
    Translation,
    as_raw,
    first_value,
    moment_of,
    plan_event,
    read_list,
    read_object,
    refused,
    require_object,
    safe_name,
    text_of,
    time_of,
    unsupported,
    wrong_shape,
)
from telemetry.intake.validation import MAX_EVENT_BYTES, Problem
from telemetry.plan.codes import RejectionCode

# Segment's own limit of a request. Its limit of an event is the portal's too.
MAX_BODY_BYTES = 500 * 1024

BATCH = "batch"
TRACK = "track"
OTHER_CALLS = ("identify", "page", "screen", "group", "alias")
# analytics.js calls the routes by their first letters; `import` is the batch route of older libraries.
ROUTES = {
    "batch": BATCH,
    "b": BATCH,
    "import": BATCH,
    **{route: call for call in (TRACK, *OTHER_CALLS) for route in (call, call[0])},
}

TOO_LARGE = Problem(RejectionCode.EVENT_TOO_LARGE, "", f"An event may have at most {MAX_EVENT_BYTES} bytes.")


def translate(text: bytes, *, call: str, now: datetime) -> Translation:
    """The events of a request's JSON text; `call` is one of the values of ROUTES, `now` the moment of receipt.

    The id is `messageId`; the time: see `time_of_call`; the session is `properties.sessionId`, else
    `context.sessionId`, else `anonymousId`. Raises ApiError (400, 413) for what
    can't be read as a call or as a batch of calls.
    """
    body = require_object(text)
    sent_at = moment_of(body.get("sentAt"))
    secret = text_of(body.get("writeKey")) or ""
    if call != BATCH:
        event, sent_moment = translate_call(msgspec.Raw(text), call=call, sent_at=sent_at, now=now)
        return Translation([event], secret, sent_moments=[sent_moment])
    messages = read_list(body.get("batch"))
    if messages is None:
        raise wrong_shape('The body of a batch must be {"batch": […], "writeKey": …}.')
    translated = [translate_call(message, call="", sent_at=sent_at, now=now) for message in messages]
    return Translation(
        [event for event, _ in translated],
        secret or first_key(messages),
        sent_moments=[sent_moment for _, sent_moment in translated],
    )


def first_key(messages: list[msgspec.Raw]) -> str:
    """The write key of a batch's first event, for libraries that put the key into each event."""
    first = read_object(messages[0]) if messages else None
    return text_of((first or {}).get("writeKey")) or ""


def translate_call(
    raw: msgspec.Raw, *, call: str, sent_at: datetime | None, now: datetime
) -> TranslatedEvent:
    """A call as an event of the plan, or its rejection. If `call` is empty, the message's own type counts."""
    message = read_object(raw)
    if message is None:
        return TranslatedEvent(raw)
    event_id = first_value(message, "messageId")
    call = call or text_of(first_value(message, "type")) or TRACK
    if call != TRACK:
        name = safe_name(call, known=call in OTHER_CALLS)
        sentence = "The portal accepts track calls only."
        return TranslatedEvent(unsupported(name, event_id=event_id, message=sentence))
    if memoryview(raw).nbytes > MAX_EVENT_BYTES:
        name = safe_name(text_of(message.get("event")), known=False)
        return TranslatedEvent(refused(TOO_LARGE, name=name, event_id=event_id))
    session_id, properties = session_of(message)
    time = time_of_call(message, sent_at=sent_at or moment_of(message.get("sentAt")), now=now)
    event = plan_event(
        event=message.get("event"),
        event_id=event_id,
        session_id=session_id,
        timestamp=time.timestamp,
        properties=properties,
    )
    return TranslatedEvent(event, time.sent)


def time_of_call(message: Message, *, sent_at: datetime | None, now: datetime) -> EventTime:
    """When a call happened: `timestamp`, else `originalTimestamp`, corrected by `sent_at` if it is the client's clock.

    Segment's SDKs send `timestamp` only. RudderStack's stamp `originalTimestamp` by the client's clock, and send
    `timestamp` where the application gave it; Segment's server, which may pass calls on, sets it to the corrected
    time. So a `timestamp` that differs from `originalTimestamp` is right as it is.
    """
    timestamp = first_value(message, "timestamp", "originalTimestamp")
    given, stamped = moment_of(message.get("timestamp")), moment_of(message.get("originalTimestamp"))
    is_of_client = given is None or stamped is None or abs(given - stamped) <= LATENCY
    return time_of(timestamp, sent_at=sent_at if is_of_client else None, now=now)


def session_of(message: Message) -> tuple[msgspec.Raw | None, Message | msgspec.Raw | None]:
    """The session's id, and the properties without it."""
    properties = first_value(message, "properties")
    by_name = read_object(properties)
    context = read_object(message.get("context")) or {}
    session_id = (
        first_value(by_name or {}, "sessionId")
        or text_of_number(first_value(context, "sessionId"))
        or first_value(message, "anonymousId")
    )
    if by_name is None:
        return session_id, properties
    by_name.pop("sessionId", None)
    return session_id, by_name


def text_of_number(raw: msgspec.Raw | None) -> msgspec.Raw | None:
    """A whole number as text, as RudderStack's browser SDK numbers its sessions; anything else as it is."""
    return as_raw(bytes(raw).decode()) if raw is not None and bytes(raw).isdigit() else raw


def settings(*, write_key: str, host: str, scheme: str) -> dict[str, object]:
    """The settings that analytics.js loads before it sends anything: post to the portal, and do nothing else."""
    return {
        "integrations": {"Segment.io": {"apiKey": write_key, "apiHost": f"{host}/v1", "protocol": scheme}},
        "plan": {"track": {"__default": {"enabled": True, "integrations": {}}}},
        "analyticsNextEnabled": True,
        "legacyVideoPluginsEnabled": False,
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "remotePlugins": [],
        "metrics": {"sampleRate": 0},
    }


def source_config() -> dict[str, object]:
    """What RudderStack's browser SDK asks for before it sends anything: there is no destination but the portal."""
    return {"source": {"id": "portal", "name": "portal", "enabled": True, "config": {}, "destinations": []}}
