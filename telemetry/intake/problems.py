"""Finds all problems of an event. Only events that the compiled validators rejected come here."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from itertools import islice

import msgspec
from django.conf import settings

from telemetry.intake import advice, personal_data
from telemetry.intake.privacy import find_pii, is_span_id
from telemetry.intake.redaction import TOP_LEVEL_KEYS, redact_name
from telemetry.intake.wording import OWN, Wording
from telemetry.plan import EventDefinition, PropertyDefinition, TrackingPlan
from telemetry.plan.codes import NoticeCode, RejectionCode
from telemetry.plan.definitions import MAX_EVENT_ID_LENGTH, MAX_ID_LENGTH, Deprecation
from telemetry.plan.values import (
    CONTROL,
    Fault,
    find_fault,
    find_id_fault,
    parse_timestamp,
    trim_to_origin_and_path,
)

YOUNGEST_AGE = timedelta(minutes=-10)
# An event of 32 KiB can hold thousands of unknown keys; an answer that lists them all helps nobody.
MAX_PROBLEMS = 5
EXAMPLE_TIMESTAMP = "2026-02-02T10:00:00Z"
PLAN_ADDRESS = "GET /api/plan/ lists them."
PARTS = "event, id, sessionId, timestamp and properties."


class Problem(msgspec.Struct, frozen=True):
    """A problem or a notice of an event: its code, the field, and a sentence that says what to do.

    The sentence repeats no value, but for the numbers of telemetry.intake.advice.
    """

    code: RejectionCode | NoticeCode
    field: str
    message: str


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What an event is checked against, and how its problems are told: `briefly` for all but a post's first."""

    plan: TrackingPlan
    now: datetime
    wording: Wording
    briefly: bool


def find_problems(
    event: object, *, plan: TrackingPlan, now: datetime, wording: Wording = OWN, briefly: bool = False
) -> tuple[Problem, ...]:
    """The problems of an event that was read from JSON: at most five (`briefly`: one), and none if it is valid.

    It finds a problem in exactly those events that the compiled validators reject, but for whole numbers with a
    point (4.0), which it takes. Fields and messages are in the words of `wording`. The messages say what to do, but
    not `briefly`: to find that takes some microseconds.
    """
    if not isinstance(event, dict):
        return (Problem(RejectionCode.WRONG_TYPE, "", "An event must be a JSON object."),)
    check = Check(plan=plan, now=now, wording=wording, briefly=briefly)
    return tuple(islice(_problems(event, check), 1 if briefly else MAX_PROBLEMS))


def find_time_fault(moment: datetime, *, now: datetime) -> Fault | None:
    """The fault of a moment over 10 minutes ahead of `now`, or older than the late window; None for others.

    Exactly 10 minutes and exactly LATE_WINDOW_DAYS times 24 hours are accepted.
    """
    age = now - moment
    if age < YOUNGEST_AGE:
        return RejectionCode.TIMESTAMP_IN_FUTURE, "This is more than 10 minutes ahead of the server's clock."
    if age > _days(settings.LATE_WINDOW_DAYS):
        return RejectionCode.TIMESTAMP_TOO_OLD, f"This is more than {settings.LATE_WINDOW_DAYS} days ago."
    return None


@cache
def _days(days: int) -> timedelta:
    return timedelta(days=days)


def is_over(deprecation: Deprecation | None, *, now: datetime) -> bool:
    """Whether a deprecated part is no longer accepted: from the UTC day after `until` on."""
    return deprecation is not None and deprecation.is_over(today=now.date())


def deprecation_problem(name: str, deprecation: Deprecation) -> Problem:
    """The warning on a deprecated part of an event: a property, or with "" the event itself."""
    field = f"properties.{name}" if name else "event"
    message = f"This is accepted up to {deprecation.until}.{_instead(deprecation)}"
    return Problem(NoticeCode.DEPRECATED, field, message)


def find_event_id_fault(value: object) -> Fault | None:
    """What is wrong with the client's idempotency id, or None."""
    if not isinstance(value, str):
        return RejectionCode.BAD_ID, "The id must be a text."
    if not 1 <= len(value) <= MAX_EVENT_ID_LENGTH:
        return RejectionCode.BAD_ID, f"The id must have 1 to {MAX_EVENT_ID_LENGTH} characters."
    if CONTROL.search(value):
        return RejectionCode.BAD_ID, "The id has characters that cannot be printed."
    return None


