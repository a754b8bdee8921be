"""PostHog's capture API (https://posthog.com/docs/api/capture), as its SDKs speak it.

Events whose names begin with `$` are PostHog's own: they are rejected as `unsupported_type`. Properties whose
names begin with `$` are added by its SDKs: they are dropped and counted.
"""

import base64
import binascii
import re
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import msgspec

from telemetry.door.body import MAX_BODY_BYTES, check_size, from_gzip, unreadable
from telemetry.door.client_names import client_name
from telemetry.door.protocols.messages import (
    EventTime,
    Message,
    TranslatedEvent,
    Translation,
    as_raw,
    clock_of,
    first_time,
    first_value,
    plan_event,
    properties_of,
    read_list,
    read_object,
    require_object,
    safe_name,
    text_of,
    time_of,
    unsupported,
    wording_by_message,
    wrong_shape,
)
from telemetry.intake.wording import Wording

GZIP_MAGIC = b"\x1f\x8b\x08"
FORM = "application/x-www-form-urlencoded"
# Properties of SDKs that say who sends the event.
ADDRESS_PROPERTIES = ("token", "distinct_id")

SESSION = "Set properties.sessionId, properties.$session_id or distinct_id."

_is_own_name = re.compile(r"\$[a-z][a-z0-9_]{0,62}").fullmatch


def json_of(body: bytes, *, is_form: bool) -> bytes:
    """The JSON text of a body, which may be plain, base64 or gzip, and may be the field `data` of a form.

    Gzip is recognised by its first bytes, because posthog-js sends no Content-Encoding. Raises ApiError: 400
    for a body that is cut off or none of these, 413 above 1 MiB.
    """
    body = gunzip(body)
    if is_form or body.startswith(b"data="):
        body = gunzip(form_field(body))
    if body.lstrip()[:1] in {b"{", b"["}:
        return body
    return gunzip(from_base64(body))


def gunzip(body: bytes) -> bytes:
    if not body.startswith(GZIP_MAGIC):
        return body
    try:
        return check_size(from_gzip(body, MAX_BODY_BYTES))
    except (zlib.error, EOFError):
        raise unreadable(
            code="bad_encoding", message="The body is not gzip data, or not all of it."
        ) from None


def form_field(body: bytes) -> bytes:
    try:
        values = parse_qs(body.decode("ascii"), max_num_fields=20).get("data", [""])
    except ValueError:
        raise wrong_shape("The form can't be read.") from None
    return values[0].encode()


def from_base64(body: bytes) -> bytes:
    """Decodes standard or URL-safe base64, padded or not. A form may have turned its pluses into blanks."""
    text = body.strip().translate(bytes.maketrans(b" -_", b"++/")).rstrip(b"=")
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise unreadable(code="bad_json", message="The body is neither JSON nor base64 of JSON.") from None


def translate(text: bytes, *, now: datetime, sent_at: datetime | None = None) -> Translation:
    """The events of a request's JSON text: one event, a list, or a batch; `now` is the moment of receipt.

    The id is `uuid`, the time is `timestamp` (corrected by `sent_at`, the client's clock) or `offset`
    milliseconds ago, the session is `properties.sessionId`, else `properties.$session_id` (`session_id` of
    the newer capture), else `distinct_id`. Raises ApiError (400, 413) for what can't be read as events.
    """
    messages = read_list(text)
    body: Message = {}
    if messages is None:
        body = require_object(text)
        messages = [msgspec.Raw(text)]
        if "batch" in body:
            messages = read_list(body["batch"])
    if messages is None:
        raise wrong_shape('A batch must be {"api_key": …, "batch": […]}.')
    sent_at = clock_of(body, "sent_at", "sentAt") or sent_at
    # An import of history has no client whose clock could be wrong.
    sent_at = None if is_true(body.get("historical_migration")) else sent_at
    translated = [translate_event(message, sent_at=sent_at, now=now) for message in messages]
    return Translation(
        [event for (event, _), _ in translated],
        key_of(body) or key_of((messages and read_object(messages[0])) or {}),
        sent_moments=[sent_moment for (_, sent_moment), _ in translated],
        dropped_properties=sum(dropped for _, dropped in translated),
        wording_of=wording_by_message(messages, wording=wording_of_capture),
        client=library_of((messages and read_object(messages[0])) or {}),
    )


def library_of(message: Message) -> str:
    """The SDK that made an event: `posthog-js/1.200.0`; empty where it does not say."""
    properties = read_object(message.get("properties")) or {}
    name, version = properties.get("$lib"), properties.get("$lib_version")
    return client_name(text_of(name), text_of(version))


def is_true(raw: msgspec.Raw | None) -> bool:
    return raw is not None and bytes(raw) == b"true"


def key_of(message: Message) -> str:
    properties = read_object(message.get("properties")) or {}
    return text_of(first_value(message, "api_key", "token") or first_value(properties, "token")) or ""


def sent_at_of(milliseconds: str) -> datetime | None:
    """The client's clock, which posthog-js sends as `_` in the query: milliseconds since 1970."""
    if not re.fullmatch(r"[0-9]{12,14}", milliseconds):
        return None
    return datetime.fromtimestamp(int(milliseconds) / 1000, tz=UTC)


