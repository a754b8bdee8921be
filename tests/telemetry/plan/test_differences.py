import pytest

from telemetry.plan.differences import find_differences
from tests.telemetry.plan.plans import metered_shop, shop

# Edit of the plan → part, aspect, kind of change, before, after.
CASES = {
    "version": (("version: 1", "version: 2"), ("plan", "version", "changed", "1", "2")),
    "event's text": (
        ("The shop opens.", "It opens."),
        ("shop.opened", "description", "changed", "The shop opens.", "It opens."),
    ),
    "event's occasion": (
        ("The till rings.", "It rings."),
        ("shop.item_sold", "emitted when", "changed", "The till rings.", "It rings."),
    ),
    "event's end": (
        ("  shop.opened:\n", "  shop.opened:\n    deprecated: {until: 2026-12-31, instead: shop.lit}\n"),
        ("shop.opened", "deprecated", "changed", "no", "until 2026-12-31, instead: shop.lit"),
    ),
    "property": (
        ("    optional:\n", "    optional:\n      count: {type: count, description: How many.}\n"),
        ("shop.item_sold.count", "property", "added", "", "optional count"),
    ),
    "property's end": (
        ("What it says.}", "What it says., deprecated: {until: 2026-12-31}}"),
        ("shop.item_sold.label", "deprecated", "changed", "no", "until 2026-12-31"),
    ),
    "value": (("[food, tool]", "[tool, food, book]"), ("shop.item_sold.kind", "value", "added", "", "book")),
    "lost value": (("[food, tool]", "[tool]"), ("shop.item_sold.kind", "value", "removed", "food", "")),
    "minimum": (("minimum: 0", "minimum: -1"), ("shop.item_sold.price", "minimum", "changed", "0", "-1")),
    "maximum": (("99.5", "100"), ("shop.item_sold.price", "maximum", "changed", "99.5", "100")),
    "length": (("20", "21"), ("shop.item_sold.label", "longest text", "changed", "20", "21")),
    "origin": (
        ("max_length: 20", "max_length: 20, keep: origin_and_path"),
        ("shop.item_sold.label", "keeps origin and path only", "changed", "no", "yes"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_change_of_a_part_is_one_difference(case: str) -> None:
    edit, expected = CASES[case]

    found = [
        (difference.part, difference.aspect, difference.kind, difference.before, difference.after)
        for difference in find_differences(old=shop(), new=shop(edit))
    ]

    assert found == [expected]


def test_an_event_that_comes_or_goes_is_one_difference() -> None:
    more = shop(
        ("  shop.opened:", "  shop.lit:\n    description: Light.\n    emitted_when: Dusk.\n  shop.opened:")
    )

    came, went = (
        [(found.part, found.aspect, found.kind, found.before + found.after) for found in differences]
        for differences in (
            find_differences(old=shop(), new=more),
            find_differences(old=more, new=shop()),
        )
    )

    assert came == [("shop.lit", "event", "added", "Light.")]
    assert went == [("shop.lit", "event", "removed", "Light.")]


def test_a_required_property_that_becomes_optional_changes_its_presence() -> None:
    edits = (
        ("    required:\n      kind", "    optional:\n      kind"),
        ("    optional:\n      price", "      price"),
    )

    (found,) = find_differences(old=shop(), new=shop(*edits))

    assert (found.aspect, found.before, found.after) == ("presence", "required", "optional")


def test_the_order_of_the_parts_is_no_difference() -> None:
    reordered = shop(("[food, tool]", "[tool, food]"))

    assert list(find_differences(old=shop(), new=reordered)) == []


METRIC_CASES = {
    "help": (
        (("What items cost.", "What they cost."),),
        [("shop_price", "help", "What items cost.", "What they cost.")],
    ),
    "notes": (
        (("    help: All events.", "    help: All events.\n    notes: So many."),),
        [("shop_events_total", "notes", "", "So many.")],
    ),
    "events": (
        (("events: all", "events: shop.opened"),),
        [("shop_events_total", "fed by", "all", "shop.opened")],
    ),
    "value": (
        (("    events: all", "    events: shop.item_sold\n    value: price"),),
        [
            ("shop_events_total", "fed by", "all", "shop.item_sold"),
            ("shop_events_total", "value", "", "price"),
        ],
    ),
    "when": (
        (
            (
                "    events: all",
                "    events: all\n    when: {kind: [food], price: {above: 2}, label: present}",
            ),
        ),
        [("shop_events_total", "when", "", "kind is food, price is above 2, label is present")],
    ),
    "labels": (
        (("kind: kind, ", ""),),
        [
            (
                "shop_items_sold_total",
                "labels",
                "kind from kind, label from label capped",
                "label from label capped",
            )
        ],
    ),
    "buckets": ((("[1, 10]", "[1, 2.5, 10]"),), [("shop_price", "buckets", "1, 10", "1, 2.5, 10")]),
    "budget": (
        (("    help: All events.", "    help: All events.\n    budget: 9"),),
        [("shop_events_total", "budget", "200", "9")],
    ),
}


@pytest.mark.parametrize("case", METRIC_CASES)
def test_a_change_of_a_metric_is_told_by_what_changed(case: str) -> None:
    edits, expected = METRIC_CASES[case]

    found = [
        (difference.part, difference.aspect, difference.before, difference.after)
        for difference in find_differences(old=metered_shop(), new=metered_shop(*edits))
    ]

    assert found == expected


def test_metrics_that_come_or_go_are_one_difference_each() -> None:
    names = ["shop_events_total", "shop_items_sold_total", "shop_price"]

    came = list(find_differences(old=shop(), new=metered_shop()))
    went = list(find_differences(old=metered_shop(), new=shop()))

    assert [(found.part, found.aspect, found.kind) for found in came] == [
        (name, "metric", "added") for name in names
    ]
    assert [(found.part, found.aspect, found.kind) for found in went] == [
        (name, "metric", "removed") for name in names
    ]
