"""A baseline taken from the KPI's own past."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from kpis.registry import REGISTRY
from kpis.setting_goals.past_values import NoPastValue, PastValue, past_value
from tests.builders import NOW
from tests.kpis.builders import make_bucket, make_durations, make_environment

pytestmark = pytest.mark.django_db

DURATION = "time-to-create-workflow"
FIRST, LAST = date(2026, 2, 10), date(2026, 2, 11)


def taken(slug: str = DURATION, *, first: date = FIRST, last: date = LAST) -> PastValue:
    return past_value(REGISTRY[slug], environment="production", first=first, last=last, now=NOW)


def test_the_median_over_both_days_is_taken_and_said() -> None:
    make_environment()
    make_durations(DURATION, [100] * 15)
    make_durations(DURATION, [300] * 16, period_start=datetime(2026, 2, 11, tzinfo=UTC))
    make_durations(DURATION, [9] * 50, period_start=datetime(2026, 2, 12, tzinfo=UTC))

    found = taken()

    assert float(found.value) == pytest.approx(300, rel=0.01)
    assert found.sample_size == 31
    assert found.method == "Median of 10 February to 11 February 2026 in production, 31 drafts measured"


def test_a_ratio_is_a_share() -> None:
    make_environment()
    make_bucket(numerator=1, denominator=30)

    found = taken("template-suggestion-rate", last=FIRST)

    assert found.value == Decimal("0.033333")
    assert found.method == "Share of 10 February 2026 in production, 30 chat messages sent"


@pytest.mark.parametrize(("count", "is_enough"), [(19, False), (20, True)])
def test_too_few_measurements_are_refused(count: int, is_enough: bool) -> None:
    make_environment()
    make_durations(DURATION, [100] * count)

    if is_enough:
        assert taken().sample_size == count
    else:
        with pytest.raises(NoPastValue, match="There are 19 measurements"):
            taken()


def test_a_day_that_is_not_computed_to_its_end_is_refused() -> None:
    make_environment(computed_until=datetime(2026, 2, 11, 23, 59, tzinfo=UTC))
    make_durations(DURATION, [100] * 30)

    assert taken(last=FIRST).sample_size == 30
    with pytest.raises(NoPastValue, match="computed until 2026-02-11 23:59"):
        taken()


def test_an_environment_without_numbers_is_refused() -> None:
    make_environment(computed_until=None)

    with pytest.raises(NoPastValue, match="Nothing is computed"):
        taken()


def test_a_kpi_that_cannot_be_measured_is_refused() -> None:
    make_environment()
    make_bucket("workbench-adoption", numerator=30, denominator=30)

    with pytest.raises(NoPastValue, match="cannot be measured"):
        taken("workbench-adoption")
