"""What the quarantine may keep of a rejected event: enough to see the problem, and nothing that a person wrote."""

import re
from collections.abc import Callable, Container, Mapping

import msgspec

from telemetry.intake.privacy import WHITESPACE, is_span_id, looks_like_pii, pseudonymise
from telemetry.intake.unplanned import MAX_NAME_LENGTH, is_like_enum_value, is_small_number, may_be_kept
from telemetry.plan import EventDefinition, PropertyDefinition, PropertyType, TrackingPlan
from telemetry.plan.definitions import MAX_EVENT_ID_LENGTH, MAX_ID_LENGTH
from telemetry.plan.reading import EVENT_NAME
from telemetry.plan.values import IS_ID, find_fault, trim_to_origin_and_path

# The largest event of the plan has 15 properties.
MAX_KEYS = 20
# Of an object, its nested objects not counted. The largest event of the plan takes half of it, with usual values.
MAX_OBJECT_BYTES = 1024

MAX_LIST_BYTES = MAX_OBJECT_BYTES // 2

TOP_LEVEL_KEYS = frozenset({"event", "id", "sessionId", "timestamp", "properties"})

_encode = msgspec.json.Encoder().encode
_is_name = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}").fullmatch
_is_event_name = EVENT_NAME.fullmatch
# A name without parts, as other trackers have them. One with a dot, like anna.smith, may be a person's.
_is_token = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}").fullmatch
# Like RFC 3339, seconds or milliseconds since 1970, or a date as HTTP and JavaScript write it.
_is_like_a_timestamp = re.compile(
    r"[0-9]{4}[-/][0-9T:.,Z/+ -]{1,36}|1?[0-9]{9,12}(?:\.[0-9]{1,9})?"
    r"|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
    r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|GMT|UTC|[0-9:,+ -]){1,40}"
).fullmatch
# Milliseconds up to 2033. Card numbers of 13 digits begin with a 4.
MAX_EPOCH = 2 * 10**12


def redact_event(event: object, *, plan: TrackingPlan) -> dict[str, object]:
    """What the quarantine keeps of a rejected event, as JSON that both databases store.

    Valid values of properties that the plan knows, in this event or another one, stay; persons' ids become keyed
    hashes. So does what telemetry.intake.unplanned allows: small numbers, what could be the value of an
    enumeration, ids of machines. Every other text becomes its length ("<13 characters>") and every other number
    "<number>". Lists and objects become the number of their items. Keys that are not plain names become their
    length. At most 20 keys and 1 KiB an object are kept, two levels deep, persons and what the plan knows first;
    "…" says how many keys more there were.
    """
    if not isinstance(event, dict):
        return {"event": _outline(event)}
    name = event.get("event")
    definition = plan.events.get(name) if isinstance(name, str) else None
    return _object(
        event,
        lambda key: _redact_top_level(key, event[key], definition, plan),
        persons=plan.pseudonymised,
        known=TOP_LEVEL_KEYS,
    )


def is_whole(event: object, *, payload: Mapping[str, object], plan: TrackingPlan) -> bool:
    """Whether `redact_event` left the event as it was, so that its payload can be checked again in its place.

    A person's id may be its keyed hash and an address its origin and path: that is what the door stores of them. An
    id that the door would not accept is not whole, because its hash would be accepted.
    """
    if not isinstance(event, dict):
        return False
    properties, kept = event.get("properties", {}), payload.get("properties", {})
    if not isinstance(properties, dict) or not isinstance(kept, dict):
        return False
    # The keys first: a hostile event has thousands, and its payload 20.
    if payload.keys() != event.keys() or kept.keys() != properties.keys():
        return False
    if any(payload[key] != value for key, value in event.items() if key != "properties"):
        return False
    name = event.get("event")
    definition = plan.events.get(name) if isinstance(name, str) else None
    here = definition.by_name if definition else {}
    return all(
        _is_whole_value(value, kept=kept[key], definition=here.get(key), plan=plan, key=key)
        for key, value in properties.items()
    )


def _is_whole_value(
    value: object, *, kept: object, definition: PropertyDefinition | None, plan: TrackingPlan, key: str
) -> bool:
    if kept == value:
        return True
    if not isinstance(value, str):
        return False
    if definition.pseudonymised if definition else key in plan.pseudonymised:
        return len(value) <= MAX_ID_LENGTH and IS_ID(value) is not None
    is_trimmed = any(each.keeps_origin_and_path for each in _definitions_of(key, here=definition, plan=plan))
    return is_trimmed and kept == trim_to_origin_and_path(value)


def _definitions_of(
    key: str, *, here: PropertyDefinition | None, plan: TrackingPlan
) -> tuple[PropertyDefinition, ...]:
    """What the plan says of the values of a property: in its own event, else in any other one."""
    return (here,) if here else plan.by_property.get(key, ())


