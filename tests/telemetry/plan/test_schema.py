import functools
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from telemetry.intake.validation import ValidEvent, check_event
from telemetry.plan import get_plan, json_schema, parse_plan
from tests.telemetry.builders import MISSING, make_event, make_properties, make_value, to_json

NOW = datetime(2026, 2, 15, 12, tzinfo=UTC)
EVENTS = get_plan().events


@functools.cache
def validator():
    return Draft202012Validator(json_schema(get_plan()))


@pytest.fixture
def schema():
    return validator()


def test_is_a_schema_of_draft_2020_12():
    Draft202012Validator.check_schema(json_schema(get_plan()))


@pytest.mark.parametrize("name", EVENTS)
def test_takes_each_event_with_all_and_with_only_its_required_properties(schema, name):
    definition = EVENTS[name]

    for properties in (definition.properties, definition.required):
        event = make_event(name, properties=make_properties(properties))
        assert schema.is_valid(event)
        assert schema.is_valid({"events": [event, event]})
        assert isinstance(check_event(to_json(event), now=NOW), ValidEvent)


@pytest.mark.parametrize("name", EVENTS)
def test_refuses_each_event_without_a_required_property_and_with_an_unknown_one(schema, name):
    definition = EVENTS[name]

    good = make_properties(definition.properties)

    for required in definition.required:
        event = make_event(name, properties={key: good[key] for key in good if key != required.name})
        assert not schema.is_valid(event)
    assert not schema.is_valid(make_event(name, properties={**good, "nonsense": 1}))


@pytest.mark.parametrize(
    "body",
    [
        {"events": {}},
        {"events": [5]},
        {"events": [], "more": 1},
        [],
        make_event("workbench.nonsense"),
        make_event(event=MISSING),
        make_event(sessionId=MISSING),
        make_event(sessionId="a b"),
        make_event(sessionId="a\n"),
        make_event(sessionId="a" * 129),
        make_event(timestamp=MISSING),
        make_event(timestamp="2026-02-15T11:00:00"),
        make_event(id=""),
        make_event(id="a" * 101),
        make_event(more=1),
    ],
)
def test_refuses_what_the_door_refuses(schema, body):
    assert not schema.is_valid(body)


# A value for every rule of every type, on both sides of each bound.
SOME_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([-1, 0, 1, 99, 100, 599, 600, 1_000_000, 1_000_001, 2**31 - 1, 2**31]),
    st.sampled_from([2_592_000_000, 2_592_000_001, 0.5, -0.5, 999_999.5, 1_000_000.5, 10**30]),
    st.sampled_from(
        ["", "chat", "Chat", "completed", "ready", "a b", "é", "a\n", "a\x7f", "\u0000", "a" * 128]
    ),
    st.sampled_from(["a" * 129, "a" * 200, "a" * 201, "https://a.example/b?c#d", "?" + "a" * 300]),
    st.lists(st.sampled_from(["a", "", "a b", "a" * 129, 1, None]), max_size=2),
    st.sampled_from([["a"] * 50, ["a"] * 51, {}, {"a": 1}]),
)


@settings(max_examples=400)
@given(data=st.data(), name=st.sampled_from(sorted(EVENTS)))
def test_agrees_with_the_validator(data, name):
    definition = EVENTS[name]
    properties = make_properties(definition.properties)
    chosen = data.draw(st.sampled_from([*properties, "nonsense"])) if properties else "nonsense"
    event = make_event(name, properties={**properties, chosen: data.draw(SOME_VALUES)})

    verdict = check_event(to_json(event), now=NOW)

    assert validator().is_valid(event) is isinstance(verdict, ValidEvent)


def test_marks_what_is_deprecated():
    plan = parse_plan(
        """
version: 1
events:
  shop.item_sold:
    description: An item is sold.
    emitted_when: The till rings.
    deprecated: {until: 2026-12-31}
    optional:
      price:
        type: bool
        description: What it cost.
        deprecated: {until: 2026-11-30, instead: sum}
""",
        name="plan.yaml",
    )

    event = json_schema(plan)["$defs"]["shop.item_sold"]

    assert event["deprecated"] is True
    assert event["properties"]["properties"]["properties"]["price"] == {
        "description": "What it cost.",
        "deprecated": True,
        "$comment": "Accepted until 2026-11-30. Instead: sum.",
        "type": "boolean",
    }


def test_every_property_has_a_value_that_the_builders_can_make():
    assert all(
        make_value(definition) is not None for event in EVENTS.values() for definition in event.properties
    )
