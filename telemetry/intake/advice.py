"""What to do about a fault, for people who write a client. No sentence repeats a value, except numbers as below."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from django.conf import settings

from telemetry.plan import EventDefinition, PropertyDefinition, PropertyType, TrackingPlan
from telemetry.plan.codes import RejectionCode
from telemetry.plan.suggestions import words_of
from web.moments import rfc3339

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Epoch times from 2001 to 2033. They begin with a 1, and no card number does.
FIRST_EPOCH, LAST_EPOCH = 1_000_000_000, 2_000_000_000
EPOCH_UNITS = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000}
# A longer one may be a number of a person.
MAX_SHOWN_DIGITS = 7
MAX_SHOWN_MINUTES = 120

_is_number = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,9})?").fullmatch
_has_no_zone = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?", re.ASCII | re.IGNORECASE
).fullmatch
_has_a_blank = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d.{0,20}", re.ASCII).fullmatch
_is_a_date = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII).fullmatch
_looks_right = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.{1,20}", re.ASCII | re.IGNORECASE).fullmatch

# How people write true and false as texts.
BOOLEANS = {"true": "true", "false": "false", "1": "true", "0": "false", "yes": "true", "no": "false"}
KINDS: Mapping[PropertyType, str] = {
    PropertyType.BOOL: "true or false",
    PropertyType.ID: "an id as a text",
    PropertyType.IDS: 'a list of ids, like ["a", "b"]',
    PropertyType.TOKEN: "a short text",
}


def on_event_name(name: str, *, plan: TrackingPlan) -> str:
    """What to do about a name that the plan does not have."""
    meant = plan.name_index.find(name)
    return f"Did you mean {meant}?" if meant else "GET /api/plan/ lists its events."


def on_unknown_property(name: str, *, event: EventDefinition) -> str:
    """What to do about a name that the event does not have."""
    meant = event.property_index.find(name)
    return f"Did you mean {meant}?" if meant else "Leave it out, or add it to the plan."


def on_timestamp(value: object) -> str:
    """What to do about a timestamp that is none. An epoch time of the years 2001 to 2033 is repeated."""
    if value is None:
        return "This is null."
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    if is_epoch := on_epoch(value):
        return is_epoch
    return on_time_text(value) if isinstance(value, str) else ""


def on_time_text(text: str) -> str:
    if _has_no_zone(text):
        return "The zone is missing: add Z for UTC, or an offset such as +01:00."
    if _has_a_blank(text):
        return "Write a T between day and time, and a zone at the end."
    if _is_a_date(text):
        return "The time of day and the zone are missing."
    return "There is no such day, time or zone." if _looks_right(text) else ""


def on_epoch(value: str | float) -> str:
    number = str(value)
    if len(number) > 32 or not _is_number(number):
        return ""
    for unit, factor in EPOCH_UNITS.items():
        if FIRST_EPOCH * factor <= float(number) < LAST_EPOCH * factor:
            moment = EPOCH + timedelta(microseconds=round(float(number) * 1_000_000 / factor))
            return f"{number} looks like epoch {unit}: send {rfc3339(moment)}."
    return ""


def on_moment(moment: datetime, *, code: RejectionCode, now: datetime) -> str:
    """What to do about a moment that is too far ahead of `now` or too long ago."""
    if code is RejectionCode.TIMESTAMP_IN_FUTURE:
        ahead = length_of(moment - now)
        return f"The server's clock says {rfc3339(now)}; yours is {ahead} ahead. Set the client's clock."
    oldest = rfc3339(now - timedelta(days=settings.LATE_WINDOW_DAYS))
    if moment.year == EPOCH.year:
        return f"The oldest that is accepted now is {oldest}. 1970 comes of epoch seconds taken for milliseconds."
    return (
        f"The oldest that is accepted now is {oldest}. Send events sooner, or let LATE_WINDOW_DAYS be raised."
    )


def length_of(length: timedelta) -> str:
    minutes = length // timedelta(minutes=1)
    return f"{minutes} minutes" if minutes <= MAX_SHOWN_MINUTES else f"{length // timedelta(hours=1)} hours"


def what_to_send(definition: PropertyDefinition) -> str:
    """What values a property takes: "a whole number from 0 to 5"."""
    if definition.type is PropertyType.ENUM:
        return f"one of: {', '.join(definition.values)}"
    if definition.type.is_numeric:
        kind = "whole number" if definition.type.is_whole else "number"
        return f"a {kind} from {definition.minimum} to {definition.maximum}"
    return KINDS[definition.type]


def on_value(value: object, *, definition: PropertyDefinition) -> str:
    """What to do about a value that the property does not take. A number of at most 7 digits is repeated."""
    if value is None:
        other = f"Send {what_to_send(definition)}"
        return (
            f"This is null. {other}." if definition.required else f"This is null. {other}, or leave it out."
        )
    if isinstance(value, str):
        return on_text(value, definition=definition)
    if definition.type is PropertyType.BOOL:
        return "Send true or false, not a number." if isinstance(value, int | float) else ""
    if definition.type.is_text and isinstance(value, int | float):
        return "This is a number: send it in quotes." if not isinstance(value, bool) else ""
    if definition.type.is_whole and isinstance(value, float):
        return "Round it."
    return ""


def on_text(text: str, *, definition: PropertyDefinition) -> str:
    if definition.type is PropertyType.ENUM:
        meant = definition.value_index.find(text)
        return f"Did you mean {meant}?" if meant else ""
    if definition.type is PropertyType.BOOL:
        meant = BOOLEANS.get(text.strip().lower())
        return f"This is a text: send {meant} without quotes." if meant else "This is a text."
    if definition.type.is_numeric:
        return on_number_text(text.strip())
    if definition.type is PropertyType.IDS:
        return "This is a text: send a list, with each id in quotes."
    return ""


def on_number_text(text: str) -> str:
    if not _is_number(text):
        return "This is a text."
    shown = text if len(text) <= MAX_SHOWN_DIGITS else "the number"
    return f"This is a text: send {shown} without quotes."


def letters_of(name: str) -> str:
    """A name's letters and digits in lower case, as `Wording.foreign` has them."""
    return "".join(words_of(name[:64]))
