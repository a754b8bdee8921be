from datetime import datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from kpis.days import reporting_zone
from kpis.models import StoredGranularity
from kpis.reading.periods import Range, recent_days
from kpis.reading.usage.breakdown import (
    Usage,
    UsageComparison,
    UsageDimension,
    compare_usage,
    computed_until_of,
    read_usage,
)
from tests.builders import NOW
from tests.kpis.builders import DAY, make_environment
from tests.kpis.usage_builders import make_usage

pytestmark = pytest.mark.django_db


def week() -> Range:
    return recent_days(7, zone=reporting_zone(), now=NOW)


def compare(
    by: UsageDimension | None = UsageDimension.AGENT, *, until: datetime | None = NOW
) -> UsageComparison:
    return compare_usage(environment="production", range=week(), by=by, computed_until=until)


def test_breaks_down_by_each_dimension_to_the_same_total() -> None:
    make_usage("writer", cost_micro_usd=3, input_tokens=10)
    make_usage("matcher", workflow="match", model="model-large", cost_micro_usd=5, output_tokens=2)
    make_usage("", workflow="match", model="", agent_runs=0, estimated_micro_usd=7)

    readings = {by: compare(by).current for by in (*UsageDimension, None)}

    expected = Usage(20, 0, 0, 10, 2, 8, 7)
    for reading in readings.values():
        assert reading.total == expected
    values = {by: [part.value for part in reading.slices] for by, reading in readings.items()}
    assert values == {
        "workflow": ["match", "triage"],
        "agent": ["", "matcher", "writer"],
        "model": ["", "model-large", "model-small"],
        None: [],
    }


def test_gives_every_day_and_ends_where_nothing_is_computed() -> None:
    make_usage(cost_micro_usd=3)
    make_usage(cost_micro_usd=4, period_start=DAY + timedelta(days=1))

    reading = compare(until=DAY + timedelta(days=2)).current

    assert [usage.cost_micro_usd for usage in reading.series] == [0, 3, 4]
    assert [usage.cost_micro_usd for usage in reading.slices[0].series] == [0, 3, 4]
    assert compare(until=None).current.total == Usage()


def test_compares_with_the_same_part_of_the_range_before() -> None:
    quarter = timedelta(minutes=15)
    before = NOW - timedelta(days=7)
    base = {"granularity": StoredGranularity.BASE}
    make_usage(period_start=before.replace(hour=0), cost_micro_usd=1000)
    make_usage(period_start=before, cost_micro_usd=1, **base)
    make_usage(period_start=before + quarter, cost_micro_usd=20, **base)
    make_usage(period_start=before - timedelta(days=6, hours=12), cost_micro_usd=300)

    assert compare().previous.total.cost_micro_usd == 301


def test_environments_are_read_apart() -> None:
    make_usage(environment="staging", cost_micro_usd=3)

    assert compare().current.total == Usage()


@pytest.mark.parametrize("days", [1, 7])
def test_reads_in_one_query(days: int, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    make_environment()
    for number in range(days):
        make_usage(period_start=DAY + timedelta(days=number))

    with django_assert_num_queries(2):
        until = computed_until_of("production")
        read_usage(environment="production", range=week(), by=UsageDimension.MODEL, computed_until=until)
