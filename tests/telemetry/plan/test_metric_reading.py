"""The metrics of a plan: what is read of them, and which are refused."""

from typing import Any

import pytest
import yaml

from telemetry.plan import FamilyType, PlanFault, parse_plan, plan_as_dict
from telemetry.plan.measures import MEASURES, ValueKind
from telemetry.plan.metrics import Condition, LabelDefinition, MetricDefinition
from telemetry.plan.remote import plan_from_dict

EVENTS: dict[str, Any] = {
    "shop.item_sold": {
        "description": "An item is sold.",
        "emitted_when": "The till rings.",
        "required": {
            "kind": {"type": "enum", "values": ["food", "tool"], "description": "What it is."},
            "code": {"type": "integer", "minimum": 100, "maximum": 599, "description": "What the till says."},
        },
        "optional": {
            "till": {"type": "token", "description": "Which till."},
            "page": {"type": "token", "keep": "origin_and_path", "description": "Where."},
            "customerId": {"type": "id", "description": "Who."},
            "itemIds": {"type": "ids", "description": "What."},
            "isGift": {"type": "bool", "description": "Whether it is wrapped."},
            "pieces": {"type": "count", "description": "How many."},
            "tookMs": {"type": "duration_ms", "description": "How long."},
            "price": {"type": "money", "description": "What it cost."},
            "change": {"type": "integer", "minimum": -5, "maximum": 5, "description": "What came back."},
            "weight": {"type": "number", "minimum": 0, "maximum": 2000000, "description": "How heavy."},
        },
    },
    "shop.till_closed": {
        "description": "A till closes.",
        "emitted_when": "Nobody stands there.",
        "optional": {"till": {"type": "enum", "values": ["one", "two"], "description": "Which till."}},
    },
}
SOLD: dict[str, Any] = {"type": "counter", "help": "Items sold.", "events": "shop.item_sold"}
TOOK = {"type": "histogram", "help": "How long it took.", "events": "shop.item_sold", "value": "tookMs"}


def plan_text(metrics: dict[str, Any], **content: Any) -> str:
    return yaml.safe_dump({"version": 1, "events": EVENTS, **content, "metrics": metrics}, sort_keys=False)


def read(metrics: dict[str, Any], **content: Any) -> dict[str, MetricDefinition]:
    return dict(parse_plan(plan_text(metrics, **content), name="plan.yaml").metrics)


def faults_of(metrics: dict[str, Any], **content: Any) -> list[str]:
    with pytest.raises(PlanFault) as caught:
        read(metrics, **content)
    return caught.value.faults


def test_a_counter_of_events_with_labels_and_conditions() -> None:
    labels = {
        "event": "event_name",
        "kind": "kind",
        "till": {"from": "till", "capped": True},
        "code": {"from": "code", "as": "status_family"},
    }
    when = {"pieces": {"above": 1}, "isGift": True, "kind": ["food", "tool"], "customerId": "present"}

    [metric] = read({"sold_total": {**SOLD, "labels": labels, "when": when, "budget": 50}}).values()

    assert metric == MetricDefinition(
        name="sold_total",
        kind=FamilyType.COUNTER,
        help="Items sold.",
        events=("shop.item_sold",),
        conditions=(
            Condition(source="pieces", above=1.0),
            Condition(source="isGift", values=("true",)),
            Condition(source="kind", values=("food", "tool")),
            Condition(source="customerId"),
        ),
        labels=(
            LabelDefinition(name="event", source="event_name"),
            LabelDefinition(name="kind", source="kind"),
            LabelDefinition(name="till", source="till", capped=True),
            LabelDefinition(name="code", source="code", as_status_family=True),
        ),
        budget=50,
    )


@pytest.mark.parametrize(
    ("changes", "kind", "scale"),
    [
        ({}, ValueKind.NONE, 1),
        ({"value": "pieces"}, ValueKind.WHOLE, 1),
        ({"value": "tookMs"}, ValueKind.DURATION, 1_000_000),
        ({"value": "tookMs", "unit": "minutes"}, ValueKind.DURATION, 60_000_000),
        ({"value": "price"}, ValueKind.MONEY, 1_000_000),
    ],
)
def test_the_smallest_unit_follows_from_the_value(
    changes: dict[str, Any], kind: ValueKind, scale: int
) -> None:
    [metric] = read({"sold_total": {**SOLD, **changes}}).values()

    assert (metric.value_kind, metric.scale) == (kind, scale)


@pytest.mark.parametrize("buckets", ["quick", [0.5, 1, 2.5]])
def test_buckets_are_named_or_written_out(buckets: object) -> None:
    [metric] = read({"took_seconds": {**TOOK, "buckets": buckets}}, buckets={"quick": [0.5, 1, 2.5]}).values()

    assert metric.buckets == (0.5, 1.0, 2.5)


