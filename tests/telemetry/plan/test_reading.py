import textwrap
from datetime import date

import pytest

from telemetry.plan import Deprecation, PlanFault, parse_plan, read_plan

GOOD = """\
version: 1
vocabulary:
  draftId: {type: id, description: The draft.}
events:
  shop.item_sold:
    description: An item is sold.
    emitted_when: The till rings.
    required:
      draftId:
    optional:
      price: {type: number, minimum: 0, maximum: 99.5, description: What it cost.}
"""


def faults_of(text):
    with pytest.raises(PlanFault) as caught:
        parse_plan(textwrap.dedent(text), name="plan.yaml")
    return caught.value.faults


def with_property(definition):
    return GOOD.replace("{type: number, minimum: 0, maximum: 99.5, description: What it cost.}", definition)


def test_takes_a_property_from_the_vocabulary_and_one_of_its_own():
    event = parse_plan(GOOD, name="plan.yaml").events["shop.item_sold"]

    assert [(definition.name, definition.type, definition.required) for definition in event.properties] == [
        ("draftId", "id", True),
        ("price", "number", False),
    ]
    assert event.by_name["price"].maximum == 99.5


def test_an_optional_property_is_an_edit_of_the_file_and_nothing_else():
    plan = parse_plan(with_property("{type: bool, description: New.}"), name="plan.yaml")

    assert plan.events["shop.item_sold"].by_name["price"].type == "bool"


def test_reads_deprecations_of_events_and_properties():
    text = with_property("{type: bool, description: Old., deprecated: {until: 2026-12-31, instead: sum}}")
    text = text.replace("    required:", "    deprecated: {until: 2027-01-31}\n    required:")

    event = parse_plan(text, name="plan.yaml").events["shop.item_sold"]

    assert event.deprecations == (
        ("", Deprecation(until=date(2027, 1, 31))),
        ("price", Deprecation(until=date(2026, 12, 31), instead="sum")),
    )


@pytest.mark.parametrize(
    ("definition", "fault"),
    [
        ("{type: strng, description: X.}", "type: is missing or unknown; the types are id, ids, enum, token"),
        ("{description: X.}", "type: is missing or unknown"),
        ("{type: bool}", "description: is missing; say it in a sentence."),
        ("{type: enum, description: X.}", "values: an enum lists its values."),
        ("{type: enum, values: [], description: X.}", "values: an enum lists its values."),
        (
            "{type: enum, values: [yes, no], description: X.}",
            "values: every value is a text; put quotes around",
        ),
        ("{type: enum, values: [a, a], description: X.}", "values: a value stands here twice."),
        ("{type: enum, values: [a b], description: X.}", "values: a value is 1 to 32 characters"),
        ("{type: bool, values: [a], description: X.}", "values: does not go with the type bool."),
        ("{type: integer, maximum: 3, description: X.}", "minimum: the type integer needs a minimum"),
        ("{type: integer, minimum: 0.5, maximum: 3, description: X.}", "minimum: the type integer needs"),
        ("{type: number, minimum: 0, maximum: .inf, description: X.}", "maximum: the type number needs"),
        ("{type: number, minimum: 0, maximum: .nan, description: X.}", "maximum: the type number needs"),
        ("{type: number, minimum: 4, maximum: 3, description: X.}", "minimum: is above the maximum."),
        ("{type: count, minimum: 4, description: X.}", "minimum: does not go with the type count."),
        ("{type: token, max_length: 201, description: X.}", "max_length: is a whole number from 1 to 200"),
        ("{type: token, max_length: 0, description: X.}", "max_length: is a whole number from 1 to 200"),
        ("{type: token, pseudonymised: true, description: X.}", "pseudonymised: does not go with the type"),
        ("{type: id, pseudonymised: maybe, description: X.}", "pseudonymised: is true or false."),
        ("{type: token, keep: all, description: X.}", "keep: is origin_and_path or is left out."),
        ("{type: bool, describtion: X., description: X.}", "describtion: is not known here; known are"),
        ("{type: bool, description: X., deprecated: {until: soon}}", "deprecated.until: is a day, like"),
        ("[bool]", "price: is not a list of names with their content."),
    ],
)
def test_names_line_and_place_of_a_faulty_property(definition, fault):
    [sentence] = [sentence for sentence in faults_of(with_property(definition)) if fault in sentence]

    assert sentence.startswith("plan.yaml:11: events.shop.item_sold.optional.price")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("version: 1", "version: one", "plan.yaml:1: version: is missing or is not a whole number from 1."),
        ("version: 1", "revision: 1", "plan.yaml:1: revision: is not known here"),
        ("draftId:\n", "draftIt:\n", "required.draftIt: has no definition here and none in the vocabulary."),
        ("price:", "draftId:", "optional.draftId: is both required and optional."),
        ("price:", "Price-2:", "a property is named like draftId"),
        ("shop.item_sold", "ItemSold", "an event is named like workbench.draft_created"),
        ("shop.item_sold", "shop." + "a" * 60, "in at most 64 characters"),
        ("    emitted_when: The till rings.\n", "", "emitted_when: is missing; say it in a sentence."),
        (
            "    optional:",
            "    required:",
            "plan.yaml:10: events.shop.item_sold.required: this key stands here",
        ),
        (
            "id, description: The draft.",
            "id, description: The draft., deprecated: {until: 2026-01-01}",
            "a required property cannot be deprecated",
        ),
    ],
)
def test_names_what_is_wrong_with_the_rest(old, new, fault):
    assert any(fault in sentence for sentence in faults_of(GOOD.replace(old, new, 1)))


def test_finds_all_faults_at_once():
    text = GOOD.replace("type: id", "type: it").replace("99.5", "-1").replace("The till rings.", "")

    assert len(faults_of(text)) >= 3


@pytest.mark.parametrize(
    "text", ["", "events:\n", "- a\n", "events: [", "a: &a [*a]\n", "events: 2026-13-45\n"]
)
def test_refuses_what_is_no_plan_at_all(text):
    assert faults_of(text)


def test_names_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(PlanFault, match=r"nowhere\.yaml: the plan cannot be read"):
        read_plan(tmp_path / "nowhere.yaml")


def test_names_a_file_that_is_not_utf_8(tmp_path):
    path = tmp_path / "plan.yaml"

    path.write_bytes(b"version: \xff")

    with pytest.raises(PlanFault, match="cannot be read"):
        read_plan(path)
