"""Since when a KPI is better or worse."""

from datetime import timedelta

import pytest

from kpis.reading.evaluation import Evaluation
from kpis.reading.goals import Goal
from kpis.reading.periods import Period
from kpis.reading.shifts import KpiShift, shift_of
from kpis.registry import REGISTRY
from tests.builders import NOW

ONE_DAY = timedelta(days=1)


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


SERIES = [
    *[day(number, completed=19, of=20) for number in range(5)],
    day(5, completed=0, of=0),
    *[day(number, completed=10, of=20) for number in range(6, 10)],
]


@pytest.mark.parametrize(
    ("slug", "shift"),
    [
        (
            "workflow-success-rate",
            KpiShift(period=Period(start=NOW + 6 * ONE_DAY, end=NOW + 7 * ONE_DAY), before=0.95, since=0.5),
        ),
        # One count for each of another, a duration and a sum: no shares of trials.
        ("template-suggestion-rate", None),
        ("approval-wait", None),
        ("execution-cost", None),
    ],
)
def test_only_a_proportion_has_a_shift(slug: str, shift: KpiShift | None) -> None:
    assert shift_of(REGISTRY[slug], SERIES) == shift


def test_nothing_is_said_of_what_did_not_change() -> None:
    assert shift_of(REGISTRY["workflow-success-rate"], SERIES[:6]) is None