def _problems(event: Mapping[str, object], check: Check) -> Iterator[Problem]:
    name = event.get("event")
    definition = check.plan.events.get(name) if isinstance(name, str) else None
    yield from _name_problems(event, definition, check)
    if "id" in event:
        yield from _part_problems("id", event["id"], find_event_id_fault(event["id"]), check)
    yield from _session_problems(event, check)
    yield from _timestamp_problems(event, check)
    for key, value in event.items():
        if key not in TOP_LEVEL_KEYS:
            fault = RejectionCode.UNKNOWN_PROPERTY, _with(_on_outsider, key, definition, check)
            yield from _value_problems(redact_name(key), {key: value}, fault, check)
    yield from _properties_problems(event, definition, check)


def _with(advise: Callable[..., str], key: str, definition: EventDefinition | None, check: Check) -> str:
    """The sentence on a name that the plan does not have, and what to do about it."""
    sentence = "The plan does not list this property."
    return sentence if check.briefly else f"{sentence} {advise(key, definition, check)}"


def _on_outsider(key: str, definition: EventDefinition | None, check: Check) -> str:
    """What to do about a key beside `properties` that is none of an event's parts."""
    meant = definition.property_index.find(key) if definition else None
    if meant:
        return f"Move it into properties, as {meant}."
    return check.wording.foreign.get(
        advice.letters_of(key), "An event has no other parts than these: " + PARTS
    )


def _on_insider(key: str, definition: EventDefinition | None, check: Check) -> str:
    """What to do about a property that the event does not have."""
    if key in TOP_LEVEL_KEYS:
        properties = check.wording.part("properties")
        return f"Move it out of {properties}: it belongs beside them, as {check.wording.part(key)}."
    return advice.on_unknown_property(key, event=definition) if definition else ""


def _name_problems(
    event: Mapping[str, object], definition: EventDefinition | None, check: Check
) -> Iterator[Problem]:
    if definition and not definition.deprecation:
        return
    field = check.wording.part("event")
    if "event" not in event:
        message = f"An event must have a name: set {field} to a name of the plan. {PLAN_ADDRESS}"
        yield Problem(RejectionCode.MISSING_PROPERTY, field, message)
    elif not isinstance(event["event"], str):
        message = f"The event's name must be a text. {PLAN_ADDRESS}"
        yield Problem(RejectionCode.WRONG_TYPE, field, message)
    elif definition is None:
        message = "The plan has no such event."
        if not check.briefly:
            message = f"{message} {advice.on_event_name(event['event'], plan=check.plan)}"
        yield from _value_problems(field, event["event"], (RejectionCode.UNKNOWN_EVENT, message), check)
    elif is_over(definition.deprecation, now=check.now):
        instead = _instead(definition.deprecation)
        yield Problem(RejectionCode.UNKNOWN_EVENT, field, f"The plan no longer has this event.{instead}")


def _instead(deprecation: Deprecation | None) -> str:
    return f" Send instead: {deprecation.instead}." if deprecation and deprecation.instead else ""


def _session_problems(event: Mapping[str, object], check: Check) -> Iterator[Problem]:
    if "sessionId" in event:
        value = event["sessionId"]
        yield from _part_problems("sessionId", value, find_id_fault(value, max_length=MAX_ID_LENGTH), check)
        return
    field = check.wording.part("sessionId")
    properties = event.get("properties")
    is_inside = isinstance(properties, dict) and "sessionId" in properties
    todo = "Move sessionId out of properties." if is_inside else check.wording.session
    yield Problem(RejectionCode.MISSING_PROPERTY, field, f"An event must name its session. {todo}")


def _timestamp_problems(event: Mapping[str, object], check: Check) -> Iterator[Problem]:
    if "timestamp" not in event:
        field = check.wording.part("timestamp")
        message = f"An event must say when it happened: set {field}, like {EXAMPLE_TIMESTAMP}."
        yield Problem(RejectionCode.MISSING_PROPERTY, field, message)
        return
    value = event["timestamp"]
    yield from _part_problems("timestamp", value, _timestamp_fault(value, check), check)


