"""A small plan as YAML, and edits of it."""

from telemetry.plan import TrackingPlan, parse_plan

SHOP = """\
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
"""
METRICS = """\
metrics:
  shop_items_sold_total:
    type: counter
    help: Items that were sold.
    events: shop.item_sold
    labels: {kind: kind, label: {from: label, capped: true}}
  shop_events_total:
    type: counter
    help: All events.
    events: all
  shop_price:
    type: histogram
    help: What items cost.
    events: shop.item_sold
    value: price
    buckets: [1, 10]
"""
# Edits of it: its events are counted by name, in the family in which the portal's own plan counts them.
COUNTED_BY_NAME = (
    ("shop_events_total", "workbench_events_total"),
    ("    events: all", "    events: all\n    labels: {event: event_name}"),
)


def metered_shop(*edits: tuple[str, str]) -> TrackingPlan:
    """The plan with metrics, edited likewise."""
    return edited(SHOP + METRICS, edits)


def shop(*edits: tuple[str, str]) -> TrackingPlan:
    """The plan after replacing the first of each pair by the second. Each must be there."""
    return edited(SHOP, edits)


def edited(text: str, edits: tuple[tuple[str, str], ...]) -> TrackingPlan:
    for before, after in edits:
        assert before in text
        text = text.replace(before, after)
    return parse_plan(text, name="shop")
