"""Checks one event: it is valid and ready to be stored, or rejected with all its problems."""

import json
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET

from telemetry.intake.privacy import looks_like_pii, may_hold_pii, pseudonymise
from telemetry.intake.problems import (
    MAX_PROBLEMS,
    Problem,
    find_event_id_fault,
    find_problems,
    find_time_fault,
    is_over,
)
from telemetry.intake.redaction import redact_event, redact_event_id, redact_event_name
from telemetry.plan import CompiledEvent, CompiledPlan, TrackingPlan, get_compiled_plan
from telemetry.plan.codes import NoticeCode, RejectionCode
from telemetry.plan.values import CONTROL, IS_ID, find_fault, parse_timestamp, trim_to_origin_and_path

__all__ = ["MAX_EVENT_BYTES", "Problem", "RejectedEvent", "ValidEvent", "check_event"]

MAX_EVENT_BYTES = 32 * 1024
# Out of the range of every plan. It stands for longer numbers, because Python refuses to read 4,300 digits.
_HUGE = 10**30
_MAX_DIGITS = 25

_encode = msgspec.json.Encoder().encode
# What msgspec raises for a text that it can't read. Bad UTF-8 and deep nesting have their own exceptions.
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class ValidEvent(msgspec.Struct, frozen=True, gc=False):
    """A valid event. `event_id` is empty when the client sent none; `occurred_at` is UTC, to the microsecond.

    `properties` is what is stored: compact JSON in the plan's order, with persons' ids as keyed hashes.
    """

    event: str
    event_id: str
    session_id: str
    occurred_at: datetime
    properties: str
    warnings: tuple[Problem, ...] = ()


class RejectedEvent(msgspec.Struct, frozen=True, gc=False):
    """A rejected event, redacted. It has at least one problem; `payload` is what the quarantine keeps."""

    event: str
    event_id: str
    problems: tuple[Problem, ...]
    payload: dict[str, object]


def check_event(raw: bytes | msgspec.Raw, *, now: datetime) -> ValidEvent | RejectedEvent:
    """Check the JSON text of one event against the running plan. Nothing in the text makes it raise.

    A text of more than 32 KiB is rejected. If a key stands twice, the last one counts; the door refuses such a
    body as a whole before (see telemetry.door.strict_json).
    """
    text = bytes(raw)
    compiled = get_compiled_plan()
    if len(text) <= MAX_EVENT_BYTES and (event := _valid_event(text, compiled, now)):
        return event
    return _rejected_event(text, compiled.plan, now)


def _valid_event(text: bytes, compiled_plan: CompiledPlan, now: datetime) -> ValidEvent | None:
    """The event if nothing is wrong with it, else None. This is the hot path: about 2 µs an event."""
    try:
        event = compiled_plan.decoder.decode(text)
    except _UNREADABLE:
        return None
    occurred_at = parse_timestamp(event.timestamp)
    if occurred_at is None or find_time_fault(occurred_at, now=now):
        return None
    compiled = compiled_plan.events[type(event)]
    definition = compiled.definition
    warnings = () if not definition.deprecations else _warnings(event, compiled, now)
    if warnings is None or not _redact(event.properties, compiled):
        return None
    texts = _encode((event.id, event.sessionId, event.properties))
    if may_hold_pii(texts) and not _is_clean(event, compiled, texts):
        return None
    properties = _encode(event.properties).decode()
    return ValidEvent(definition.name, event.id, event.sessionId, occurred_at, properties, warnings)


def _warnings(event: Any, compiled: CompiledEvent, now: datetime) -> tuple[Problem, ...] | None:
    """A warning for each deprecated part that the event uses; None if one is no longer accepted."""
    warnings = []
    for name, mark in compiled.definition.deprecations:
        if name and getattr(event.properties, f"{name}_") is UNSET:
            continue
        if is_over(mark, now=now):
            return None
        instead = f" Send instead: {mark.instead}." if mark.instead else ""
        field = f"properties.{name}" if name else "event"
        warnings.append(
            Problem(NoticeCode.DEPRECATED, field, f"This is accepted up to {mark.until}.{instead}")
        )
    return tuple(warnings)


def _redact(properties: Any, compiled: CompiledEvent) -> bool:
    """Replace the values that are kept in another form than sent; False if one of them is not valid."""
    for name in compiled.pseudonymised:
        value = getattr(properties, name)
        if value is not UNSET:
            if not IS_ID(value):
                return False
            setattr(properties, name, pseudonymise(value))
    for name, definition in compiled.trimmed:
        value = getattr(properties, name)
        if value is not UNSET:
            if find_fault(value, definition):
                return False
            setattr(properties, name, trim_to_origin_and_path(value))
    return True


def _is_clean(event: Any, compiled: CompiledEvent, texts: bytes) -> bool:
    """Whether each text of the event is allowed. Only events with a suspicious mark somewhere come here."""
    # Names often have blanks and no other mark. Then only the texts with blanks need to be checked.
    closely = may_hold_pii(texts.replace(b" ", b""))
    properties = event.properties
    ids = [event.sessionId, *_sent_values(properties, compiled.ids)]
    for items in _sent_values(properties, compiled.lists):
        ids += items
    tokens = [value for value in _sent_values(properties, compiled.tokens) if closely or " " in value]
    return (
        all(IS_ID(value) and not (closely and looks_like_pii(value)) for value in ids)
        and not any(CONTROL.search(value) or looks_like_pii(value) for value in tokens)
        and not (event.id and (find_event_id_fault(event.id) or looks_like_pii(event.id)))
    )


def _sent_values(properties: Any, names: tuple[str, ...]) -> list[Any]:
    values = [getattr(properties, name) for name in names]
    return [value for value in values if value is not UNSET]


def _rejected_event(text: bytes, plan: TrackingPlan, now: datetime) -> RejectedEvent:
    problems: tuple[Problem, ...] = ()
    if len(text) > MAX_EVENT_BYTES:
        problems = (
            Problem(RejectionCode.EVENT_TOO_LARGE, "", f"An event may have at most {MAX_EVENT_BYTES} bytes."),
        )
    try:
        event = _read(text)
    except (ValueError, RecursionError):
        event = None
        problems += (Problem(RejectionCode.WRONG_TYPE, "", "This is not JSON that can be read."),)
    else:
        problems += find_problems(event, plan=plan, now=now)
    # No problem was found: msgspec and json read a key that stands twice differently.
    problems = problems or (Problem(RejectionCode.WRONG_TYPE, "", "A key stands twice in the event."),)
    name, event_id = (event.get("event"), event.get("id")) if isinstance(event, dict) else (None, None)
    return RejectedEvent(
        event=redact_event_name(name, plan=plan),
        event_id=redact_event_id(event_id),
        problems=problems[:MAX_PROBLEMS],
        payload=redact_event(event, plan=plan),
    )


def _read(text: bytes) -> object:
    # Not msgspec: it refuses lone surrogates and numbers that are too large for a float, without saying where.
    return json.loads(text.decode(), parse_int=_whole_number)


def _whole_number(digits: str) -> int:
    if len(digits) <= _MAX_DIGITS:
        return int(digits)
    return -_HUGE if digits.startswith("-") else _HUGE
