"""Checks one event: it is valid and ready to be stored, or rejected with all its problems."""

import json
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET

from telemetry.intake.privacy import is_span_id, looks_like_pii, may_hold_pii, pseudonymise
from telemetry.intake.problems import (
    MAX_PROBLEMS,
    Problem,
    deprecation_problem,
    find_event_id_fault,
    find_problems,
    find_time_fault,
    is_over,
)
from telemetry.intake.redaction import is_whole, redact_event, redact_event_id, redact_event_name
from telemetry.intake.wording import OWN, Wording
from telemetry.plan import CompiledEvent, CompiledPlan, TrackingPlan, get_compiled_plan
from telemetry.plan.codes import RejectionCode
from telemetry.plan.values import CONTROL, IS_ID, find_fault, parse_timestamp, trim_to_origin_and_path

__all__ = [
    "MAX_EVENT_BYTES",
    "Problem",
    "RejectedEvent",
    "ValidEvent",
    "check_closely",
    "check_event",
    "find_valid",
    "refuse_event",
    "too_large",
]

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
    """A rejected event, redacted. It has at least one problem; `payload` is what the quarantine keeps.

    `is_whole`: the payload is the event itself, so that it can be checked again.
    An event of an erased subject is not kept (`is_kept`).
    """

    event: str
    event_id: str
    problems: tuple[Problem, ...]
    payload: dict[str, object]
    is_whole: bool = False
    is_kept: bool = True


def check_event(
    raw: bytes | msgspec.Raw, *, now: datetime, wording: Wording = OWN, briefly: bool = False
) -> ValidEvent | RejectedEvent:
    """Check the JSON text of one event against the running plan. Nothing in the text makes it raise.

    A whole number may have a point (4.0): it is kept as 4. For `wording` and `briefly` see `find_problems`.
    A text of more than 32 KiB is rejected. If a key stands twice, the last one counts; the door refuses such a
    body as a whole before (see telemetry.door.strict_json).
    """
    return find_valid(raw, now=now) or check_closely(raw, now=now, wording=wording, briefly=briefly)


def find_valid(raw: bytes | msgspec.Raw, *, now: datetime) -> ValidEvent | None:
    """The event if nothing is wrong with it, else None: most are done with this. Takes about 2 µs."""
    text = bytes(raw)
    return _valid_event(text, get_compiled_plan(), now) if len(text) <= MAX_EVENT_BYTES else None


def check_closely(
    raw: bytes | msgspec.Raw, *, now: datetime, wording: Wording, briefly: bool, keeps: bool = True
) -> ValidEvent | RejectedEvent:
    """An event that is not valid as it is: rejected, or valid with its whole numbers written as such.

    With `keeps` false a rejected event has no payload: nothing will store it, and to redact it takes time.
    """
    compiled = get_compiled_plan()
    problems, sent = _find_problems(bytes(raw), plan=compiled.plan, now=now, wording=wording, briefly=briefly)
    can_be_whole = bool(problems)
    if not problems:
        mended = _with_whole_numbers(sent, compiled.plan)
        if mended and (valid := _valid_event(mended, compiled, now)):
            return valid
        # msgspec and json read a key that stands twice differently.
        problems = (Problem(RejectionCode.WRONG_TYPE, "", "A key stands twice in the event. Send it once."),)
    return _redacted(sent, problems=problems, plan=compiled.plan, can_be_whole=can_be_whole, keeps=keeps)


def refuse_event(raw: bytes | msgspec.Raw, problem: Problem, *, keeps: bool) -> RejectedEvent:
    """The rejection of an event that keeps to the plan, for a reason that the plan does not know.

    For `keeps` see `check_closely`.
    """
    plan = get_compiled_plan().plan
    event = _read(bytes(raw))
    return _redacted(event, problems=(problem,), plan=plan, can_be_whole=True, keeps=keeps)


