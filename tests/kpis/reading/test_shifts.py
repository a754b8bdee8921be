"""Since when a KPI is better or worse."""

from datetime import timedelta

import pytest

from kpis.reading.evaluation import Evaluation
from kpis.reading.goals import Goal
from kpis.reading.periods import Granularity, Period
from kpis.reading.shifts import KpiShift, shift_of
from kpis.registry import REGISTRY
from tests.builders import NOW

ONE_DAY = timedelta(days=1)
SUCCESS = REGISTRY["workflow-success-rate"]


def day(number: int, *, completed: int, of: int) -> Evaluation:
    return Evaluation(
        period=Period(start=NOW + number * ONE_DAY, end=NOW + (number + 1) * ONE_DAY),
        numerator=completed,
        denominator=of,
        value=completed / of if of else None,
        reason=None if of else "no_events",
        verdict=None,
        goal=Goal(target=None, baseline=None),
    )


def days(*, before: int, since: int, of: int) -> list[Evaluation]:
    """Ten days, one of nothing and ten others."""
    numbers = [before] * 10 + [0] + [since] * 10
    return [
        day(number, completed=completed, of=of if number != 10 else 0)
        for number, completed in enumerate(numbers)
    ]


SERIES = days(before=19, since=10, of=20)
SHIFT = KpiShift(period=Period(start=NOW + 11 * ONE_DAY, end=NOW + 12 * ONE_DAY), before=0.95, since=0.5)


@pytest.mark.parametrize(
    ("slug", "shift"),
    [
        ("workflow-success-rate", SHIFT),
        ("template-suggestion-rate", SHIFT),
        ("approval-wait", None),
        ("execution-cost", None),
    ],
)
def test_only_a_ratio_has_a_shift(slug: str, shift: KpiShift | None) -> None:
    assert shift_of(REGISTRY[slug], SERIES, granularity=Granularity.DAY) == shift


@pytest.mark.parametrize(
    ("granularity", "is_said"),
    [(Granularity.HOUR, False), (Granularity.DAY, True), (Granularity.WEEK, True), (Granularity.MONTH, True)],
)
def test_hours_have_no_shift(granularity: Granularity, is_said: bool) -> None:
    assert (shift_of(SUCCESS, SERIES, granularity=granularity) is not None) is is_said


@pytest.mark.parametrize(("of", "is_said"), [(1, False), (2, True)])
def test_either_side_has_the_minimum_sample(of: int, is_said: bool) -> None:
    series = days(before=of, since=0, of=of)

    assert (shift_of(SUCCESS, series, granularity=Granularity.DAY) is not None) is is_said


def test_what_all_events_together_do_not_show_is_no_shift() -> None:
    """Each day is a little lower, and the few events are still too few to tell."""
    assert shift_of(SUCCESS, days(before=19, since=18, of=20), granularity=Granularity.DAY) is None