def test_all_events_are_those_of_the_plan() -> None:
    [metric] = read({"events_total": {**SOLD, "events": "all"}}).values()

    assert (metric.events, metric.counts_every_event) == (tuple(EVENTS), True)


def test_a_plan_without_metrics_has_none() -> None:
    assert read({}) == {}


@pytest.mark.parametrize(
    ("changes", "place", "fault"),
    [
        ({"type": "summary"}, "type", "the types are counter, histogram"),
        ({"help": ""}, "help", "say it in a sentence"),
        ({"label": {}}, "label", "is not known here"),
        ({"events": "shop.opened"}, "events", "the plan has no event shop.opened."),
        ({"events": []}, "events", "names events, or says all."),
        ({"events": ["shop.item_sold", "shop.item_sold"]}, "events", "an event stands here twice."),
        ({"measure": "session.duration"}, "measure", "events or a measure, not both."),
        ({"value": "kind"}, "value", "kind is no number."),
        ({"value": "colour"}, "value", "none of the events has the property colour."),
        ({"value": "change"}, "value", "change can be below 0"),
        ({"value": "weight"}, "value", "weight can be above 1e+06"),
        ({"value": "pieces", "unit": "minutes"}, "unit", "only durations have a unit."),
        ({"value": "tookMs", "unit": "hours"}, "unit", "the units are seconds, minutes."),
        ({"buckets": [1, 2]}, "buckets", "only a histogram has buckets."),
        ({"budget": 0}, "budget", "is a whole number from 1 to 10000."),
        ({"budget": True}, "budget", "is a whole number from 1 to 10000."),
        # Labels
        ({"labels": {"colour": "colour"}}, "labels.colour", "none of the events has the property colour."),
        ({"labels": {"till": "till"}}, "labels.till", "till can be any text. Mark it capped: true"),
        ({"labels": {"who": "customerId"}}, "labels.who", "customerId has no bounded values"),
        ({"labels": {"who": {"from": "customerId", "capped": True}}}, "labels.who", "has no bounded values"),
        ({"labels": {"items": "itemIds"}}, "labels.items", "itemIds has no bounded values"),
        ({"labels": {"page": {"from": "page", "capped": True}}}, "labels.page", "page has no bounded values"),
        ({"labels": {"pieces": "pieces"}}, "labels.pieces", "pieces has no bounded values"),
        ({"labels": {"price": "price"}}, "labels.price", "price has no bounded values"),
        ({"labels": {"code": "code"}}, "labels.code", "with as: status_family it has."),
        ({"labels": {"c": {"from": "change", "as": "status_family"}}}, "labels.c", "from 100 to 999."),
        ({"labels": {"code": {"from": "code", "as": "hundreds"}}}, "labels.code.as", "is status_family"),
        ({"labels": {"environment": "kind"}}, "labels.environment", "and not environment, le, quantile."),
        ({"labels": {"Kind": "kind"}}, "labels.Kind", "a label is named like error_type"),
        ({"labels": {f"l{number}": "kind" for number in range(5)}}, "labels", "has at most 4 labels."),
        # Conditions
        ({"when": {"colour": "red"}}, "when.colour", "none of the events has the property colour."),
        ({"when": {"kind": "drink"}}, "when.kind", "kind is one of food, tool."),
        ({"when": {"isGift": "yes"}}, "when.isGift", "isGift is one of true, false."),
        ({"when": {"pieces": "two"}}, "when.pieces", "pieces cannot be compared with a text."),
        ({"when": {"pieces": "present"}}, "when.pieces", "a number is asked for by above."),
        ({"when": {"kind": {"above": 1}}}, "when.kind", "only a number can be above another."),
        ({"when": {"pieces": {"below": 1}}}, "when.pieces", "is {above: number}."),
        ({"when": {"kind": [1]}}, "when.kind", "is a text, true, false, a list of these"),
    ],
)
def test_names_line_and_place_of_a_fault(changes: dict[str, Any], place: str, fault: str) -> None:
    sentences = faults_of({"sold_total": {**SOLD, **changes}})

    assert [
        sentence
        for sentence in sentences
        if f" metrics.sold_total.{place}: " in sentence and fault in sentence
    ]
    assert all(sentence.startswith("plan.yaml:") for sentence in sentences)


@pytest.mark.parametrize(
    ("buckets", "fault"),
    [
        (None, "buckets are a list of 1 to 40 numbers above 0."),
        ([], "buckets are a list"),
        ([0, 1], "buckets are a list"),
        (["1"], "buckets are a list"),
        ([float("inf")], "buckets are a list"),
        (list(range(1, 42)), "buckets are a list"),
        ([1, 3, 2], "buckets ascend, and none stands here twice."),
        ([1, 1], "buckets ascend"),
        ("slow", "the plan has no buckets slow; it has quick."),
    ],
)
def test_refuses_buckets_that_do_not_ascend(buckets: object, fault: str) -> None:
    [sentence] = faults_of({"took_seconds": {**TOOK, "buckets": buckets}}, buckets={"quick": [1]})

    assert fault in sentence


