import uuid
from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from telemetry.models import Environment, RawEvent
from tests import rows
from tests.builders import NOW
from tests.workbench.runs.builders import decide, make_agent, make_approval, make_call, make_run
from workbench.runs.detail import RunDetail, UnknownRun, read_run
from workbench.runs.filters import RunConditions
from workbench.runs.listing import list_runs
from workbench.runs.totals import Used

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def read(name: str = "r-1") -> RunDetail:
    return read_run(name, environment="production", now=NOW)


@pytest.mark.parametrize("name", ["r-2", "", "r-1\0"])
def test_a_run_that_is_not_there_is_unknown(name: str) -> None:
    make_run()
    make_run("r-2", environment="staging")

    with pytest.raises(UnknownRun):
        read(name)


def test_says_of_a_run_what_the_list_says() -> None:
    make_run()
    make_agent(cost_micro_usd=5)
    make_agent("other", run="r-2", cost_micro_usd=5)

    (listed,) = list_runs(RunConditions(), environment="production", now=NOW).runs

    assert read().listed == listed


def test_has_the_calls_that_name_the_run_and_those_of_its_agents() -> None:
    make_run()
    make_agent(calls=1)
    make_call("", model="named")
    make_call("a-1", run="the-trace", model="owned")
    make_call("a-9", run="the-trace", model="of another run")

    assert sorted(call.model for call in read().calls) == ["named", "owned"]


def test_leaves_out_a_call_that_names_the_run_and_was_made_for_another_one() -> None:
    make_run()
    make_agent("a-2", run="r-2", calls=1, called_cost_micro_usd=9)
    make_call("a-2", cost_micro_usd=9)

    detail = read()

    assert (detail.calls, detail.by_model, detail.listed.totals.used.cost) == ([], [], None)


def test_approvals_have_the_decision_that_answers_them() -> None:
    make_run()
    decide(make_approval(), approved=False)
    make_approval(back=timedelta(minutes=59))

    answered, waiting = read().approvals

    assert answered.decision is not None
    assert (answered.decision.approved, waiting.decision) == (False, None)


@pytest.mark.parametrize("place", [{"run_id": ""}, {"session_id": "s-2"}], ids=["no run", "another session"])
def test_a_decision_is_found_by_its_approval_wherever_it_was_made(place: dict[str, str]) -> None:
    make_run()
    decide(make_approval(approval_id="ap-1"), approved=False, **place)

    (wait,) = read().approvals

    assert wait.decision is not None
    assert not wait.decision.approved


def test_a_decision_that_names_no_approval_answers_one_that_has_an_id() -> None:
    make_run()
    decide(make_approval(approval_id="ap-1"), approval_id="")

    (wait,) = read().approvals

    assert wait.decision is not None


def test_adds_up_what_agents_and_models_used_and_nothing_twice() -> None:
    make_run()
    make_agent("a-1", model="large", calls=2, called_cost_micro_usd=50, cost_micro_usd=999)
    make_agent("a-2", model="large", cost_micro_usd=7, status="failed")
    make_agent("a-3", agent_name="reviewer", model="small", cost_micro_usd=1)
    make_call(model="small", cost_micro_usd=20)
    make_call(model="medium", cost_micro_usd=30, status="failed")

    detail = read()

    agents = [(part.name, part.times, part.failed, part.calls, part.used.cost) for part in detail.by_agent]
    models = [(part.name, part.times, part.failed, part.used.cost) for part in detail.by_model]
    assert agents == [("writer", 2, 1, 2, 57), ("reviewer", 1, 0, 0, 1)]
    assert models == [("medium", 1, 1, 30), ("small", 1, 0, 21), ("large", 0, 0, 7)]
    assert detail.listed.cost == 58


def test_what_no_model_call_of_an_agent_reports_is_its_own_figure() -> None:
    make_run()
    make_agent(calls=1, called_input_tokens=5, input_tokens=9, cost_micro_usd=7)
    make_call(input_tokens=5)

    detail = read()

    assert detail.listed.totals.used == Used(input_tokens=5, cost=7)
    assert [part.used for part in detail.by_agent] == [Used(input_tokens=5, cost=7)]
    assert {part.name: part.used for part in detail.by_model} == {
        "model-small": Used(input_tokens=5),
        "unknown": Used(cost=7),
    }
    assert not detail.listed.is_cost_estimated