def translate_event(
    raw: msgspec.Raw, *, sent_at: datetime | None, now: datetime
) -> tuple[TranslatedEvent, int]:
    """An event in the form of the plan, or its rejection; and how many of its properties were dropped."""
    message = read_object(raw)
    if message is None:
        return TranslatedEvent(raw), 0
    event_id = first_value(message, "uuid")
    name = text_of(message.get("event"))
    if name is not None and name.startswith("$"):
        shown = safe_name(name, known=_is_own_name(name) is not None)
        sentence = (
            "PostHog's own events ($…) are not in the plan, and nothing of them is kept. Switch them off."
        )
        return TranslatedEvent(unsupported(shown, event_id=event_id, message=sentence)), 0
    properties = properties_of(message)
    by_name = read_object(properties)
    session_id = session_of(message, properties=by_name or {})
    kept = None if by_name is None else own_properties(by_name)
    ignores_sent_at = is_true((by_name or {}).get("$ignore_sent_at"))
    time = time_of_capture(message, sent_at=None if ignores_sent_at else sent_at, now=now)
    event = plan_event(
        event=message.get("event"),
        event_id=event_id,
        session_id=session_id,
        timestamp=time.timestamp,
        properties=properties if kept is None else kept,
    )
    return TranslatedEvent(event, time.sent), sum(key.startswith("$") for key in by_name or {})


def session_of(message: Message, *, properties: Message) -> msgspec.Raw | None:
    return next(filter(None, session_places(message, properties=properties).values()), None)


def session_places(message: Message, *, properties: Message) -> dict[str, msgspec.Raw | None]:
    """What stands in each place that can hold the session, in priority order."""
    return {
        "properties.sessionId": first_value(properties, "sessionId"),
        "properties.$session_id": first_value(properties, "$session_id"),
        "session_id": first_value(message, "session_id"),
        "distinct_id": first_value(message, "distinct_id"),
        "properties.distinct_id": first_value(properties, "distinct_id"),
    }


def wording_of_capture(message: Message) -> Wording:
    """The words for a captured event: what it calls an event's parts, by where it has them."""
    places = session_places(message, properties=read_object(message.get("properties")) or {})
    place = next((place for place, value in places.items() if value is not None), "distinct_id")
    return Wording(session=SESSION, parts={"id": "uuid", "sessionId": place}, outside=message)


def own_properties(properties: Message) -> Message:
    """The properties without those that an SDK adds."""
    moved = {*ADDRESS_PROPERTIES, "sessionId"}
    return {key: value for key, value in properties.items() if key not in moved and not key.startswith("$")}


def time_of_capture(message: Message, *, sent_at: datetime | None, now: datetime) -> EventTime:
    raw = first_time(message, "timestamp")
    offset = first_value(message, "offset")
    if raw is None and offset is not None:
        return EventTime(as_raw((now - timedelta(milliseconds=milliseconds_of(offset))).isoformat()))
    return time_of(raw, sent_at=sent_at, now=now)


def milliseconds_of(raw: msgspec.Raw) -> int:
    """A whole number of at most 12 digits (30 years); 0 for anything else."""
    text = bytes(raw)
    return int(text) if text.isdigit() and len(text) <= 12 else 0


MIN_DETAILS_BYTES = 1024
DIRECTIVES = {"accepted": "ok", "duplicate": "ok", "warning": "warning", "rejected": "drop"}


def directives(results: list[dict[str, Any]], *, room: int) -> dict[str, dict[str, str]]:
    """The newer capture's answer for each uuid: ok, warning or drop.

    Those that are not ok have the codes of their errors, as long as there is room for these many bytes of them
    (1 KiB at least): the SDK itself needs no more than the directive.
    """
    room = max(MIN_DETAILS_BYTES, room)
    by_uuid: dict[str, dict[str, str]] = {}
    for entry in results:
        directive = DIRECTIVES[entry["status"]]
        answer = by_uuid.setdefault(entry["id"], {"result": directive})
        # A uuid can have several results, and a later one can be worse than the first.
        if directive != "ok" and answer["result"] != "drop":
            answer["result"] = directive
        code = entry["code"]
        room -= len(code) + len('"details":"",')
        if directive != "ok" and room >= 0:
            answer["details"] = ", ".join(filter(None, [answer.get("details"), code]))
    return by_uuid


# The configuration for PostHog's SDKs: no flags, no recording, no automatic capture.
NO_FLAGS: dict[str, object] = {
    "flags": {},
    "featureFlags": {},
    "featureFlagPayloads": {},
    "errorsWhileComputingFlags": False,
    "quotaLimited": [],
    "requestId": "",
}
NO_FEATURES: dict[str, object] = {
    "supportedCompression": ["gzip", "gzip-js"],
    "hasFeatureFlags": False,
    "autocapture_opt_out": True,
    "captureDeadClicks": False,
    "capturePerformance": False,
    "autocaptureExceptions": False,
    "analytics": {"endpoint": "/i/v0/e/"},
    "elementsChainAsString": True,
    "sessionRecording": False,
    "heatmaps": False,
    "surveys": False,
    "conversations": False,
    "logs": {"captureConsoleLogs": False},
    "toolbarParams": {},
    "siteApps": [],
    "siteAppsJS": [],
    "defaultIdentifiedOnly": True,
    "isAuthenticated": False,
    "config": {"enable_collect_everything": False},
}
CONFIG: dict[str, object] = {**NO_FLAGS, **NO_FEATURES}


def config_script(token: str) -> bytes:
    """The same configuration as the script that posthog-js loads. `token` has only letters, digits, - and _."""
    config = msgspec.json.encode({"token": token, **NO_FEATURES}).decode()
    return (
        "(function(){window._POSTHOG_REMOTE_CONFIG=window._POSTHOG_REMOTE_CONFIG||{};"
        f'window._POSTHOG_REMOTE_CONFIG["{token}"]={{config:{config},siteApps:[]}};}})();'
    ).encode()
