"""Which target and baseline are in force on a day, without a database."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from kpis.models import Baseline, Target
from kpis.reading.goals import Goal, Goals
from kpis.registry import REGISTRY, Kpi

SUGGESTIONS = REGISTRY["template-suggestion-rate"]
TIMES = REGISTRY["time-to-create-workflow"]
DAY = date(2026, 2, 10)
ONE_DAY = timedelta(days=1)


def make_target(value: str, *, since: date = DAY, kpi: Kpi = SUGGESTIONS, environment: str = "") -> Target:
    return Target(kpi=kpi.slug, environment=environment, value=Decimal(value), effective_from=since)


def make_baseline(value: str, *, since: date = DAY, kpi: Kpi = TIMES, environment: str = "") -> Baseline:
    return Baseline(kpi=kpi.slug, environment=environment, value=Decimal(value), effective_from=since)


def goal_on(day: date, *rows: Target | Baseline, kpi: Kpi = SUGGESTIONS) -> Goal:
    goals = Goals(
        targets=[row for row in rows if isinstance(row, Target)],
        baselines=[row for row in rows if isinstance(row, Baseline)],
    )
    return goals.in_force(kpi, environment="production", on=day)


def test_takes_the_registrys_target_where_nobody_entered_one() -> None:
    assert goal_on(DAY) == Goal(target=0.3, baseline=None)


def test_has_no_target_where_the_registry_has_none() -> None:
    assert goal_on(DAY, kpi=REGISTRY["approval-rate"]) == Goal(target=None, baseline=None)


@pytest.mark.parametrize(
    ("day", "target"),
    [
        pytest.param(DAY - ONE_DAY, 0.3, id="the day before the first"),
        pytest.param(DAY, 0.5, id="the first's first day"),
        pytest.param(DAY + ONE_DAY, 0.5, id="the first's last day"),
        pytest.param(DAY + 2 * ONE_DAY, 0.7, id="the second's first day"),
    ],
)
def test_takes_the_newest_target_that_has_begun(day: date, target: float) -> None:
    first, second = make_target("0.5", since=DAY), make_target("0.7", since=DAY + 2 * ONE_DAY)

    assert goal_on(day, second, first).target == target


def test_names_the_rows_that_are_in_force() -> None:
    target, baseline = make_target("0.25", kpi=TIMES), make_baseline("100")

    goal = goal_on(DAY, target, baseline, kpi=TIMES)

    assert goal.target_row is target
    assert goal.baseline_row is baseline


def test_prefers_the_environments_own_target_to_a_newer_one_for_all() -> None:
    own = make_target("0.5", since=DAY - 2 * ONE_DAY, environment="production")
    everyones = make_target("0.6", since=DAY - ONE_DAY)
    another = make_target("0.7", since=DAY, environment="staging")

    assert goal_on(DAY, another, everyones, own).target == 0.5


def test_ignores_the_rows_of_other_kpis() -> None:
    other = make_target("0.9", kpi=REGISTRY["template-usage-rate"])

    assert goal_on(DAY, other).target == 0.3


def test_multiplies_the_baseline_by_the_registrys_factor() -> None:
    assert goal_on(DAY, make_baseline("110"), kpi=TIMES).target == 55.0


def test_multiplies_the_baseline_by_the_factor_that_was_entered() -> None:
    goal = goal_on(DAY, make_baseline("100"), make_target("0.25", kpi=TIMES), kpi=TIMES)

    assert (goal.target, goal.baseline) == (25.0, 100.0)


def test_has_no_target_where_the_baseline_to_judge_by_is_missing() -> None:
    assert goal_on(DAY, make_target("0.25", kpi=TIMES), kpi=TIMES).target is None
