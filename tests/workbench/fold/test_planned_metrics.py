"""A new event with metrics is an edit of the plan alone: the fold counts it, the scrape and the docs show it."""

import json
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from metrics.collector import read_snapshot
from metrics.families.tables import with_tables
from telemetry.counters import bridge
from telemetry.counters.families import families
from telemetry.intake.ingest import ingest_events
from telemetry.models import BridgeCounter
from telemetry.plan import get_compiled_plan, get_plan
from tests.builders import make_key
from workbench.fold import pending

pytestmark = pytest.mark.django_db

NEW_EVENT = """
  shop.item_sold:
    description: An item is sold.
    emitted_when: The till rings.
    required:
      kind: {type: enum, values: [food, tool], description: What it is.}
    optional:
      till: {type: token, description: Which till.}
      isGift: {type: bool, description: Whether it is wrapped.}
      pieces: {type: count, description: How many.}
      tookMs: {type: duration_ms, description: How long it took.}
      price: {type: money, description: What it cost.}
      weight: {type: number, minimum: 0, maximum: 1000, description: How heavy it is.}

buckets:"""
NEW_METRICS = """
metrics:
  shop_items_total:
    type: counter
    help: Items sold.
    events: [shop.item_sold]
    value: pieces
    labels: {kind: kind, gift: isGift, till: {from: till, capped: true}}
  shop_gifts_total:
    type: counter
    help: Gifts.
    events: shop.item_sold
    when: {isGift: true}
  shop_sale_seconds:
    type: histogram
    help: How long a sale took.
    events: shop.item_sold
    value: tookMs
    when: {kind: [food], pieces: {above: 1}}
    buckets: [0.5, 1]
  shop_pieces:
    type: histogram
    help: Pieces of a sale.
    events: shop.item_sold
    value: pieces
    buckets: [1, 10]
  shop_price_usd_total:
    type: counter
    help: What was paid.
    events: shop.item_sold
    value: price
  shop_weight_total:
    type: counter
    help: What was carried.
    events: shop.item_sold
    value: weight
  shop_failed_runs_total:
    type: counter
    help: Runs that failed, by workflow.
    measure: workflow_run.ended
    when: {status: failed}
    labels: {workflow: {from: workflow, capped: true}}
"""


@pytest.fixture(autouse=True)
def _plan_with_one_more_event(settings: Settings, tmp_path: Path) -> Iterator[None]:
    text = settings.TRACKING_PLAN.read_text(encoding="utf-8")
    text = text.replace("\nbuckets:", NEW_EVENT, 1).replace("\nmetrics:\n", NEW_METRICS, 1)
    settings.TRACKING_PLAN = tmp_path / "plan.yaml"
    settings.TRACKING_PLAN.write_text(text, encoding="utf-8")
    get_compiled_plan.cache_clear()
    bridge.known_series.forget()
    yield
    get_compiled_plan.cache_clear()
    bridge.known_series.forget()


def post(*sold: dict[str, object], now: datetime, event: str = "shop.item_sold") -> None:
    """Posts events through the door's intake, and folds them."""
    bodies = [
        json.dumps({"event": event, "sessionId": "s", "timestamp": now.isoformat(), "id": f"{event}-{number}",
                    "properties": properties}).encode()
        for number, properties in enumerate(sold)
    ]  # fmt: skip
    result = ingest_events(bodies, key=make_key(source=uuid.uuid4().hex), now=now)
    assert result.rejected == 0
    pending.fold_pending(now=now)


def samples(now: datetime) -> dict[str, float]:
    """What the scrape shows of the shop, by name and the label values in their order."""
    return {
        f"{sample.name} {' '.join(sample.labels.values())}": sample.value
        for family in read_snapshot(now=now).workbench
        for sample in family.samples
        if sample.name.startswith("shop_")
    }


def test_a_new_event_is_counted_added_up_and_observed_as_the_plan_says(now: datetime) -> None:
    post(
        {"kind": "food", "pieces": 2, "isGift": True, "tookMs": 700, "price": 0.25, "weight": 1.5},
        {"kind": "food", "pieces": 2, "isGift": True, "tookMs": 1500, "price": 0.25, "till": "left"},
        {"kind": "food", "pieces": 1, "tookMs": 100, "weight": 0.000001},
        {"kind": "tool", "pieces": 20, "isGift": False, "tookMs": 100},
        {"kind": "tool"},
        now=now,
    )
    post({"runId": "r", "status": "failed", "workflowName": "sell"}, event="workbench.workflow_run_completed",
         now=now)  # fmt: skip

    assert samples(now) == {
        "shop_items_total production food true ": 2,
        "shop_items_total production food true left": 2,
        "shop_items_total production food  ": 1,
        "shop_items_total production tool false ": 20,
        "shop_gifts_total production": 2,
        "shop_sale_seconds_bucket production 0.5": 0,
        "shop_sale_seconds_bucket production 1.0": 1,
        "shop_sale_seconds_bucket production +Inf": 2,
        "shop_sale_seconds_sum production": 2.2,
        "shop_sale_seconds_count production": 2,
        "shop_pieces_bucket production 1.0": 1,
        "shop_pieces_bucket production 10.0": 3,
        "shop_pieces_bucket production +Inf": 4,
        "shop_pieces_sum production": 25,
        "shop_pieces_count production": 4,
        "shop_price_usd_total production": 0.5,
        "shop_weight_total production": 1.500001,
        "shop_failed_runs_total production sell": 1,
    }


def test_a_metric_without_labels_is_there_at_zero_before_its_first_event(now: datetime) -> None:
    post({"templateId": "t"}, event="workbench.template_viewed", now=now)

    histograms = {"shop_pieces": ("1.0", "10.0", "+Inf"), "shop_sale_seconds": ("0.5", "1.0", "+Inf")}
    assert samples(now) == {
        **{f"{name}_{part} production": 0 for name in histograms for part in ("count", "sum")},
        **{f"{name}_bucket production {bound}": 0 for name, bounds in histograms.items() for bound in bounds},
        "shop_gifts_total production": 0,
        "shop_price_usd_total production": 0,
        "shop_weight_total production": 0,
    }


def test_the_documentation_shows_a_new_metric_with_its_event() -> None:
    page = (django_settings.BASE_DIR / "docs" / "metrics.md").read_text(encoding="utf-8")

    rows = [line for line in with_tables(page, plan=get_plan()).splitlines() if "shop_gifts_total" in line]

    assert rows == ["| `shop_gifts_total` | counter | `environment` | `shop.item_sold` | Gifts. |"]


def test_ten_thousand_names_stay_within_the_budget_of_series(now: datetime) -> None:
    sold = [{"kind": "food", "pieces": 1, "till": f"till-{number}"} for number in range(2500)]
    for start in range(0, 10_000, len(sold)):
        post(*({**each, "till": f"till-{start + number}"} for number, each in enumerate(sold)), now=now)

    stored = BridgeCounter.objects.filter(family="shop_items_total")

    assert stored.count() == families()["shop_items_total"].budget + 1
    assert sum(stored.values_list("value", flat=True)) == 10_000
