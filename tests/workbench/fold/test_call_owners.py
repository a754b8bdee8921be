"""Model calls through the fold: whose they are, what their agents' sums say, which runs they make known."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import Sum
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from kpis.compute.rollup import bring_up_to_date
from kpis.models import KpiBucket
from telemetry.door.protocols.otlp.spans import PostedSpan
from telemetry.door.protocols.otlp.translating import translate
from telemetry.intake.ingest import ingest_events
from telemetry.models import ApiKey, BridgeCounter, RawEvent, SpanLink
from tests.builders import MOMENT, event, fold, fold_one_by_one, make_key, minutes, store, table
from tests.oracle.profiles import examples
from tests.oracle.system import clear_tables, tables
from workbench.fold import pending
from workbench.models import AgentRun, ModelCall, Session, TouchedBucket, WorkflowRun

pytestmark = pytest.mark.django_db

DAY = 24 * 60


def agent(minute: float, name: str = "a-1", span: str = "1", **properties: Any) -> dict[str, Any]:
    base = {"agentRunId": name, "runId": "r-1", "agentName": "planner", "status": "completed", "spanId": span}
    return event("agent.run_completed", minutes(minute), **{"traceId": "t-1", **base, **properties})


def call(minute: float, span: str = "2", parent: str = "1", **properties: Any) -> dict[str, Any]:
    place = {"traceId": "t-1", "spanId": span, "parentSpanId": parent}
    return event("agent.model_called", minutes(minute), **{**place, "runId": "t-1", **properties})


def link(span: str, parent: str, *, received_at: datetime = MOMENT) -> None:
    SpanLink.objects.create(
        environment="production", trace_id="t-1", span_id=span, parent_span_id=parent, received_at=received_at
    )


def owners() -> list[str]:
    return list(ModelCall.objects.order_by("span_id").values_list("owner_id", flat=True))


def sums() -> list[tuple[Any, ...]]:
    columns = ("calls", "called_input_tokens", "called_output_tokens", "called_cost_micro_usd")
    return table(AgentRun, "agent_run_id", *columns)


def touched_by(*events: dict[str, Any]) -> set[datetime]:
    TouchedBucket.objects.all().delete()
    fold(*events)
    return set(TouchedBucket.objects.values_list("bucket_start", flat=True))


# Owners and sums -------------------------------------------------------------------------------------------


def test_a_call_is_kept_as_its_event_says() -> None:
    properties = {
        "model": "m",
        "durationMs": 7,
        "status": "failed",
        "errorType": "timeout",
        "agentRunId": "a-9",
    }
    fold(call(1, inputTokens=3, outputTokens=2, costUsd=0.25, **properties))

    columns = (
        "session_id",
        "run_id",
        "agent_run_id",
        "trace_id",
        "span_id",
        "parent_span_id",
        "model",
        "called_at",
    )
    assert table(ModelCall, *columns) == [("s-1", "t-1", "a-9", "t-1", "2", "1", "m", minutes(1))]
    columns = (
        "duration_ms",
        "status",
        "error_type",
        "input_tokens",
        "output_tokens",
        "cost_micro_usd",
        "owner_id",
    )
    assert table(ModelCall, *columns) == [(7, "failed", "timeout", 3, 2, 250_000, "")]


def test_calls_before_and_after_their_agent_are_summed_up() -> None:
    fold_one_by_one(call(1, inputTokens=3, costUsd=0.5), agent(2), call(3, span="3", inputTokens=4))

    assert owners() == ["a-1", "a-1"]
    assert sums() == [("a-1", 2, 7, None, 500_000)]


def test_an_event_that_is_folded_again_adds_nothing() -> None:
    fold(agent(2), call(1, costUsd=0.5))
    RawEvent.objects.all().delete()
    fold(call(1, costUsd=0.5))

    assert sums() == [("a-1", 1, None, None, 500_000)]


def test_a_named_agent_gets_the_call_whenever_it_comes_and_whatever_its_trace() -> None:
    fold_one_by_one(agent(1), call(2, agentRunId="a-2"))
    assert owners() == ["a-1"]

    fold(agent(3, "a-2", traceId="t-2"))

    assert owners() == ["a-2"]
    assert [row[:2] for row in sums()] == [("a-1", 0), ("a-2", 1)]


def test_an_agent_whose_span_turns_out_to_be_another_loses_its_calls() -> None:
    fold_one_by_one(agent(1, span="5"), call(2, parent="5"))
    assert owners() == ["a-1"]

    fold(agent(1.5, span="4"))

    assert (owners(), sums()) == ([""], [("a-1", 0, None, None, None)])


def test_a_call_in_another_environment_has_another_agent() -> None:
    fold(agent(1), environment="staging")
    fold(call(2), environment="production")

    assert owners() == [""]


def test_a_link_that_comes_last_and_alone_leads_to_the_agent() -> None:
    fold(agent(2), call(1, parent="7", costUsd=0.5))
    assert owners() == [""]
    TouchedBucket.objects.all().delete()
    link("7", "1")

    pending.fold_pending(now=MOMENT)

    assert (owners(), sums()) == (["a-1"], [("a-1", 1, None, None, 500_000)])
    assert set(TouchedBucket.objects.values_list("bucket_start", flat=True)) == {minutes(0)}
    assert not SpanLink.objects.waiting().exists()


def test_an_old_call_stays_with_its_agent_when_the_links_are_forgotten() -> None:
    link("7", "1")
    fold(agent(2), call(1, parent="7"))
    SpanLink.objects.all().delete()

    fold(call(3, span="3"))
    assert owners() == ["", "a-1"]

    link("7", "1")
    fold(call(4, span="4"))
    SpanLink.objects.all().delete()
    fold_late(call(5, span="5"), now=minutes(8 * DAY))

    assert owners() == ["a-1", "a-1", "a-1", "a-1"]


def fold_late(*events: dict[str, Any], now: datetime) -> None:
    store(*events)
    pending.fold_pending(now=now)


def test_a_late_call_touches_the_buckets_of_its_agent_and_its_run() -> None:
    fold(event("workbench.workflow_run_completed", minutes(3 * DAY), runId="r-1", status="completed"))
    fold(agent(DAY, costUsd=1))

    assert touched_by(call(2 * DAY, costUsd=0.5)) == {minutes(DAY), minutes(2 * DAY), minutes(3 * DAY)}


def test_an_agent_touches_the_buckets_of_the_calls_that_it_takes() -> None:
    fold(call(1, costUsd=0.5))

    assert touched_by(agent(DAY)) == {minutes(0), minutes(DAY)}


@pytest.mark.parametrize("used", [{"costUsd": 0.5}, {"inputTokens": 5}], ids=["a cost", "tokens alone"])
def test_the_name_of_a_run_touches_its_calls_without_agent(used: dict[str, Any]) -> None:
    fold(call(1, runId="r-1", **used))

    started = event("workbench.workflow_run_started", minutes(DAY), runId="r-1", workflowName="w")
    assert touched_by(started) == {minutes(0), minutes(DAY)}


# Runs ------------------------------------------------------------------------------------------------------


def runs() -> list[tuple[Any, ...]]:
    return table(WorkflowRun, "run_id", "first_seen_at", "last_seen_at", "started_at", "status")


def test_a_run_that_only_an_agent_a_call_or_an_approval_names_is_known() -> None:
    fold(
        agent(5, runId="r-1"),
        call(1, runId="r-2", parent=""),
        event("workbench.approval_completed", minutes(3), approved=True, runId="r-3"),
        event("workbench.approval_requested", minutes(2), toolIds=["t"], contextType="c", runId="r-3"),
    )

    assert runs() == [
        ("r-1", minutes(5), minutes(5), None, ""),
        ("r-2", minutes(1), minutes(1), None, ""),
        ("r-3", minutes(2), minutes(3), None, ""),
    ]


def test_what_others_say_of_a_run_is_no_word_of_its_own() -> None:
    fold(
        agent(1),
        event("workbench.workflow_run_started", minutes(2), runId="r-1", session="s-9", workflowName="w"),
    )

    columns = ("run_id", "session_id", "workflow_name", "trace_id", "first_seen_at", "started_at")
    assert table(WorkflowRun, *columns) == [("r-1", "s-9", "w", "", minutes(1), minutes(2))]


def test_a_call_of_an_agent_of_another_run_makes_its_own_unknown_again() -> None:
    fold_one_by_one(call(1))
    assert [run_id for run_id, *_ in runs()] == ["t-1"]

    fold(agent(2))

    assert runs() == [("r-1", minutes(2), minutes(2), None, "")]


def test_a_run_that_is_named_otherwise_too_has_seen_all_calls_that_name_it() -> None:
    approval = event("workbench.approval_completed", minutes(9), approved=True, runId="t-1")

    fold_one_by_one(call(1), agent(2), approval)

    assert runs()[1] == ("t-1", minutes(1), minutes(9), None, "")


def test_a_session_that_is_only_a_trace_takes_no_step() -> None:
    run = {"runId": "r-1", "traceId": "t-1"}
    fold(
        event("workbench.workflow_run_started", minutes(1), session="t-1", **run),
        event("workbench.workflow_run_started", minutes(1), session="s-1", **run),
    )

    assert table(Session, "session_id") == [("s-1",)]


# The counter -----------------------------------------------------------------------------------------------


def counted() -> int:
    rows = BridgeCounter.objects.filter(family="workflow_cost_usd_total")
    return rows.aggregate(total=Sum("value"))["total"] or 0


@pytest.mark.parametrize("order", ["call first", "agent first", "one post"])
def test_the_cost_of_a_call_is_counted_once(order: str) -> None:
    events = [call(1, costUsd=0.5), call(1, span="3", costUsd=0.25), agent(2)]
    if order == "one post":
        fold(*events)
    else:
        fold_one_by_one(*(events if order == "call first" else reversed(events)))

    assert counted() == 750_000
    RawEvent.objects.all().delete()
    fold(*events)
    assert counted() == 750_000


def test_calls_add_what_they_cost_more_than_their_agent_said() -> None:
    fold_one_by_one(agent(1, costUsd=0.6), call(2, costUsd=0.5))
    assert counted() == 600_000

    fold_one_by_one(call(3, span="3", costUsd=0.5), call(4, span="4", costUsd=0.5))

    assert counted() == 1_500_000


def test_an_agent_adds_nothing_of_its_own_where_its_calls_say_what_they_cost() -> None:
    fold_one_by_one(call(1, costUsd=0.5), agent(2, costUsd=0.6))

    assert counted() == 500_000


def test_an_agents_own_cost_counts_where_none_of_its_calls_says_one() -> None:
    fold_one_by_one(call(1, inputTokens=5), agent(2, costUsd=0.6))

    assert counted() == 600_000


def test_calls_of_an_agent_that_runs_count_when_it_has_completed() -> None:
    started = event(
        "agent.run_started",
        minutes(0),
        agentRunId="a-1",
        runId="r-1",
        agentName="p",
        traceId="t-1",
        spanId="1",
    )
    fold_one_by_one(started, call(1, costUsd=0.5))
    assert counted() == 0

    fold(agent(2))

    assert counted() == 500_000


# Any order -------------------------------------------------------------------------------------------------

NOW = MOMENT + timedelta(hours=2)
TRACE = "0af7651916cd43dd8448eb211c80319c"
AGENT, CALL, WITHIN, BETWEEN_SERVICES = "agent", "call", "within", "between services"
WORKFLOW, APPROVAL = "workflow.execute", "approval.wait"


@dataclass(frozen=True)
class Told:
    """A span of a tree: what it is, which one is above it (-1: none), and its cost in micro-dollars."""

    role: str
    parent: int
    cost: int | None


@st.composite
def trees(draw: Any) -> list[Told]:
    size = draw(st.integers(1, 9))
    roles = st.sampled_from(
        (AGENT, AGENT, CALL, CALL, CALL, WITHIN, WITHIN, BETWEEN_SERVICES, WORKFLOW, APPROVAL)
    )
    costs = st.none() | st.integers(0, 3_000_000)
    return [Told(draw(roles), draw(st.integers(-1, place - 1)), draw(costs)) for place in range(size)]


def posted_span(tree: Sequence[Told], place: int) -> PostedSpan:
    told = tree[place]
    marks: Mapping[str, Any] = {
        AGENT: {"gen_ai.operation.name": "invoke_agent", "workflow.run.id": f"r-{place % 2}"},
        CALL: {"gen_ai.operation.name": "chat"},
        WORKFLOW: {"workflow.name": "w"},
    }.get(told.role, {})
    cost = {} if told.cost is None or not marks else {"gen_ai.usage.cost": told.cost / 1_000_000}
    start = int(MOMENT.timestamp() * 1e9) + place * 10**9 * 600
    return PostedSpan(
        trace_id=TRACE,
        span_id=span_id(place),
        parent_id="" if told.parent < 0 else span_id(told.parent),
        name=told.role,
        start_ns=start,
        end_ns=start + 10**9,
        is_error=False,
        attributes={**marks, **cost},
        exception_type="",
        environment="",
        is_internal=told.role != BETWEEN_SERVICES,
    )


def span_id(place: int) -> str:
    return f"{place + 1:016x}"


def play(tree: Sequence[Told], *, key: ApiKey, seed: int) -> None:
    """Post the spans in an order and in portions that the seed decides, some of them twice."""
    clear_tables()
    dice = random.Random(seed)
    places = [*range(len(tree)), *dice.choices(range(len(tree)), k=2)]
    dice.shuffle(places)
    while places:
        taken = [places.pop() for _ in range(min(len(places), dice.choice((1, 1, 2, 5))))]
        translated = translate([posted_span(tree, place) for place in taken])
        ingest_events(translated.events, key=key, now=NOW, links=translated.links)
        if dice.random() < 0.4:
            pending.fold_pending(now=NOW)
    bring_up_to_date(now=NOW)


def owner_in(tree: Sequence[Told], place: int) -> int | None:
    """The agent above the call in the tree, if only what may lie between them does."""
    above = tree[place].parent
    while above >= 0 and tree[above].role != AGENT:
        if tree[above].role not in {CALL, WITHIN}:
            return None
        above = tree[above].parent
    return above if above >= 0 else None


@override_settings(COST_USD_PER_MINUTE=0.0)
@examples(25)
@given(tree=trees(), first=st.integers(0, 2**32), second=st.integers(0, 2**32))
def test_spans_in_any_order_give_the_tree_its_owners_and_its_cost(
    tree: list[Told], first: int, second: int
) -> None:
    key = ApiKey.objects.first() or make_key()

    play(tree, key=key, seed=first)
    before = tables(of=("workbench", "kpis"))
    play(tree, key=key, seed=second)

    assert tables(of=("workbench", "kpis")) == before
    owned = {place: owner_in(tree, place) for place, told in enumerate(tree) if told.role == CALL}
    names = {place: "" if owner is None else f"{TRACE}-{span_id(owner)}" for place, owner in owned.items()}
    assert dict(ModelCall.objects.values_list("span_id", "owner_id")) == {
        span_id(place): name for place, name in names.items()
    }
    assert cost_of_kpi() == expected_cost(tree, owned)
    own = [told for told in tree if told.role == AGENT and told.cost is not None]
    assert counted() >= cost_of_kpi() if own else counted() == cost_of_kpi()


def expected_cost(tree: Sequence[Told], owned: Mapping[int, int | None]) -> int:
    total = 0
    for place, told in enumerate(tree):
        called = [tree[call].cost for call, owner in owned.items() if owner == place]
        if (told.role == AGENT and all(cost is None for cost in called)) or told.role == CALL:
            total += told.cost or 0
    return total


def cost_of_kpi() -> int:
    rows = KpiBucket.objects.filter(kpi="execution-cost", granularity="base", dimension="")
    return rows.aggregate(total=Sum("numerator"))["total"] or 0
