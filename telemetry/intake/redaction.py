"""What the quarantine may keep of a rejected event: enough to see the problem, and nothing that a person wrote."""

import re
from collections.abc import Iterable, Mapping
from itertools import islice

from telemetry.intake.privacy import WHITESPACE, looks_like_pii, pseudonymise
from telemetry.plan import EventDefinition, PropertyDefinition, PropertyType, TrackingPlan
from telemetry.plan.definitions import MAX_EVENT_ID_LENGTH, MAX_ID_LENGTH
from telemetry.plan.reading import EVENT_NAME
from telemetry.plan.values import IS_ID, find_fault, trim_to_origin_and_path

MAX_KEYS = 100
MAX_NAME_LENGTH = 64
# A number of 13 digits may be a card number.
MAX_NUMBER = 10**12

_is_name = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}").fullmatch
_is_event_name = EVENT_NAME.fullmatch
_is_like_a_timestamp = re.compile(r"[0-9]{4}-[0-9T:.,Z+ -]{1,36}").fullmatch


def redact_event(event: object, *, plan: TrackingPlan) -> dict[str, object]:
    """What the quarantine keeps of a rejected event, as JSON that both databases store.

    Valid values of known properties stay; persons' ids become keyed hashes. Every other text becomes its length
    ("<13 characters>") and every other number "<number>". Lists and objects become the number of their items.
    Keys that are not plain names become their length. At most 100 keys an object are kept, two levels deep.
    """
    if not isinstance(event, dict):
        return {"event": _outline(event)}
    name = event.get("event")
    definition = plan.events.get(name) if isinstance(name, str) else None
    return _object((key, _redact_top_level(key, value, definition, plan)) for key, value in event.items())


def redact_event_name(name: object, *, plan: TrackingPlan) -> str:
    """An event's name for people to read, at most 64 characters; empty when there is none.

    A name that the plan does not have stays readable if it has the form and the first part of a name in the
    plan, so that a typing error shows.
    """
    if isinstance(name, str) and name in plan.events:
        return name
    if name is None:
        return ""
    is_like_one = isinstance(name, str) and _is_event_name(name) and name.partition(".")[0] in plan.namespaces
    return str(name) if is_like_one and _is_harmless(name, MAX_NAME_LENGTH) else str(_outline(name))


def redact_event_id(value: object) -> str:
    """An event's id as sent if it is a plain id, else its length; empty when there is none."""
    if value is None:
        return ""
    return str(value) if _is_harmless(value, MAX_EVENT_ID_LENGTH) else str(_outline(value))


def redact_name(key: str) -> str:
    """A key as sent if it is a plain name, else its length."""
    return key if _is_name(key) and not looks_like_pii(key) else str(_outline(key))


def _redact_top_level(
    key: str, value: object, definition: EventDefinition | None, plan: TrackingPlan
) -> object:
    match key:
        case "event":
            return redact_event_name(value, plan=plan)
        case "id":
            return redact_event_id(value)
        case "sessionId" if _is_harmless(value, MAX_ID_LENGTH):
            return value
        case "timestamp" if isinstance(value, str) and _is_like_a_timestamp(value):
            return value if not looks_like_pii(value) else _outline(value)
        case "properties" if isinstance(value, dict):
            return _redact_properties(value, definition, plan)
    return _redact_unknown(key, value, plan)


def _redact_properties(
    properties: Mapping[str, object], definition: EventDefinition | None, plan: TrackingPlan
) -> dict[str, object]:
    known = definition.by_name if definition else {}
    return _object(
        (key, _redact_property(value, known[key]) if key in known else _redact_unknown(key, value, plan))
        for key, value in properties.items()
    )


def _redact_unknown(key: str, value: object, plan: TrackingPlan) -> object:
    if key in plan.pseudonymised and isinstance(value, str):
        # Erasing a person must find this row too.
        return pseudonymise(value)
    return _outline(value)


def _redact_property(value: object, definition: PropertyDefinition) -> object:
    if definition.pseudonymised and isinstance(value, str):
        return pseudonymise(value)
    if definition.type.is_numeric and isinstance(value, int | float) and abs(value) < MAX_NUMBER:
        return value
    if find_fault(value, definition):
        return _outline(value)
    if isinstance(value, list):
        return [item if _is_harmless(item, MAX_ID_LENGTH) else _outline(item) for item in value]
    if isinstance(value, str):
        return _redact_text(value, definition)
    return value


def _redact_text(value: str, definition: PropertyDefinition) -> object:
    kept = trim_to_origin_and_path(value) if definition.keeps_origin_and_path else value
    if definition.type is PropertyType.ENUM:
        return value
    return _outline(value) if WHITESPACE.search(kept) or looks_like_pii(kept) else kept


def _is_harmless(value: object, max_length: int) -> bool:
    is_id = isinstance(value, str) and IS_ID(value) is not None and len(value) <= max_length
    return is_id and not looks_like_pii(str(value))


def _outline(value: object) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return f"<{len(value)} characters>"
    if isinstance(value, list):
        return f"<{len(value)} items>"
    return f"<{len(value)} keys>" if isinstance(value, dict) else "<number>"


def _object(items: Iterable[tuple[str, object]]) -> dict[str, object]:
    """The items under redacted keys. Keys that become the same get a number."""
    pending = iter(items)
    result: dict[str, object] = {}
    for key, value in islice(pending, MAX_KEYS):
        name = redact_name(key)
        result[name if name not in result else f"{name} ({len(result)})"] = value
    more = sum(1 for _ in pending)
    return {**result, "…": f"<{more} more keys>"} if more else result
