"""The rules for single values: timestamps, allowed characters, and the types of properties."""

import re
from datetime import UTC, datetime

from telemetry.plan.codes import RejectionCode
from telemetry.plan.definitions import PropertyDefinition, PropertyType

_is_rfc3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
).fullmatch
IS_ID = re.compile(r"[!-~]+").fullmatch
# C0, DEL and C1 controls, and lone surrogates. PostgreSQL can't store some of them, and nobody needs the others.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_USER_IN_URL = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]*@")

# A fault of a value: (code, what is wrong with it, without the value).
Fault = tuple[RejectionCode, str]


def parse_timestamp(text: str) -> datetime | None:
    """The moment of an RFC 3339 text with a zone, or None for any other text.

    It is in UTC, and cut off (not rounded) at microseconds. A leap second (":60") and "24:00" are rejected. At the
    ends of the years 1 and 9999, where the moment is out of range in UTC, it keeps its own offset.
    """
    if not _is_rfc3339(text):
        return None
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    if moment.tzinfo is UTC:
        return moment
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return moment


def trim_to_origin_and_path(url: str) -> str:
    """An address without its query, its fragment and a user name or password."""
    return _USER_IN_URL.sub(r"\1//", re.split("[?#]", url, maxsplit=1)[0])


def find_fault(value: object, definition: PropertyDefinition) -> Fault | None:
    """What is wrong with a property's value, or None. Privacy is checked in telemetry.intake.privacy."""
    kind = definition.type
    if kind is PropertyType.BOOL:
        return None if isinstance(value, bool) else (RejectionCode.WRONG_TYPE, "This must be true or false.")
    if kind is PropertyType.ENUM:
        return _find_enum_fault(value, definition)
    if kind is PropertyType.IDS:
        return _find_list_fault(value, definition)
    if kind.is_numeric:
        return _find_number_fault(value, definition)
    return _find_text_fault(value, definition)


def find_id_fault(value: object, *, max_length: int) -> Fault | None:
    """What is wrong with an id, or None."""
    if not isinstance(value, str):
        return RejectionCode.WRONG_TYPE, "An id must be a text."
    if not IS_ID(value):
        return RejectionCode.BAD_ID, "An id must be printable ASCII without spaces, and not empty."
    if len(value) > max_length:
        return RejectionCode.TOO_LONG, f"An id may have at most {max_length} characters."
    return None


def _find_enum_fault(value: object, definition: PropertyDefinition) -> Fault | None:
    if not isinstance(value, str):
        return RejectionCode.WRONG_TYPE, "This must be a text."
    if value not in definition.values:
        return RejectionCode.NOT_IN_ENUM, f"This must be one of: {', '.join(definition.values)}."
    return None


def _find_list_fault(value: object, definition: PropertyDefinition) -> Fault | None:
    if not isinstance(value, list):
        return RejectionCode.WRONG_TYPE, "This must be a list of ids."
    if len(value) > (definition.max_items or 0):
        return RejectionCode.TOO_LONG, f"The list may have at most {definition.max_items} items."
    faults = (find_id_fault(item, max_length=definition.max_length or 0) for item in value)
    return next((fault for fault in faults if fault), None)


def _find_number_fault(value: object, definition: PropertyDefinition) -> Fault | None:
    whole = definition.type.is_whole
    # 4.0 is a whole number too: some clients have no other kind.
    is_fraction = whole and isinstance(value, float) and not value.is_integer()
    if isinstance(value, bool) or not isinstance(value, int | float) or is_fraction:
        message = "This must be a whole number." if whole else "This must be a number."
        return RejectionCode.WRONG_TYPE, message
    minimum, maximum = definition.minimum, definition.maximum
    # Written so that NaN, which compares false with everything, is out of range too.
    if minimum is not None and maximum is not None and not minimum <= value <= maximum:
        return RejectionCode.OUT_OF_RANGE, f"This must be a number from {minimum} to {maximum}."
    return None


def _find_text_fault(value: object, definition: PropertyDefinition) -> Fault | None:
    limit = definition.max_length or 0
    if definition.type is PropertyType.ID:
        return find_id_fault(value, max_length=limit)
    if not isinstance(value, str):
        return RejectionCode.WRONG_TYPE, "This must be a text."
    if CONTROL.search(value):
        message = "This has characters that a short text may not have, such as a line break."
        return RejectionCode.OUT_OF_RANGE, message
    kept = re.split("[?#]", value, maxsplit=1)[0] if definition.keeps_origin_and_path else value
    if len(kept) > limit:
        return RejectionCode.TOO_LONG, f"This may have at most {limit} characters."
    return None
