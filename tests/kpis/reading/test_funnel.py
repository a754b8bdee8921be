from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from pytest_django import DjangoAssertNumQueries

from kpis.models import StoredGranularity
from kpis.reading.funnel import FunnelReading, compare_funnel, known_sources
from kpis.reading.periods import Range
from tests.kpis.builders import DAY, make_environment
from tests.kpis.funnel_builders import make_funnel
from workbench.stopped_sessions import SessionFilter

pytestmark = pytest.mark.django_db

RANGE = Range(start=DAY, end=DAY + timedelta(days=2), zone=ZoneInfo("UTC"))
EVERY = SessionFilter()


def read(range: Range = RANGE, *, chosen: SessionFilter = EVERY) -> FunnelReading:
    return compare_funnel(environment="production", range=range, chosen=chosen).current


def counts(reading: FunnelReading) -> list[int]:
    return [step.sessions for step in reading.steps]


def test_each_step_is_a_share_of_the_one_before_and_of_the_first() -> None:
    make_environment()
    make_funnel(10, 8, 4, 4, 1)

    reading = read()

    assert counts(reading) == [10, 8, 4, 4, 1]
    assert [step.conversion.value for step in reading.steps] == [None, 0.8, 0.5, 1, 0.25]
    assert [step.conversion_from_start.value for step in reading.steps] == [1, 0.8, 0.4, 0.4, 0.1]
    assert [step.stopped for step in reading.steps] == [2, 4, 0, 3, None]
    assert [step.mean for step in reading.steps] == [None, 60, 60, 60, 60]
    assert [step.median for step in reading.steps] == [None, *[pytest.approx(60, rel=0.01)] * 4]
    assert reading.worst is reading.steps[1]


def test_nothing_is_a_share_of_nothing() -> None:
    make_environment()

    reading = read()

    assert counts(reading) == [0] * 5
    assert {step.conversion.value for step in reading.steps} == {None}
    assert {step.conversion_from_start.value for step in reading.steps} == {None}
    assert reading.worst is None


def test_a_median_is_of_all_rows_together() -> None:
    make_environment()
    make_funnel(1, 1, seconds=10)
    make_funnel(2, 2, seconds=600, period_start=DAY + timedelta(days=1))

    assert read().steps[1].median == pytest.approx(600, rel=0.01)


@pytest.mark.parametrize(
    ("chosen", "started"),
    [
        (EVERY, 15),
        (SessionFilter(source="chat"), 6),
        (SessionFilter(source="blank"), 4),
        (SessionFilter(used_template=True), 8),
        (SessionFilter(source="chat", used_template=False), 2 + 4),
        (SessionFilter(source="import"), 0),
    ],
)
def test_a_session_of_several_sources_counts_for_each_and_once_in_all(
    chosen: SessionFilter, started: int
) -> None:
    make_environment()
    make_funnel(1)
    make_funnel(2, sources=["chat"])
    make_funnel(4, sources=["blank", "chat"])
    make_funnel(8, sources=["template"], used_template=True)

    assert read(chosen=chosen).steps[0].sessions == started


def test_reads_days_and_at_the_edges_quarter_hours_of_a_half_open_range() -> None:
    make_environment()
    base = StoredGranularity.BASE
    start = DAY - timedelta(minutes=15)
    make_funnel(1, period_start=start - timedelta(minutes=15), granularity=base)
    make_funnel(2, period_start=start, granularity=base)
    make_funnel(4, period_start=DAY)
    make_funnel(8, period_start=DAY + timedelta(days=1), granularity=base)
    make_funnel(16, period_start=DAY + timedelta(days=1, minutes=15), granularity=base)
    end = DAY + timedelta(days=1, minutes=15)

    assert read(Range(start=start, end=end, zone=RANGE.zone)).steps[0].sessions == 14


def test_compares_with_the_range_before_in_three_queries(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    make_environment()
    make_funnel(3)
    make_funnel(5, period_start=DAY - timedelta(days=1))
    make_funnel(7, period_start=DAY - timedelta(days=3))
    make_funnel(9, environment="staging")

    with django_assert_num_queries(3):
        comparison = compare_funnel(environment="production", range=RANGE, chosen=EVERY)

    assert comparison.current.steps[0].sessions == 3
    assert comparison.previous.steps[0].sessions == 5
    assert comparison.previous.range.start == DAY - timedelta(days=2)


def test_what_is_not_computed_is_not_read() -> None:
    make_environment(computed_until=None)
    make_funnel(3)

    assert counts(read()) == [0] * 5


def test_the_plan_knows_the_sources() -> None:
    assert known_sources() == ("chat", "template", "blank")
