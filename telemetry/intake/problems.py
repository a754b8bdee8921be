"""Finds all problems of an event. Only events that the compiled validators rejected come here."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from itertools import islice

import msgspec
from django.conf import settings

from telemetry.intake.privacy import holds_pii
from telemetry.intake.redaction import redact_name
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
TOP_LEVEL_KEYS = frozenset({"event", "id", "sessionId", "timestamp", "properties"})
# An event of 32 KiB can hold thousands of unknown keys; an answer that lists them all helps nobody.
MAX_PROBLEMS = 100


class Problem(msgspec.Struct, frozen=True):
    """A problem or a notice of an event: its code, the field, and a sentence that does not repeat the value."""

    code: RejectionCode | NoticeCode
    field: str
    message: str


def find_problems(event: object, *, plan: TrackingPlan, now: datetime) -> tuple[Problem, ...]:
    """The problems of an event that was read from JSON: at most 100, and none if it is valid.

    It finds a problem in exactly those events that the compiled validators reject.
    """
    if not isinstance(event, dict):
        return (Problem(RejectionCode.WRONG_TYPE, "", "An event must be a JSON object."),)
    return tuple(islice(_problems(event, plan, now), MAX_PROBLEMS))


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


def find_event_id_fault(value: object) -> Fault | None:
    """What is wrong with the client's idempotency id, or None."""
    if not isinstance(value, str):
        return RejectionCode.BAD_ID, "The id must be a text."
    if not 1 <= len(value) <= MAX_EVENT_ID_LENGTH:
        return RejectionCode.BAD_ID, f"The id must have 1 to {MAX_EVENT_ID_LENGTH} characters."
    if CONTROL.search(value):
        return RejectionCode.BAD_ID, "The id has characters that cannot be printed."
    return None


def _problems(event: Mapping[str, object], plan: TrackingPlan, now: datetime) -> Iterator[Problem]:
    name = event.get("event")
    definition = plan.events.get(name) if isinstance(name, str) else None
    yield from _name_problems(event, definition, now)
    if "id" in event:
        yield from _value_problems("id", event["id"], find_event_id_fault(event["id"]))
    yield from _session_problems(event)
    yield from _timestamp_problems(event, now)
    for key, value in event.items():
        if key not in TOP_LEVEL_KEYS:
            yield from _unknown_problems(redact_name(key), key, value)
    yield from _properties_problems(event, definition, now)


def _name_problems(
    event: Mapping[str, object], definition: EventDefinition | None, now: datetime
) -> Iterator[Problem]:
    if "event" not in event:
        yield Problem(RejectionCode.MISSING_PROPERTY, "event", "An event must have a name.")
    elif not isinstance(event["event"], str):
        yield Problem(RejectionCode.WRONG_TYPE, "event", "The event's name must be a text.")
    elif definition is None:
        fault = RejectionCode.UNKNOWN_EVENT, "The plan has no such event."
        yield from _value_problems("event", event["event"], fault)
    elif is_over(definition.deprecation, now=now):
        yield Problem(RejectionCode.UNKNOWN_EVENT, "event", "The plan no longer has this event.")


def _session_problems(event: Mapping[str, object]) -> Iterator[Problem]:
    if "sessionId" not in event:
        yield Problem(RejectionCode.MISSING_PROPERTY, "sessionId", "An event must name its session.")
        return
    value = event["sessionId"]
    yield from _value_problems("sessionId", value, find_id_fault(value, max_length=MAX_ID_LENGTH))


def _timestamp_problems(event: Mapping[str, object], now: datetime) -> Iterator[Problem]:
    if "timestamp" not in event:
        yield Problem(RejectionCode.MISSING_PROPERTY, "timestamp", "An event must say when it happened.")
        return
    value = event["timestamp"]
    moment = parse_timestamp(value) if isinstance(value, str) else None
    if moment is None:
        message = "This must be RFC 3339 with a zone, like 2026-02-02T10:00:00Z."
        fault: Fault | None = (RejectionCode.BAD_TIMESTAMP, message)
    else:
        fault = find_time_fault(moment, now=now)
    yield from _value_problems("timestamp", value, fault)


def _properties_problems(
    event: Mapping[str, object], definition: EventDefinition | None, now: datetime
) -> Iterator[Problem]:
    properties = event.get("properties", {})
    if not isinstance(properties, dict):
        fault = RejectionCode.WRONG_TYPE, "The properties must be an object."
        yield from _value_problems("properties", properties, fault)
        properties = {}
    if definition is None:
        # The properties of an unknown event can't be checked, but PII must be reported.
        if holds_pii(properties):
            yield _pii("properties")
        return
    yield from _missing_problems(properties, definition)
    for key, value in properties.items():
        yield from _property_problems(key, value, definition.by_name.get(key), now)


def _missing_problems(properties: Mapping[str, object], definition: EventDefinition) -> Iterator[Problem]:
    for required in definition.required:
        if required.name not in properties:
            yield Problem(
                RejectionCode.MISSING_PROPERTY,
                f"properties.{required.name}",
                "The plan requires this property.",
            )


def _property_problems(
    key: str, value: object, definition: PropertyDefinition | None, now: datetime
) -> Iterator[Problem]:
    field = f"properties.{redact_name(key)}"
    if definition is None:
        yield from _unknown_problems(field, key, value)
    elif is_over(definition.deprecation, now=now):
        yield Problem(RejectionCode.UNKNOWN_PROPERTY, field, "The plan no longer has this property.")
    elif definition.pseudonymised:
        # Only its keyed hash is kept, so an e-mail address may be an id.
        fault = find_fault(value, definition)
        yield from [Problem(fault[0], field, fault[1])] if fault else []
    else:
        kept = value
        if definition.keeps_origin_and_path and isinstance(value, str):
            kept = trim_to_origin_and_path(value)
        yield from _value_problems(field, kept, find_fault(value, definition))


def _unknown_problems(field: str, key: str, value: object) -> Iterator[Problem]:
    fault = RejectionCode.UNKNOWN_PROPERTY, "The plan does not list this property."
    yield from _value_problems(field, {key: value}, fault)


def _value_problems(field: str, value: object, fault: Fault | None) -> Iterator[Problem]:
    if holds_pii(value):
        yield _pii(field)
    if fault:
        yield Problem(fault[0], field, fault[1])


def _pii(field: str) -> Problem:
    message = "This looks like an e-mail address, a credential, a card number or free text."
    return Problem(RejectionCode.LOOKS_LIKE_PII, field, message)
