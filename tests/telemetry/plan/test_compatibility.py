from datetime import date

import pytest

from telemetry.plan import find_breaking_changes, find_lost_counts, get_plan, parse_plan
from tests.telemetry.plan.plans import metered_shop, shop

TODAY = date(2026, 2, 15)
OLD = """\
version: 1
events:
  shop.opened:
    description: The shop opens.
    emitted_when: The door is unlocked.
  shop.item_sold:
    description: An item is sold.
    emitted_when: The till rings.
    required:
      kind: {type: enum, values: [food, tool], description: What it is.}
    optional:
      price: {type: number, minimum: 0, maximum: 99.5, description: What it cost.}
      label: {type: token, max_length: 20, description: What it says.}
      buyerId: {type: id, pseudonymised: true, description: Who bought it.}
"""


def changes(*edits, old=OLD):
    new = old
    for before, after in edits:
        assert before in new
        new = new.replace(before, after)
    return find_breaking_changes(
        old=parse_plan(old, name="old"), new=parse_plan(new, name="new"), today=TODAY
    )


def test_a_plan_is_compatible_with_itself():
    assert find_breaking_changes(old=get_plan(), new=get_plan(), today=TODAY) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("values: [food, tool]", "values: [tool, book, food]"),
        ("minimum: 0, maximum: 99.5", "minimum: -1, maximum: 100"),
        ("max_length: 20", "max_length: 21"),
        ("    required:\n      kind:", "    optional:\n      kind:"),
        ("    optional:\n", "    optional:\n      extra: {type: bool, description: New.}\n"),
        ("  shop.opened:", "  shop.painted:\n    description: D.\n    emitted_when: E.\n  shop.opened:"),
        ("What it says.}", "What it says., deprecated: {until: 2026-02-15}}"),
        ("The shop opens.", "The shop opens its door."),
    ],
)
def test_additions_and_widenings_break_nothing(before, after):
    edits = [(before, after)]

    if "kind:" in before:
        edits.append(("    optional:\n      price", "      price"))

    assert changes(*edits) == []


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("shop.opened", "shop.closed", "shop.opened: the event was removed; mark it as deprecated first."),
        ("label:", "tag:", "shop.item_sold.label: the property was removed; mark it as deprecated first."),
        ("[food, tool]", "[food]", "shop.item_sold.kind: the value tool was removed."),
        ("minimum: 0", "minimum: 1", "shop.item_sold.price: the minimum rose from 0 to 1."),
        ("99.5", "99", "shop.item_sold.price: the maximum fell from 99.5 to 99."),
        ("20", "19", "shop.item_sold.label: the longest text fell from 20 to 19 characters."),
        (
            "type: token, max_length: 20",
            "type: id",
            "shop.item_sold.label: the type changed from token to id.",
        ),
        (
            "pseudonymised: true",
            "pseudonymised: false",
            "shop.item_sold.buyerId: pseudonymised changed; old and new values could no longer be matched.",
        ),
        (
            "type: token, max",
            "type: token, keep: origin_and_path, max",
            "shop.item_sold.label: keep changed; old and new values could no longer be compared.",
        ),
        (
            "    optional:\n      price",
            "      price",
            "shop.item_sold.price: an optional property cannot become required.",
        ),
        (
            "    required:\n",
            "    required:\n      extra: {type: bool, description: New.}\n",
            "shop.item_sold.extra: a new property cannot be required; make it optional.",
        ),
        (
            "What it says.}",
            "What it says., deprecated: {until: 2026-02-14}}",
            "shop.item_sold.label: the property would be rejected at once; set a day that is still to come.",
        ),
        (
            "The door is unlocked.",
            "The door is unlocked.\n    deprecated: {until: 2026-02-14}",
            "shop.opened: the event would be rejected at once; set a day that is still to come.",
        ),
    ],
)
def test_names_what_breaks(before, after, sentence):
    assert sentence in changes((before, after))


@pytest.mark.parametrize(("until", "expected"), [("2026-02-14", 0), ("2026-02-15", 1)])
def test_what_is_over_may_go(until, expected):
    mark = f"What it says., deprecated: {{until: {until}}}}}\n"
    old = OLD.replace("What it says.}\n", mark)

    label = "      label: {type: token, max_length: 20, description: "

    assert len(changes((label + mark, ""), old=old)) == expected


@pytest.mark.parametrize(("until", "expected"), [("2026-02-14", 0), ("2026-02-15", 1)])
def test_an_event_that_is_over_may_go(until, expected):
    old = OLD.replace("unlocked.", f"unlocked.\n    deprecated: {{until: {until}}}")

    assert len(changes(("shop.opened", "shop.closed"), old=old)) == expected


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (("kind: kind, ", ""), "shop_items_sold_total: the labels or their order changed"),
        (
            (
                "{kind: kind, label: {from: label, capped: true}}",
                "{label: {from: label, capped: true}, kind: kind}",
            ),
            "shop_items_sold_total: the labels or their order changed",
        ),
        (
            (
                "    help: All events.\n    events: all",
                "    help: X.\n    events: shop.item_sold\n    value: price",
            ),
            "shop_events_total: the unit changed",
        ),
    ],
)
def test_names_metrics_whose_stored_counts_would_be_lost(edit, sentence):
    [found] = find_lost_counts(old=metered_shop(), new=metered_shop(edit))

    assert found.startswith(sentence)


@pytest.mark.parametrize(
    "edit",
    [
        ("[1, 10]", "[2, 20, 200]"),
        ("What items cost.", "X."),
        ("events: all", "events: shop.opened"),
        ("    help: All events.", "    help: All events.\n    budget: 9"),
        ("shop_price", "shop_paid"),
    ],
)
def test_allows_what_stored_counts_survive(edit):
    assert find_lost_counts(old=metered_shop(), new=metered_shop(edit)) == []


def test_metrics_break_no_client():
    assert find_breaking_changes(old=metered_shop(), new=shop(), today=TODAY) == []
