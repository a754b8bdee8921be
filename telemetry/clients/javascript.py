"""The typed part of the JavaScript client: the events of a tracking plan as TypeScript."""

import json
import re
import textwrap

from telemetry.plan import Deprecation, EventDefinition, PropertyDefinition, PropertyType, TrackingPlan

WIDTH = 116
IS_PLAIN_KEY = re.compile(r"[A-Za-z_$][\w$]*", re.ASCII).fullmatch

HEADER = """\
// Written by `python manage.py export_clients` from version {version} of the tracking plan. Do not edit.

/** The properties of each event. */
export interface PlanEvents {{
"""


def typescript_types(plan: TrackingPlan) -> str:
    """The module `events.generated.ts`: one interface, `PlanEvents`, with the properties of each event by its name.

    The same plan gives the same text, which ends with a line break. Bounds that TypeScript can't check (lengths,
    ranges) stand in the comments.
    """
    events = "\n".join(_event(event) for event in plan.events.values())
    return HEADER.format(version=plan.version) + events + "}\n"


def _event(event: EventDefinition) -> str:
    head = _comment([event.description, f"When: {event.emitted_when}"], event.deprecation, indent="  ")
    properties = "".join(_property(definition) for definition in event.properties)
    body = f"{{\n{properties}  }}" if properties else "{}"
    return f"{head}  {_string(event.name)}: {body};\n"


def _property(definition: PropertyDefinition) -> str:
    head = _comment([definition.description, _bounds(definition)], definition.deprecation, indent="    ")
    mark = "" if definition.required else "?"
    return f"{head}    {_key(definition.name)}{mark}: {_type(definition)};\n"


def _type(definition: PropertyDefinition) -> str:
    match definition.type:
        case PropertyType.BOOL:
            return "boolean"
        case PropertyType.ENUM:
            return " | ".join(_string(value) for value in definition.values)
        case PropertyType.IDS:
            return "readonly string[]"
    return "number" if definition.type.is_numeric else "string"


def _bounds(definition: PropertyDefinition) -> str:
    if definition.type.is_numeric:
        kind = "A whole number" if definition.type.is_whole else "A number"
        return f"{kind} from {definition.minimum} to {definition.maximum}."
    if definition.type is PropertyType.IDS:
        return f"At most {definition.max_items}."
    if definition.type.is_text:
        return f"At most {definition.max_length} characters{_alphabet(definition)}."
    return ""


def _alphabet(definition: PropertyDefinition) -> str:
    return ", printable ASCII without spaces" if definition.type is PropertyType.ID else ""


def _comment(sentences: list[str], deprecation: Deprecation | None, *, indent: str) -> str:
    text = " ".join(sentence for sentence in sentences if sentence)
    lines = [
        *textwrap.wrap(text, WIDTH - len(indent) - len(" * "), break_long_words=False),
        *_deprecation(deprecation),
    ]
    lines = [line.replace("*/", "* /") for line in lines]
    if len(lines) == 1 and len(indent) + len(lines[0]) + len("/**  */") <= WIDTH:
        return f"{indent}/** {lines[0]} */\n"
    return "".join([f"{indent}/**\n", *(f"{indent} * {line}\n" for line in lines), f"{indent} */\n"])


def _deprecation(deprecation: Deprecation | None) -> list[str]:
    if deprecation is None:
        return []
    instead = f" Use {deprecation.instead} instead." if deprecation.instead else ""
    return [f"@deprecated Rejected after {deprecation.until}.{instead}"]


def _key(name: str) -> str:
    return name if IS_PLAIN_KEY(name) else _string(name)


def _string(text: str) -> str:
    # JSON's strings are TypeScript's too.
    return json.dumps(text)