def test_refuses_named_buckets_that_do_not_ascend_once() -> None:
    metrics = {f"took_{number}_seconds": {**TOOK, "buckets": "quick"} for number in range(2)}

    [sentence] = faults_of(metrics, buckets={"quick": [2, 1]})

    assert " buckets.quick: buckets ascend" in sentence


@pytest.mark.parametrize(
    ("name", "entry", "fault"),
    [
        ("sold", SOLD, "the name of a counter ends with _total."),
        ("Sold_total", SOLD, "a metric is named like workflow_runs_total"),
        ("a" * 59 + "_total", SOLD, "in at most 64 characters"),
        ("portal_sold_total", SOLD, "names of the portal begin with portal_"),
        ("workbench_kpi_sold_total", SOLD, "names of the portal begin with portal_"),
        ("took_count", {**TOOK, "buckets": [1]}, "the name of a histogram does not end with"),
    ],
)
def test_refuses_names_that_prometheus_or_the_portal_take(
    name: str, entry: dict[str, Any], fault: str
) -> None:
    assert any(fault in sentence for sentence in faults_of({name: entry}))


def test_refuses_two_metrics_with_one_name() -> None:
    text = plan_text({"sold_total": SOLD})
    double = text + text[text.index("  sold_total:") :]

    with pytest.raises(PlanFault, match=r"metrics\.sold_total: this key stands here twice"):
        parse_plan(double, name="plan.yaml")


def test_refuses_a_counter_and_a_histogram_that_prometheus_takes_for_one() -> None:
    [sentence] = faults_of({"took_total": SOLD, "took": {**TOOK, "buckets": [1]}})

    assert "metrics.took: Prometheus takes this and took_total for one name." in sentence


def test_refuses_a_label_that_is_bounded_in_one_event_only() -> None:
    [sentence] = faults_of({"tills_total": {**SOLD, "events": "all", "labels": {"till": "till"}}})

    assert "till can be any text." in sentence


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ({"measure": "shop.duration"}, "the measures are session.duration, draft.acceptance"),
        ({"measure": "session.duration"}, "the plan does not have workbench.session_started, workbench"),
        ({"measure": "session.duration", "value": "tookMs"}, "a measure has a value of its own."),
        ({"measure": "agent_run.ended", "labels": {"agent": "agent"}}, "agent can be any text."),
        (
            {"measure": "agent_run.ended", "labels": {"run": "run"}},
            "agent_run.ended has no run; it has agent",
        ),
        (
            {"measure": "session.duration", "when": {"kind": "x"}},
            "session.duration has no kind; it has none.",
        ),
        ({"measure": "agent_run.ended", "when": {"status": {"above": 1}}}, "only a number can be above"),
    ],
)
def test_refuses_a_measure_that_does_not_fit(entry: dict[str, Any], fault: str) -> None:
    sentences = faults_of({"sold_total": {"type": "counter", "help": "X.", **entry}})

    assert any(fault in sentence for sentence in sentences)


def test_a_fact_without_a_value_is_no_histogram() -> None:
    entry = {"type": "histogram", "help": "X.", "measure": "agent_run.ended", "buckets": [1]}

    assert any("is counted, not measured" in sentence for sentence in faults_of({"runs": entry}))


def test_finds_all_faults_at_once() -> None:
    assert len(faults_of({"sold": {"labels": {"x": "y"}}, "portal_x_total": {**SOLD, "budget": 0}})) >= 5


def test_the_plan_as_json_has_its_metrics_and_gives_the_same_plan() -> None:
    metrics = {
        "sold_total": {
            **SOLD,
            "notes": "All.",
            "when": {"kind": "food"},
            "labels": {"kind": "kind", "gift": "isGift"},
        },
        "took_seconds": {**TOOK, "buckets": [1, 2], "when": {"pieces": {"above": 2}, "till": "present"}},
        "events_total": {**SOLD, "events": "all", "labels": {"till": {"from": "till", "capped": True}}},
    }
    plan = parse_plan(plan_text(metrics), name="plan.yaml")

    content = plan_as_dict(plan)

    assert content["metrics"][0] == {
        "name": "sold_total",
        "type": "counter",
        "help": "Items sold.",
        "notes": "All.",
        "events": ["shop.item_sold"],
        "when": {"kind": ["food"]},
        "labels": [{"name": "kind", "from": "kind"}, {"name": "gift", "from": "isGift"}],
        "budget": 200,
    }
    assert plan_from_dict(content, name="portal") == plan


def test_every_measure_is_fed_by_events_and_tells_its_open_fields() -> None:
    assert all(measure.events and measure.open_fields <= measure.fields for measure in MEASURES.values())
