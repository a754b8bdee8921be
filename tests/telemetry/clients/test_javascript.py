"""The typed part of the JavaScript client follows the plan."""

from datetime import date
from pathlib import Path

import pytest

from telemetry.clients.javascript import typescript_types
from telemetry.plan import (
    Deprecation,
    EventDefinition,
    PropertyDefinition,
    PropertyType,
    TrackingPlan,
    get_plan,
)

GENERATED = Path(__file__).parents[3] / "clients" / "javascript" / "src" / "events.generated.ts"


def types_of(*properties: PropertyDefinition, deprecation: Deprecation | None = None) -> str:
    """What is written for the one event of a plan, without the head of the file."""
    event = EventDefinition(
        name="shop.ordered",
        description="An order.",
        emitted_when="Somebody orders.",
        properties=properties,
        deprecation=deprecation,
    )
    text = typescript_types(TrackingPlan(version=7, events={event.name: event}))
    return text.partition("export interface PlanEvents {\n")[2]


def define(kind: PropertyType, **more: object) -> PropertyDefinition:
    fields = {"name": "thing", "type": kind, "required": True, "description": "It.", **more}
    return PropertyDefinition(**fields)  # type: ignore[arg-type]


def line_of(definition: PropertyDefinition) -> str:
    return types_of(definition).splitlines()[-3].strip()


def test_committed_types_are_those_of_the_plan() -> None:
    assert GENERATED.read_text() == typescript_types(get_plan())


def test_writes_an_event_with_its_properties_and_what_they_mean() -> None:
    assert types_of(define(PropertyType.COUNT, minimum=0, maximum=9)) == (
        "  /** An order. When: Somebody orders. */\n"
        '  "shop.ordered": {\n'
        "    /** It. A whole number from 0 to 9. */\n"
        "    thing: number;\n"
        "  };\n"
        "}\n"
    )


def test_names_the_version_of_the_plan() -> None:
    assert "from version 7 of" in typescript_types(TrackingPlan(version=7, events={})).splitlines()[0]


def test_event_without_properties_takes_none() -> None:
    assert '  "shop.ordered": {};\n' in types_of()


@pytest.mark.parametrize(
    ("kind", "more", "written"),
    [
        (PropertyType.ID, {"max_length": 128}, "string"),
        (PropertyType.TOKEN, {"max_length": 200}, "string"),
        (PropertyType.IDS, {"max_items": 50}, "readonly string[]"),
        (PropertyType.ENUM, {"values": ("a", "b")}, '"a" | "b"'),
        (PropertyType.BOOL, {}, "boolean"),
        (PropertyType.COUNT, {}, "number"),
        (PropertyType.DURATION_MS, {}, "number"),
        (PropertyType.MONEY, {}, "number"),
        (PropertyType.INTEGER, {}, "number"),
        (PropertyType.NUMBER, {}, "number"),
    ],
)
def test_each_type_of_the_plan_has_its_own(kind: PropertyType, more: dict[str, object], written: str) -> None:
    assert line_of(define(kind, **more)) == f"thing: {written};"


@pytest.mark.parametrize(("required", "mark"), [(True, ""), (False, "?")])
def test_optional_property_may_be_left_out(required: bool, mark: str) -> None:
    assert line_of(define(PropertyType.BOOL, required=required)) == f"thing{mark}: boolean;"


@pytest.mark.parametrize(
    ("name", "written"), [("draftId", "draftId"), ("$value", "$value"), ("two-words", '"two-words"')]
)
def test_quotes_names_that_need_it(name: str, written: str) -> None:
    assert line_of(define(PropertyType.BOOL, name=name)) == f"{written}: boolean;"


def test_marks_what_is_deprecated() -> None:
    deprecation = Deprecation(until=date(2030, 12, 31), instead="draftId")

    text = types_of(define(PropertyType.BOOL, deprecation=deprecation), deprecation=deprecation)

    assert text.count("* @deprecated Rejected after 2030-12-31. Use draftId instead.\n") == 2


def test_a_description_can_not_end_its_comment() -> None:
    text = types_of(define(PropertyType.BOOL, description="All of /api/*/ and more."))

    assert "/** All of /api/* / and more. */" in text


def test_breaks_long_comments() -> None:
    text = types_of(define(PropertyType.BOOL, description="word " * 60))

    assert max(map(len, text.splitlines())) <= 116
    assert text.count("word") == 60