def test_says_where_it_failed_and_where_else_the_same_error_is() -> None:
    make_run("first", back=timedelta(days=90), error_type="Timeout", status="failed")
    make_run("before", back=2 * HOUR, error_type="Timeout", status="failed", workflow_name="billing")
    make_run(error_type="Timeout", status="failed")
    make_run("other", error_type="Denied", status="failed")
    make_agent(status="failed", action="search", error_type="Timeout")
    make_agent("a-2")

    detail = read()

    same = detail.same_error
    assert same is not None
    assert same.first is not None
    assert same.last is not None
    assert (same.first.run_id, same.last.run_id, same.is_more) == ("first", "r-1", False)
    assert sorted(same.workflows) == [("billing", 1), ("triage", 1)]
    assert [(part.name, part.action, part.times) for part in detail.failed] == [("writer", "search", 1)]


def test_retries_lead_both_ways() -> None:
    make_run("first", back=2 * HOUR)
    make_run("second", retry_of_run_id="first")
    make_run("third", retry_of_run_id="gone")

    first, second, third = (read(name) for name in ("first", "second", "third"))

    assert [run.run_id for run in first.retried_by] == ["second"]
    assert second.retry_of is not None
    assert (first.retry_of, second.retry_of.run_id, third.retry_of) == (None, "first", None)


def test_shows_the_nearest_runs_of_the_workflow() -> None:
    for hours in range(1, 12):
        make_run(f"r-{hours}", back=hours * HOUR)
    make_run("other", workflow_name="billing", back=6 * HOUR)

    detail = read("r-6")

    assert [run.run_id for run in detail.earlier] == ["r-7", "r-8", "r-9", "r-10"]
    assert [run.run_id for run in detail.later] == ["r-5", "r-4", "r-3", "r-2"]


def test_tells_the_events_in_order_with_the_source_of_those_that_are_kept() -> None:
    key = uuid.uuid4()
    run = make_run(completed_key=key)
    make_agent()
    RawEvent.objects.create(
        event_key=key,
        # A corrected clock: it was sent a day earlier.
        day=(NOW - timedelta(days=1)).date(),
        arrival_id=1,
        environment="production",
        source="engine",
        event="workbench.workflow_run_completed",
        event_id="e-1",
        session_id="s-1",
        occurred_at=run.completed_at,
        properties={},
    )

    events = read().events.accepted

    assert [(event.event, event.raw.source if event.raw else "") for event in events] == [
        ("agent.run_started", ""),
        ("workbench.workflow_run_started", ""),
        ("agent.run_completed", ""),
        ("workbench.workflow_run_completed", "engine"),
    ]


def test_shows_the_rejected_events_that_name_the_run() -> None:
    make_run()
    for number, name in enumerate(["r-1", "r-2", ""]):
        rows.quarantined_event(
            number, payload={"event": "x", "properties": {"runId": name}}, code="wrong_type"
        )

    (rejected,) = read().events.rejected

    assert rejected.code == "wrong_type"


def test_says_that_raw_events_are_gone() -> None:
    make_run()
    Environment.objects.create(name="production", raw_kept_from=NOW)

    assert read().events.raw_kept_from == NOW


def test_knows_the_run_of_what_names_none_in_its_trace() -> None:
    make_run(trace_id="t-1")
    make_run("t-1", trace_id="t-1")
    make_run("t-2", environment="staging")
    make_run("alone", trace_id="t-2")
    make_run("untraced")

    found = {name: read(name).unnamed for name in ("r-1", "t-1", "alone", "untraced")}

    assert {name: run and run.run_id for name, run in found.items()} == {
        "r-1": "t-1", "t-1": None, "alone": None, "untraced": None,
    }  # fmt: skip


@pytest.mark.parametrize("agents", [1, 30])
def test_the_number_of_queries_does_not_depend_on_the_size_of_the_run(
    agents: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_run(error_type="Timeout", status="failed", retry_of_run_id="r-0", trace_id="t-1")
    for number in range(agents):
        make_agent(f"a-{number}", calls=1, trace_id="t-1", parent_span_id="tool")
        make_call(f"a-{number}")
        decide(make_approval())

    with django_assert_num_queries(20):
        read()