def _timestamp_fault(value: object, check: Check) -> Fault | None:
    moment = parse_timestamp(value) if isinstance(value, str) else None
    if moment is None:
        todo = advice.on_timestamp(value) if not check.briefly else ""
        message = f"This must be RFC 3339 with a zone, like {EXAMPLE_TIMESTAMP}."
        return RejectionCode.BAD_TIMESTAMP, f"{message} {todo}".strip()
    fault = find_time_fault(moment, now=check.now)
    if fault is None or check.briefly:
        return fault
    code, message = fault
    return code, f"{message} {advice.on_moment(moment, code=code, now=check.now)}"


def _properties_problems(
    event: Mapping[str, object], definition: EventDefinition | None, check: Check
) -> Iterator[Problem]:
    properties = event.get("properties", {})
    if not isinstance(properties, dict):
        message = f"The {check.wording.part('properties')} must be an object: names with their values."
        yield from _part_problems("properties", properties, (RejectionCode.WRONG_TYPE, message), check)
        properties = {}
    if definition is None:
        # The properties of an unknown event can't be checked, but PII must be reported.
        yield from _part_problems("properties", properties, None, check)
        return
    yield from _missing_problems(event, properties, definition, check)
    for key, value in properties.items():
        yield from _property_problems(key, value, definition.by_name.get(key), definition, check)


def _missing_problems(
    event: Mapping[str, object],
    properties: Mapping[str, object],
    definition: EventDefinition,
    check: Check,
) -> Iterator[Problem]:
    for required in definition.required:
        if required.name not in properties:
            todo = f"Send {advice.what_to_send(required)}."
            outside = check.wording.outside
            if required.name in event or required.name in outside or required.name.lower() in outside:
                todo = f"Move {required.name} into {check.wording.part('properties')}."
            yield Problem(
                RejectionCode.MISSING_PROPERTY,
                check.wording.property(required.name),
                f"The plan requires this property. {todo}"
                if not check.briefly
                else "The plan requires this property.",
            )


def _property_problems(
    key: str,
    value: object,
    definition: PropertyDefinition | None,
    event: EventDefinition,
    check: Check,
) -> Iterator[Problem]:
    if definition is None:
        fault = RejectionCode.UNKNOWN_PROPERTY, _with(_on_insider, key, event, check)
        yield from _value_problems(_field_of(key, check), {key: value}, fault, check)
    elif is_over(definition.deprecation, now=check.now):
        message = f"The plan no longer has this property.{_instead(definition.deprecation)}"
        yield Problem(RejectionCode.UNKNOWN_PROPERTY, _field_of(key, check), message)
    else:
        wrong = _property_fault(value, definition, check)
        # Of a person's id only the keyed hash is kept, so an e-mail address may be one.
        kept = None if definition.pseudonymised or is_span_id(value, name=key) else value
        if definition.keeps_origin_and_path and isinstance(value, str):
            kept = trim_to_origin_and_path(value)
        if wrong or find_pii(kept):
            yield from _value_problems(_field_of(key, check), kept, wrong, check)


def _field_of(key: str, check: Check) -> str:
    return check.wording.property(redact_name(key))


def _property_fault(value: object, definition: PropertyDefinition, check: Check) -> Fault | None:
    fault = find_fault(value, definition)
    if fault is None or check.briefly:
        return fault
    code, message = fault
    return code, f"{message} {advice.on_value(value, definition=definition)}".rstrip()


def _part_problems(part: str, value: object, fault: Fault | None, check: Check) -> Iterable[Problem]:
    """As below. Most parts of a rejected event are good, and to find the words for them takes time."""
    if fault or find_pii(value):
        return _value_problems(check.wording.part(part), value, fault, check)
    return ()


def _value_problems(field: str, value: object, fault: Fault | None, check: Check) -> Iterator[Problem]:
    if text := find_pii(value):
        message = personal_data.ANY if check.briefly else personal_data.say_what_it_looks_like(text)
        yield Problem(RejectionCode.LOOKS_LIKE_PII, field, message)
    if fault:
        yield Problem(fault[0], field, fault[1])
