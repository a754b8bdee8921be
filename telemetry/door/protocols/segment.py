"""Segment's HTTP tracking API (https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/).

The SDKs of RudderStack, Jitsu and Customer.io speak it too, at some addresses of their own.

`track` calls become events of the plan. The other calls describe people and pages, for which the plan has no
place: each is rejected as `unsupported_type`, and nothing of its content is kept.
"""

from datetime import datetime

import msgspec

from telemetry.door.client_names import client_name
from telemetry.door.protocols.messages import (
    LATENCY,
    EventTime,
    Message,
    TranslatedEvent,
    Translation,
    as_raw,
    clock_of,
    first_time,
    first_value,
    moment_of,
    plan_event,
    properties_of,
    read_list,
    read_object,
    refused,
    require_object,
    safe_name,
    text_of,
    time_of,
    unsupported,
    wording_by_message,
    wrong_shape,
)
from telemetry.intake.validation import MAX_EVENT_BYTES, too_large
from telemetry.intake.wording import Wording

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

SESSION = "Set properties.sessionId, context.sessionId or anonymousId; userId is not used."


def translate(text: bytes, *, call: str, now: datetime) -> Translation:
    """The events of a request's JSON text; `call` is one of the values of ROUTES, `now` the moment of receipt.

    The id is `messageId`; the time: see `time_of_call`; the session is `properties.sessionId`, else
    `context.sessionId`, else `anonymousId`. Raises ApiError (400, 413) for what
    can't be read as a call or as a batch of calls.
    """
    body = require_object(text)
    sent_at = clock_of(body, "sentAt")
    secret = text_of(body.get("writeKey")) or ""
    if call != BATCH:
        event, sent_moment = translate_call(msgspec.Raw(text), call=call, sent_at=sent_at, now=now)
        return Translation(
            [event],
            secret,
            sent_moments=[sent_moment],
            wording_of=lambda _: wording_of_call(body),
            client=library_of(body),
        )
    messages = read_list(body.get("batch"))
    if messages is None:
        raise wrong_shape('The body of a batch must be {"batch": […], "writeKey": …}.')
    translated = [translate_call(message, call="", sent_at=sent_at, now=now) for message in messages]
    return Translation(
        [event for event, _ in translated],
        secret or first_key(messages),
        sent_moments=[sent_moment for _, sent_moment in translated],
        wording_of=wording_by_message(messages, wording=wording_of_call),
        client=library_of(body) or library_of((messages and read_object(messages[0])) or {}),
    )


def library_of(message: Message) -> str:
    """The SDK that made a call, or the batch: `analytics.js/2.1.0`; empty where it does not say."""
    context = read_object(message.get("context")) or {}
    library = read_object(context.get("library")) or {}
    return client_name(text_of(library.get("name")), text_of(library.get("version")))


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
        sentence = "The portal takes track calls only, and keeps nothing of others. Send what the plan lists as track."
        return TranslatedEvent(unsupported(name, event_id=event_id, message=sentence))
    if memoryview(raw).nbytes > MAX_EVENT_BYTES:
        name = safe_name(text_of(message.get("event")), known=False)
        problem = too_large(memoryview(raw).nbytes)
        return TranslatedEvent(refused(problem, name=name, event_id=event_id))
    session_id, properties = session_of(message)
    time = time_of_call(message, sent_at=sent_at or clock_of(message, "sentAt"), now=now)
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
    timestamp = first_time(message, "timestamp", "originalTimestamp")
    given, stamped = (moment_of(first_time(message, key)) for key in ("timestamp", "originalTimestamp"))
    is_of_client = given is None or stamped is None or abs(given - stamped) <= LATENCY
    return time_of(timestamp, sent_at=sent_at if is_of_client else None, now=now)


def wording_of_call(message: Message) -> Wording:
    """The words for a call: what it calls an event's parts, by where it has them."""
    properties = read_object(message.get("properties")) or {}
    context = read_object(message.get("context")) or {}
    places = (
        ("properties.sessionId", first_value(properties, "sessionId")),
        ("context.sessionId", first_value(context, "sessionId")),
        ("anonymousId", first_value(message, "anonymousId")),
    )
    is_stamped = first_value(message, "timestamp") is None and "originalTimestamp" in message
    return Wording(
        session=SESSION,
        parts={
            "id": "messageId",
            "sessionId": next((place for place, value in places if value is not None), places[0][0]),
            "timestamp": "originalTimestamp" if is_stamped else "timestamp",
        },
        outside=message,
    )


def session_of(message: Message) -> tuple[msgspec.Raw | None, Message | msgspec.Raw | None]:
    """The session's id, and the properties without it."""
    properties = properties_of(message)
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
