from datetime import timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from kpis.models import KpiBucket
from kpis.reading.windows import WindowReading, read_windows
from kpis.registry import DEFINITIONS
from tests.kpis.builders import NOW, make_bucket, make_durations, make_environment, make_target

pytestmark = pytest.mark.django_db

TODAY = NOW.replace(hour=0)
ONE_DAY = timedelta(days=1)
SUGGESTIONS = "template-suggestion-rate"
ADOPTION = "workbench-adoption"
CREATION = "time-to-create-workflow"


def windows_of(kpi: str, *, environment: str = "production") -> dict[str, WindowReading]:
    """The KPI's readings in the environment, by window."""
    return {
        reading.window: reading
        for reading in read_windows(now=NOW)
        if (reading.kpi, reading.environment) == (kpi, environment)
    }


def make_origin(environment: str, *, value: str, **fields: Any) -> None:
    make_bucket(ADOPTION, environment=environment, dimension="origin", value=value, **fields)


def test_reads_windows_of_today_and_the_days_before() -> None:
    make_environment()
    for days in (0, 1, 6, 7, 27, 28):
        make_bucket(numerator=1, denominator=2, period_start=TODAY - days * ONE_DAY)

    windows = windows_of(SUGGESTIONS)

    assert {name: (window.numerator, window.denominator) for name, window in windows.items()} == {
        "1d": (1, 2),
        "7d": (3, 6),
        "28d": (5, 10),
    }


def test_gives_a_window_its_value_goals_and_verdict() -> None:
    make_environment()
    make_bucket(numerator=5, denominator=10)

    assert windows_of(SUGGESTIONS)["28d"] == WindowReading(
        kpi=SUGGESTIONS,
        persona="agent",
        environment="production",
        window="28d",
        numerator=5,
        denominator=10,
        value=0.5,
        target=0.3,
        baseline=None,
        verdict="too_few_events",
        is_too_close_to_call=False,
    )


def test_judges_a_window_by_the_target_of_today() -> None:
    make_environment()
    make_bucket(numerator=40, denominator=100, period_start=TODAY - ONE_DAY)
    make_target(SUGGESTIONS, "0.5", since=TODAY.date())
    make_target(SUGGESTIONS, "0.1", since=TODAY.date() + ONE_DAY)

    window = windows_of(SUGGESTIONS)["7d"]

    assert (window.target, window.verdict) == (0.5, "off_target")


def test_reads_windows_of_every_kpi_and_computed_environment() -> None:
    make_environment()
    make_environment("staging")
    make_environment("new", computed_until=None)

    found = [(reading.environment, reading.kpi, reading.window) for reading in read_windows(now=NOW)]

    assert found == [
        (environment, kpi.slug, window)
        for environment in ("production", "staging")
        for kpi in DEFINITIONS
        for window in ("1d", "7d", "28d")
    ]


def test_cannot_measure_a_window_of_adoption_without_another_origin() -> None:
    make_environment()
    make_environment("staging")
    for environment in ("production", "staging"):
        make_bucket(ADOPTION, environment=environment, numerator=1, denominator=2)
        make_origin(environment, value="workbench")
    make_origin("staging", value="api")

    production = windows_of(ADOPTION)["28d"]
    staging = windows_of(ADOPTION, environment="staging")["28d"]

    assert (production.value, production.verdict) == (None, "not_measurable")
    assert (staging.value, staging.verdict) == (0.5, "too_few_events")


@pytest.mark.parametrize("environments", [["production"], ["production", "staging", "demo"]])
def test_reads_all_windows_in_six_queries(
    environments: list[str], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for name in environments:
        make_environment(name)
        make_bucket(environment=name)

    with django_assert_num_queries(6):
        read_windows(now=NOW)


def test_a_duration_is_the_median_of_all_days_of_its_window_also_when_old_ones_change() -> None:
    make_environment()
    for days, seconds in ((27, 1), (20, 1), (6, 100), (5, 100), (0, 10_000)):
        make_durations(CREATION, [seconds], period_start=TODAY - days * ONE_DAY)
    assert medians() == pytest.approx({"1d": 10_000, "7d": 100, "28d": 100}, rel=0.01)

    KpiBucket.objects.filter(period_start__lt=TODAY - 6 * ONE_DAY).delete()
    for days in (27, 20):
        make_durations(CREATION, [10_000], period_start=TODAY - days * ONE_DAY)

    assert medians() == pytest.approx({"1d": 10_000, "7d": 100, "28d": 10_000}, rel=0.01)


def medians() -> dict[str, float | None]:
    return {name: window.value for name, window in windows_of(CREATION).items()}
