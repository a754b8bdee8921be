from datetime import datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from kpis.days import reporting_zone
from kpis.reading.periods import recent_days
from kpis.reading.usage.agents import AgentsReading, read_agents
from tests.builders import NOW
from tests.kpis.builders import DAY, make_bucket, make_environment
from tests.kpis.usage_builders import make_failures, make_usage

pytestmark = pytest.mark.django_db

LAST_WEEK = DAY - timedelta(days=7)


def read(days: int = 7) -> AgentsReading:
    return read_agents(environment="production", range=recent_days(days, zone=reporting_zone(), now=NOW))


@pytest.fixture
def _computed() -> None:
    make_environment()


@pytest.mark.usefixtures("_computed")
def test_puts_runs_failures_and_usage_of_an_agent_together() -> None:
    make_failures(failed=2, finished=8)
    make_usage(agent_runs=9, retries=1, input_tokens=5, cost_micro_usd=2_000_000, seconds=[1, 1, 1, 9])
    make_usage(model="model-large", agent_runs=1, output_tokens=4, seconds=[9])

    [writer] = read().agents

    assert (writer.agent, writer.figures.failed, writer.figures.finished) == ("writer", 2, 8)
    assert writer.figures.failure_rate == 0.25
    assert (writer.figures.usage.agent_runs, writer.figures.usage.retries) == (10, 1)
    assert (writer.figures.usage.input_tokens, writer.figures.usage.output_tokens) == (5, 4)
    assert writer.figures.usage.cost_usd == 2
    assert writer.p50 == pytest.approx(1, rel=0.01)
    assert writer.p95 == pytest.approx(9, rel=0.01)


@pytest.mark.usefixtures("_computed")
def test_adds_up_errors_and_names_the_most_frequent_first() -> None:
    make_usage(error_types={"Timeout": 1, "ToolFailed": 1})
    make_usage(period_start=DAY + timedelta(days=1), error_types={"ToolFailed": 2, "…": 1})

    [writer] = read().agents

    assert writer.error_types == [("ToolFailed", 3), ("Timeout", 1), ("…", 1)]


@pytest.mark.usefixtures("_computed")
def test_gives_the_failure_rate_of_each_day_with_gaps() -> None:
    make_failures(failed=1, finished=4)

    [writer] = read().agents

    assert writer.rates == [None, 0.25, None, None, None, None, None]
    assert (writer.p50, writer.p95) == (None, None)


@pytest.mark.usefixtures("_computed")
def test_compares_with_the_range_before_and_adds_up_all_agents() -> None:
    make_bucket("agent-failure-rate", numerator=3, denominator=30)
    make_bucket("agent-failure-rate", numerator=1, denominator=40, period_start=LAST_WEEK)
    make_failures(failed=3, finished=30)
    make_failures(failed=1, finished=40, period_start=LAST_WEEK)
    make_usage(agent_runs=30, error_types={"Timeout": 3}, seconds=[2])
    make_usage("gone", agent_runs=40, period_start=LAST_WEEK)
    make_usage("", agent_runs=0, cost_micro_usd=9)

    reading = read()

    assert [agent.agent for agent in reading.agents] == ["writer"]
    assert reading.agents[0].previous.failed == 1
    total = reading.total
    assert (total.figures.failed, total.figures.usage.agent_runs, total.figures.usage.cost_usd) == (3, 30, 0)
    assert (total.previous.failed, total.previous.usage.agent_runs) == (1, 40)
    assert total.error_types == [("Timeout", 3)]
    assert total.p50 == pytest.approx(2, rel=0.01)


def test_has_nothing_where_nothing_is_computed() -> None:
    make_environment(computed_until=None)
    make_usage()

    reading = read()

    assert (reading.agents, reading.total.figures.failure_rate) == ([], None)


@pytest.mark.parametrize("agents", [1, 30])
def test_reads_any_number_of_agents_in_six_queries(
    agents: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_environment()
    for number in range(agents):
        make_failures(f"agent-{number}")
        make_usage(f"agent-{number}")

    with django_assert_num_queries(6):
        read(90)


def test_the_agent_with_most_runs_comes_first(now: datetime) -> None:
    make_environment()
    make_usage("few", agent_runs=1)
    make_usage("many", agent_runs=20)

    assert [agent.agent for agent in read().agents] == ["many", "few"]
