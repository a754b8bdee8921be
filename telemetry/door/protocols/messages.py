"""What the translations share. They read JSON objects whose values stay the bytes that were sent."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from telemetry.door.body import check_count, unreadable
from telemetry.intake.ingest import PostedEvent
from telemetry.intake.privacy import looks_like_pii
from telemetry.intake.redaction import redact_event_id, redact_event_name
from telemetry.intake.validation import Problem, RejectedEvent
from telemetry.intake.wording import Wording, WordingOf, own_wording
from telemetry.plan import get_plan
from telemetry.plan.codes import RejectionCode
from telemetry.plan.values import parse_timestamp

# A request may take this long on its way, so a smaller difference is not one of the clocks.
LATENCY = timedelta(seconds=5)

# The time that Go and .NET write where none was given.
NO_TIME = datetime(1, 1, 1, tzinfo=UTC)

Message = dict[str, msgspec.Raw]

_encode = msgspec.json.Encoder().encode
_object_decoder = msgspec.json.Decoder(Message)
_list_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_text_decoder = msgspec.json.Decoder(str)


@dataclass(frozen=True, slots=True)
class Translation:
    """A request's events in the form of the plan.

    `secret` is the key from the body; empty when it has none. `origins` and `sent_moments`: see `ingest_events`.
    `dropped_properties` counts the properties that an SDK added by itself. `wording_of` is asked for rejected events
    only, so that good ones don't pay for it. `client`: what the SDK says it is.
    """

    events: list[PostedEvent]
    secret: str = ""
    origins: list[str] | None = None
    sent_moments: list[datetime | None] | None = None
    dropped_properties: int = field(default=0, kw_only=True)
    wording_of: WordingOf = field(default=own_wording, kw_only=True)
    client: str = field(default="", kw_only=True)


class EventTime(NamedTuple):
    """When an event happened: `timestamp` by the server's clock, `sent` as the client sent it.

    `sent` is None where the client sent no timestamp, or one that can't be read.
    """

    timestamp: msgspec.Raw
    sent: datetime | None = None


class TranslatedEvent(NamedTuple):
    """An event in the form of the plan, or its rejection. `sent_moment`: see `EventTime.sent`."""

    event: PostedEvent
    sent_moment: datetime | None = None


def read_object(raw: msgspec.Raw | bytes | None) -> Message | None:
    """The values of a JSON object by key, each as the JSON that was sent; None for anything but an object."""
    try:
        return _object_decoder.decode(raw) if raw is not None else None
    except msgspec.DecodeError:
        return None


def read_list(raw: msgspec.Raw | bytes | None) -> list[msgspec.Raw] | None:
    """The items of a JSON list; None for anything but a list. Raises ApiError (413) above 2,500 items."""
    try:
        items = _list_decoder.decode(raw) if raw is not None else None
    except msgspec.DecodeError:
        return None
    return None if items is None else check_count(items)


def require_object(text: msgspec.Raw | bytes) -> Message:
    """The JSON object that is the whole body. Raises ApiError (400) for anything but an object."""
    message = read_object(text)
    if message is None:
        raise wrong_shape("The body must be a JSON object, not a list or a text.")
    return message


def wrong_shape(message: str) -> Exception:
    return unreadable(code="wrong_shape", message=message)


def first_value(message: Mapping[str, msgspec.Raw], *keys: str) -> msgspec.Raw | None:
    """The first value that is there and not null, of these keys in order; None where there is none."""
    values = (message.get(key) for key in keys)
    return next((value for value in values if value is not None and bytes(value) != b"null"), None)


def text_of(raw: msgspec.Raw | None) -> str | None:
    """The value of a JSON string; None for anything but a string."""
    try:
        return _text_decoder.decode(raw) if raw is not None else None
    except msgspec.DecodeError:
        return None


def moment_of(raw: msgspec.Raw | None) -> datetime | None:
    """The moment of a JSON string in RFC 3339 with a zone; None for anything else."""
    text = text_of(raw)
    return parse_timestamp(text) if text else None


def first_time(message: Mapping[str, msgspec.Raw], *keys: str) -> msgspec.Raw | None:
    """The first value of these keys as `first_value` finds it, without the time that stands for none."""
    values = (first_value(message, key) for key in keys)
    return next((value for value in values if value is not None and moment_of(value) != NO_TIME), None)


def clock_of(message: Mapping[str, msgspec.Raw], *keys: str) -> datetime | None:
    """The client's clock when it sent the message; None where it says nothing of it."""
    return moment_of(first_time(message, *keys))


def properties_of(message: Mapping[str, msgspec.Raw]) -> msgspec.Raw | None:
    """The value of `properties`. An empty list counts as none: PHP writes an empty map so."""
    raw = first_value(message, "properties")
    return None if raw is not None and bytes(raw).translate(None, b" \t\r\n") == b"[]" else raw


def as_raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(_encode(value))


def time_of(raw: msgspec.Raw | None, *, sent_at: datetime | None, now: datetime) -> EventTime:
    """When an event happened by the server's clock: its own timestamp + (`now` - `sent_at`), as Segment defines it.

    `now` is the moment of receipt. `sent_at` is the client's clock when it sent the request; None: not known, and
    nothing is corrected. An event without a timestamp happened at `now`. A timestamp that can't be read stays as
    it is, for the plan's check to reject.
    """
    if raw is None:
        return EventTime(as_raw(now.isoformat()))
    moment = moment_of(raw)
    if moment is None or sent_at is None or abs(now - sent_at) <= LATENCY:
        return EventTime(raw, moment)
    try:
        return EventTime(as_raw((moment + (now - sent_at)).isoformat()), moment)
    except OverflowError:
        return EventTime(raw, moment)


def plan_event(
    *,
    event: msgspec.Raw | None,
    event_id: msgspec.Raw | None,
    session_id: msgspec.Raw | None,
    timestamp: msgspec.Raw,
    properties: Message | msgspec.Raw | None,
) -> bytes:
    """The JSON text of an event in the form of the plan, without keys that are None. It checks no value."""
    fields = {
        "event": event,
        "id": event_id,
        "sessionId": session_id,
        "timestamp": timestamp,
        "properties": properties or None,
    }
    return _encode({name: value for name, value in fields.items() if value is not None})


def wording_by_message(
    messages: Sequence[msgspec.Raw], *, wording: Callable[[Message], Wording]
) -> WordingOf:
    """The words for each event of a post, which may depend on where its message has its parts."""
    return lambda index: wording(read_object(messages[index]) or {})


def unsupported(name: str, *, event_id: msgspec.Raw | None, message: str) -> RejectedEvent:
    """The rejection of a call or an event that the plan has no place for.

    Only its type and its id are kept: not even a redacted form of what it says of a person.
    """
    return refused(Problem(RejectionCode.UNSUPPORTED_TYPE, "type", message), name=name, event_id=event_id)


def refused(problem: Problem, *, name: str, event_id: msgspec.Raw | None) -> RejectedEvent:
    """The rejection of an event. `name` is kept as it is: see `safe_name`."""
    shown_id = redact_event_id(text_of(event_id))
    payload: dict[str, object] = {"event": name, "id": shown_id}
    return RejectedEvent(event=name, event_id=shown_id, problems=(problem,), payload=payload)


def safe_name(name: str | None, *, known: bool) -> str:
    """A name of an event or a call that may be kept: an unknown one becomes its length, unless the plan has it.

    `known` says that the protocol has the name.
    """
    if known and name and not looks_like_pii(name):
        return name
    return redact_event_name(name, plan=get_plan())