def redact_event_name(name: object, *, plan: TrackingPlan) -> str:
    """An event's name for people to read, at most 64 characters; empty when there is none.

    A name that the plan does not have stays readable if it is a short token, or has the form and the first part
    of a name in the plan, so that a typing error shows.
    """
    if isinstance(name, str) and name in plan.events:
        return name
    if name is None:
        return ""
    is_like_one = isinstance(name, str) and (
        _is_token(name) or (_is_event_name(name) and name.partition(".")[0] in plan.namespaces)
    )
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
        case "timestamp" if _is_harmless_timestamp(value):
            return value
        case "properties" if isinstance(value, dict):
            return _redact_properties(value, definition, plan)
    return _redact_unknown(key, value, plan)


def _redact_properties(
    properties: Mapping[str, object], definition: EventDefinition | None, plan: TrackingPlan
) -> dict[str, object]:
    here = definition.by_name if definition else {}

    def redact(key: str) -> object:
        if key in here:
            return _redact_property(properties[key], here[key])
        return _redact_unlisted(key, properties[key], plan)

    return _object(
        properties, redact, persons=plan.pseudonymised, known=here if definition else plan.by_property
    )


def _redact_unlisted(key: str, value: object, plan: TrackingPlan) -> object:
    """The value of a property that the plan does not list for the event; it may know it from other events."""
    if key in plan.pseudonymised:
        return _redact_unknown(key, value, plan)
    definitions = plan.by_property.get(key)
    if not definitions:
        # Measured after it was examined: only then it has no text that can't be encoded.
        is_kept = may_be_kept(value, name=key) and _size_of(value) <= MAX_LIST_BYTES
        return value if is_kept else _outline(value)
    if is_small_number(value):
        return value
    fitting = (definition for definition in definitions if find_fault(value, definition) is None)
    return _redact_property(value, next(fitting, definitions[0]))


def _redact_unknown(key: str, value: object, plan: TrackingPlan) -> object:
    if key in plan.pseudonymised and isinstance(value, str):
        # Erasing a person must find this row too.
        return pseudonymise(value)
    return _outline(value)


def _redact_property(value: object, definition: PropertyDefinition) -> object:
    if definition.pseudonymised and isinstance(value, str):
        return pseudonymise(value)
    if definition.type.is_numeric and is_small_number(value):
        return value
    if definition.type is PropertyType.ENUM and is_like_enum_value(value):
        return value
    if find_fault(value, definition):
        return _outline(value)
    if isinstance(value, list):
        return _redact_list(value)
    if isinstance(value, str) and not is_span_id(value, name=definition.name):
        return _redact_text(value, definition)
    return value


def _redact_list(items: list[object]) -> object:
    """The items, each as it may be kept, or their number where that is too much."""
    kept = [item if _is_harmless(item, MAX_ID_LENGTH) else _outline(item) for item in items]
    return kept if _size_of(kept) <= MAX_LIST_BYTES else _outline(items)


def _redact_text(value: str, definition: PropertyDefinition) -> object:
    kept = trim_to_origin_and_path(value) if definition.keeps_origin_and_path else value
    if definition.type is PropertyType.ENUM:
        return value
    return _outline(value) if WHITESPACE.search(kept) or looks_like_pii(kept) else kept


def _is_harmless(value: object, max_length: int) -> bool:
    is_id = isinstance(value, str) and len(value) <= max_length and IS_ID(value) is not None
    return is_id and not looks_like_pii(str(value))


def _is_harmless_timestamp(value: object) -> bool:
    if isinstance(value, str):
        return _is_like_a_timestamp(value) is not None and not looks_like_pii(value)
    return isinstance(value, int | float) and 0 <= value < MAX_EPOCH


def _outline(value: object) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return f"<{len(value)} characters>"
    if isinstance(value, list):
        return f"<{len(value)} items>"
    return f"<{len(value)} keys>" if isinstance(value, dict) else "<number>"


def _object(
    keys: Mapping[str, object],
    redact: Callable[[str], object],
    *,
    persons: Container[str],
    known: Container[str],
) -> dict[str, object]:
    """The redacted values of the keys, under redacted keys. Keys that become the same get a number.

    Persons and known keys come first where there are too many: erasing a person must find the row.
    """
    chosen = list(keys)
    if len(chosen) > MAX_KEYS:
        first = [key for key in chosen if key in persons or key in known]
        chosen = first + [key for key in chosen if key not in persons and key not in known]
    result: dict[str, object] = {}
    room = MAX_OBJECT_BYTES
    for key in chosen[:MAX_KEYS]:
        name = _free_name(key if key in known else redact_name(key), result)
        value = redact(key)
        room -= len(name) + _size_of(value)
        if room < 0:
            break
        result[name] = value
    more = len(chosen) - len(result)
    return {**result, "…": f"<{more} more keys>"} if more else result


def _free_name(name: str, taken: Mapping[str, object]) -> str:
    return name if name not in taken else f"{name} ({len(taken)})"


def _size_of(value: object) -> int:
    """About its bytes as JSON; an object counts its own."""
    if isinstance(value, str):
        return len(value)
    return 0 if isinstance(value, dict) else len(_encode(value))