def reject_as_pruned(
    raw: bytes | msgspec.Raw | RejectedEvent, *, kept_from: datetime, keeps: bool
) -> RejectedEvent:
    """The rejection of a valid event of a time whose raw events retention has deleted: copies are unknown there.

    For `keeps` see `check_closely`.
    """
    if isinstance(raw, RejectedEvent):
        return raw
    plan = get_compiled_plan().plan
    event = _read(bytes(raw))
    message = f"Raw events are kept from {kept_from:%Y-%m-%d %H:%M} UTC on; retention deleted the older ones."
    problem = Problem(RejectionCode.TIMESTAMP_TOO_OLD, "timestamp", message)
    # What retention has deleted never becomes acceptable again, so a replay need not try.
    return _redacted(event, problems=(problem,), plan=plan, can_be_whole=False, keeps=keeps)


def _valid_event(text: bytes, compiled_plan: CompiledPlan, now: datetime) -> ValidEvent | None:
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
        warnings.append(deprecation_problem(name, mark))
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
    closely = b" " not in texts or may_hold_pii(texts.replace(b" ", b""))
    properties = event.properties
    ids = [event.sessionId]
    for name in compiled.ids:
        value = getattr(properties, name)
        # The attribute has an underscore after the property's name.
        if value is not UNSET and not is_span_id(value, name=name[:-1]):
            ids.append(value)
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


def too_large(size: int) -> Problem:
    """The problem of an event of so many bytes, which are too many."""
    message = (
        f"This event has {size:,} bytes, and may have at most {MAX_EVENT_BYTES:,}. "
        "Leave texts and long lists out, or split it into several events."
    )
    return Problem(RejectionCode.EVENT_TOO_LARGE, "", message)


def _find_problems(
    text: bytes, *, plan: TrackingPlan, now: datetime, wording: Wording, briefly: bool
) -> tuple[tuple[Problem, ...], object]:
    """The problems of an event's text, and the event as it was read; None if it can't be read."""
    problems = (too_large(len(text)),) if len(text) > MAX_EVENT_BYTES else ()
    try:
        event = _read(text)
    except (ValueError, RecursionError):
        return (*problems, Problem(RejectionCode.WRONG_TYPE, "", "This is not JSON that can be read.")), None
    found = find_problems(event, plan=plan, now=now, wording=wording, briefly=briefly)
    return (*problems, *found)[:MAX_PROBLEMS], event


def _with_whole_numbers(event: Any, plan: TrackingPlan) -> bytes | None:
    """The text of an event without problems whose whole numbers are written without a point; None if they all are.

    It is written anew from what was read, so it has the same key as the event with 4 in place of 4.0.
    """
    properties = event.get("properties", {})
    definitions = plan.events[event["event"]].by_name
    changes = {
        name: int(value)
        for name, value in properties.items()
        if definitions[name].type.is_whole and isinstance(value, float)
    }
    return _encode({**event, "properties": {**properties, **changes}}) if changes else None


def _redacted(
    event: object,
    *,
    problems: tuple[Problem, ...],
    plan: TrackingPlan,
    can_be_whole: bool,
    keeps: bool = True,
) -> RejectedEvent:
    name, event_id = (event.get("event"), event.get("id")) if isinstance(event, dict) else (None, None)
    payload = redact_event(event, plan=plan) if keeps else {}
    return RejectedEvent(
        event=redact_event_name(name, plan=plan),
        event_id=redact_event_id(event_id),
        problems=problems,
        payload=payload,
        is_whole=can_be_whole and keeps and is_whole(event, payload=payload, plan=plan),
    )


def _read(text: bytes) -> Any:
    # Not msgspec: it refuses lone surrogates and numbers that are too large for a float, without saying where.
    return _decode(text.decode())


def _whole_number(digits: str) -> int:
    if len(digits) <= _MAX_DIGITS:
        return int(digits)
    return -_HUGE if digits.startswith("-") else _HUGE


# json.loads would make a decoder for each event: that costs as much as to read it.
_decode = json.JSONDecoder(parse_int=_whole_number).decode
