"""What agents did and used, by workflow, agent and model: exact rows, and that their sums are those of the KPI."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext

from kpis.compute import rollup
from kpis.compute.usage import (
    AGENT_RUNS,
    CALLS_WITHOUT_AGENT,
    ERROR_TYPES_KEPT,
    OTHER_ERRORS,
    OWNED_CALLS,
    SUMS,
    filled_in,
    most_frequent,
)
from kpis.histogram import bin_of
from kpis.models import Freshness, KpiBucket, StoredGranularity, UsageBucket
from telemetry.models import Environment
from tests.builders import minutes
from workbench.buckets import bucket_of, mark_touched
from workbench.dialect import current
from workbench.models import AgentRun, ModelCall, WorkflowRun

pytestmark = pytest.mark.django_db


def make_run(run: str = "r-1", *, at: float = 0, environment: str = "production", **fields: Any) -> None:
    WorkflowRun.objects.create(
        run_id=run,
        environment=environment,
        started_at=minutes(at) - timedelta(minutes=2),
        completed_at=minutes(at),
        **{"status": "completed", "workflow_name": "triage", **fields},
    )


def make_agent(agent: str = "a-1", *, at: float = 0, environment: str = "production", **fields: Any) -> None:
    AgentRun.objects.create(
        agent_run_id=agent,
        environment=environment,
        **{
            "run_id": "r-1",
            "agent_name": "writer",
            "model": "small",
            "completed_at": minutes(at),
            "status": "completed",
            **fields,
        },
    )


def make_call(owner: str = "", *, at: float = 0, environment: str = "production", **fields: Any) -> None:
    call = {
        "run_id": "r-1",
        "model": "large",
        "called_at": minutes(at),
        "status": "completed",
        "input_tokens": 100,
        "output_tokens": 10,
        "cost_micro_usd": 1000,
        **fields,
    }
    ModelCall.objects.create(event_key=uuid.uuid4(), environment=environment, owner_id=owner, **call)


def called(*, calls: int, times: int) -> dict[str, int]:
    """What an agent run has of so many calls, of which as many as `times` say what they used."""
    return {
        "calls": calls,
        "called_input_tokens": 100 * times,
        "called_output_tokens": 10 * times,
        "called_cost_micro_usd": 1000 * times,
    }


def rolled_up(*buckets: float, environment: str = "production") -> None:
    """Computes the buckets at these minutes; the first one if none is named."""
    Environment.objects.get_or_create(name=environment)
    mark_touched(environment=environment, buckets={bucket_of(minutes(at)) for at in buckets or (0,)})
    rollup.roll_up(environment=environment, now=minutes(900))


def rows(*names: str, granularity: str = StoredGranularity.BASE) -> list[tuple[Any, ...]]:
    found = UsageBucket.objects.filter(environment="production", granularity=granularity)
    return sorted(found.values_list("workflow", "agent", "model", *names))


def total(name: str, granularity: str = StoredGranularity.BASE) -> int:
    return int(UsageBucket.objects.filter(granularity=granularity).aggregate(total=Sum(name))["total"])


def test_an_agent_run_counts_what_it_reports_where_none_of_its_calls_reports_any() -> None:
    make_run()
    make_agent(input_tokens=7, output_tokens=3, cost_micro_usd=500, calls=1, called_input_tokens=0)
    make_call("a-1", model="small", input_tokens=0, output_tokens=None, cost_micro_usd=None)

    rolled_up()

    assert rows(*SUMS) == [("triage", "writer", "small", 1, 0, 1, 0, 3, 500, 0)]
    assert rows(*SUMS, granularity=StoredGranularity.DAY) == rows(*SUMS)


def test_the_calls_of_an_agent_run_count_in_the_place_of_what_it_reports() -> None:
    make_run()
    make_agent(input_tokens=7, output_tokens=3, cost_micro_usd=500, **called(calls=3, times=2))
    make_call("a-1", at=-60)
    make_call("a-1", at=-50, model="")
    make_call("a-1", at=-50, input_tokens=None, output_tokens=None, cost_micro_usd=None)

    rolled_up(0, -60)

    assert rows("calls", "input_tokens", "output_tokens", "cost_micro_usd", "agent_runs") == [
        ("triage", "writer", "large", 2, 100, 10, 1000, 0),
        ("triage", "writer", "small", 0, 0, 0, 0, 1),
        ("triage", "writer", "unknown", 1, 100, 10, 1000, 0),
    ]


def test_a_call_without_an_agent_run_counts_for_its_run_at_its_own_moment() -> None:
    make_run(at=30)
    make_agent(at=30, cost_micro_usd=1)
    make_call(at=0)
    make_call(at=0, run_id="")

    rolled_up(0, 30)

    assert rows("period_start", "cost_micro_usd") == [
        ("triage", "", "large", minutes(0), 1000),
        ("triage", "writer", "small", minutes(30), 1),
        ("unknown", "", "large", minutes(0), 1000),
    ]


def test_agents_of_another_environment_with_the_same_id_do_not_count() -> None:
    for environment in ("production", "staging"):
        make_run(environment=environment)
        make_agent(environment=environment, **called(calls=1, times=1))
        make_call("a-1", environment=environment)

    rolled_up()

    assert total("cost_micro_usd") == 1000
    assert total("agent_runs") == 1


def test_the_estimate_of_a_run_without_a_cost_has_no_agent_and_no_model(settings: LazySettings) -> None:
    settings.COST_USD_PER_MINUTE = 0.01
    make_run()
    make_agent(input_tokens=7)

    rolled_up()

    assert rows("estimated_micro_usd", "input_tokens") == [
        ("triage", "", "", 20_000, 0),
        ("triage", "writer", "small", 0, 7),
    ]


def test_an_estimate_is_measured_once_for_the_kpi_and_the_usage() -> None:
    make_run()

    with CaptureQueriesContext(connection) as queries:
        rolled_up()

    assert (
        sum(
            "workbench_workflowrun AS thing" in query["sql"] and "NOT EXISTS" in query["sql"]
            for query in queries
        )
        == 1
    )
    assert (
        total("estimated_micro_usd")
        == KpiBucket.objects.get(
            kpi="execution-cost", granularity=StoredGranularity.BASE, dimension=""
        ).numerator
    )


def test_sums_are_those_of_the_kpi_by_workflow_and_as_a_whole() -> None:
    make_run("r-1")
    make_run("r-2", workflow_name="report")
    make_run("r-3", at=20, workflow_name="", workflow_id="wf-3")
    make_agent("a-1", cost_micro_usd=500)
    make_agent("a-2", cost_micro_usd=700, agent_name="", run_id="r-2", at=16)
    make_agent("a-3", cost_micro_usd=900, run_id="nobody's")

    rolled_up(0, 15)

    for granularity in StoredGranularity:
        by_workflow = UsageBucket.objects.filter(granularity=granularity).values_list("workflow")
        sums = by_workflow.annotate(Sum("cost_micro_usd"), Sum("estimated_micro_usd"))
        kpi = KpiBucket.objects.filter(kpi="execution-cost", granularity=granularity, dimension="workflow")
        assert {name: int(reported + estimated) for name, reported, estimated in sums} == {
            name: int(cost) for name, cost in kpi.values_list("value").annotate(Sum("numerator"))
        }


def test_counts_durations_errors_and_what_was_no_first_attempt() -> None:
    make_run()
    make_agent("a-1", duration_ms=2000, attempt=1)
    make_agent("a-2", duration_ms=2000, attempt=2, status="failed", error_type="Timeout")
    make_agent("a-3", attempt=3, status="failed")
    make_agent("a-4", status="cancelled", error_type="Cancelled", started_at=minutes(1))

    rolled_up()

    assert rows("agent_runs", "retries") == [("triage", "", "", 0, 0), ("triage", "writer", "small", 4, 2)]
    for row in UsageBucket.objects.filter(agent="writer"):
        assert row.histogram == {str(bin_of(2_000_000)): 2}
        assert row.error_types == {"Timeout": 1, "unknown": 1}


def test_a_day_is_the_sum_of_its_buckets_in_the_reporting_zone(settings: LazySettings) -> None:
    settings.REPORTING_TIME_ZONE = "Asia/Kolkata"
    for number, at in enumerate((0, 15, 8 * 60 + 30)):
        make_agent(
            f"a-{number}", at=at, input_tokens=1, duration_ms=1000, status="failed", error_type="Timeout"
        )

    rolled_up(0, 15, 8 * 60 + 30)

    days = UsageBucket.objects.filter(granularity=StoredGranularity.DAY).order_by("period_start")
    assert [(row.agent_runs, row.input_tokens, row.error_types) for row in days] == [
        (2, 2, {"Timeout": 2}),
        (1, 1, {"Timeout": 1}),
    ]
    assert days[0].histogram == {str(bin_of(1_000_000)): 2}


def test_days_follow_a_change_of_the_zone(settings: LazySettings) -> None:
    make_agent(at=0)
    make_agent("a-2", at=13 * 60)
    rolled_up(0, 13 * 60)

    settings.REPORTING_TIME_ZONE = "Asia/Tokyo"
    rollup.roll_up(environment="production", now=minutes(900))

    days = UsageBucket.objects.filter(granularity=StoredGranularity.DAY).order_by("period_start")
    assert [row.agent_runs for row in days] == [1, 1]


def test_computing_twice_changes_nothing_and_a_thing_that_left_is_gone() -> None:
    make_agent(input_tokens=3)
    rolled_up()
    before = rows(*SUMS)
    rolled_up()
    assert rows(*SUMS) == before

    AgentRun.objects.update(completed_at=minutes(30))
    rolled_up(0, 30)

    assert rows("period_start", "input_tokens") == [("unknown", "writer", "small", minutes(30), 3)]


def test_the_past_is_computed_once_by_the_first_rollup_that_keeps_usage() -> None:
    make_agent(input_tokens=3)
    rolled_up()
    UsageBucket.objects.all().delete()
    Freshness.objects.update(has_usage=False)

    rollup.roll_up(environment="production", now=minutes(900))

    assert total("input_tokens") == 3
    assert Freshness.objects.get().has_usage


def test_a_day_keeps_the_most_frequent_errors_and_counts_the_others_together() -> None:
    errors = {f"E{number:02}": 2 for number in range(ERROR_TYPES_KEPT)} | {
        "rare": 1,
        "rarer": 1,
        OTHER_ERRORS: 9,
    }

    kept = most_frequent(errors)

    assert len(kept) == ERROR_TYPES_KEPT + 1
    assert kept[OTHER_ERRORS] == 11
    assert most_frequent({"Timeout": 1}) == {"Timeout": 1}


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (AGENT_RUNS, "agent USING INDEX agent_run_completed"),
        (OWNED_CALLS, "call USING INDEX model_call_owner"),
        (CALLS_WITHOUT_AGENT, "call USING INDEX model_call_called"),
    ],
    ids=["agent runs", "calls of agents", "other calls"],
)
def test_reads_the_things_of_the_range_alone(statement: str, index: str) -> None:
    sql = filled_in(statement, ranges=1, dialect=current())
    start, end = (connection.ops.adapt_datetimefield_value(minutes(at)) for at in (0, 15))
    parameters = [*["production"] * sql.count("environment = %s"), start, end]

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)
        steps = [detail for *_, detail in cursor.fetchall()]

    assert any(index in step for step in steps)
    assert not [step for step in steps if step.startswith("SCAN")]
