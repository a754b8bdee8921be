"""What a changed target or baseline would change, over days with known values."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kpis.days import reporting_zone
from kpis.models import Target
from kpis.reading.evaluation import OFF_TARGET, ON_TARGET, TOO_FEW_EVENTS
from kpis.reading.periods import Granularity, recent_days
from kpis.reading.readings import read_kpi
from kpis.registry import REGISTRY
from kpis.setting_goals.effects import MOST_DAYS, Effect, effects_of
from tests.builders import NOW
from tests.kpis.builders import make_baseline, make_bucket, make_durations, make_environment, make_target

pytestmark = pytest.mark.django_db

KPI = "template-suggestion-rate"
FEBRUARY_10 = date(2026, 2, 10)


def make_days(*numerators: int, first: date = FEBRUARY_10, environment: str = "production") -> None:
    """A day row of `numerator` per cent for each, of so many events that noise plays no part."""
    for number, numerator in enumerate(numerators):
        day = first + timedelta(days=number)
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        make_bucket(
            KPI,
            period_start=start,
            numerator=numerator * 1000,
            denominator=100_000,
            environment=environment,
        )


def target(value: str, *, since: date = FEBRUARY_10, environment: str = "") -> Target:
    return Target(kpi=KPI, value=value, effective_from=since, environment=environment)


def verdicts(effect: Effect) -> list[tuple[int, str | None, str | None]]:
    return [(day.first.day, day.before, day.after) for day in effect.days if day.value is not None]


def test_a_new_target_changes_the_days_from_its_first_on() -> None:
    make_environment()
    make_days(35, 45, 60, first=date(2026, 2, 9))

    (effect,) = effects_of(removed=[], added=[target("0.5")], now=NOW)

    assert verdicts(effect) == [(10, ON_TARGET, OFF_TARGET), (11, ON_TARGET, ON_TARGET)]
    assert [day.first.day for day in effect.changed_days] == [10]
    assert (effect.total.before, effect.total.after) == (ON_TARGET, ON_TARGET)
    assert len(effect.days) == 6


def test_a_changed_target_is_judged_where_it_was_and_where_it_will_be() -> None:
    make_environment()
    make_days(35, 35)
    stored = make_target(KPI, "0.4", since=FEBRUARY_10)
    moved = target("0.4", since=date(2026, 2, 11))
    moved.pk = stored.pk

    (effect,) = effects_of(removed=[stored], added=[moved], now=NOW)

    assert verdicts(effect) == [(10, OFF_TARGET, ON_TARGET), (11, OFF_TARGET, OFF_TARGET)]


def test_a_deleted_target_gives_way_to_the_one_before_it() -> None:
    make_environment()
    make_days(35)
    make_target(KPI, "0.2", since=date(2026, 1, 1))
    stored = make_target(KPI, "0.4", since=FEBRUARY_10)

    (effect,) = effects_of(removed=[stored], added=[], now=NOW)

    assert verdicts(effect) == [(10, OFF_TARGET, ON_TARGET)]


def test_a_target_for_every_environment_leaves_those_with_their_own() -> None:
    for name in ("production", "staging", "test"):
        make_environment(name)
        make_days(35, environment=name)
    make_target(KPI, "0.3", since=FEBRUARY_10, environment="staging")

    effects = effects_of(removed=[], added=[target("0.5")], now=NOW)

    assert {effect.environment: len(effect.changed_days) for effect in effects} == {
        "production": 1,
        "staging": 0,
        "test": 1,
    }


def test_a_baseline_moves_the_target_that_is_a_factor_of_it() -> None:
    make_environment()
    make_durations("time-to-create-workflow", [100] * 30)
    baseline = make_baseline("time-to-create-workflow", "150", since=FEBRUARY_10)
    higher = make_baseline("time-to-create-workflow", "300", since=date(2026, 2, 9))
    higher.delete()
    higher.pk, higher.effective_from = baseline.pk, FEBRUARY_10

    (effect,) = effects_of(removed=[baseline], added=[higher], now=NOW)

    assert verdicts(effect) == [(10, OFF_TARGET, ON_TARGET)]


def test_a_day_with_too_few_events_stays_so() -> None:
    make_environment()
    make_bucket(KPI, numerator=3, denominator=10)

    (effect,) = effects_of(removed=[], added=[target("0.9")], now=NOW)

    assert verdicts(effect) == [(10, TOO_FEW_EVENTS, TOO_FEW_EVENTS)]


def test_a_target_of_the_future_has_no_effect_yet() -> None:
    make_environment()
    make_days(35)

    assert effects_of(removed=[], added=[target("0.5", since=date(2026, 2, 16))], now=NOW) == []
    assert len(effects_of(removed=[], added=[target("0.5", since=date(2026, 2, 15))], now=NOW)) == 1


def test_the_effect_looks_back_a_bounded_number_of_days() -> None:
    make_environment()

    (effect,) = effects_of(removed=[], added=[target("0.5", since=date(2001, 1, 1))], now=NOW)

    assert (len(effect.days), effect.days[-1].first) == (MOST_DAYS, NOW.date())


def test_days_that_are_not_computed_are_not_judged() -> None:
    make_environment(computed_until=datetime(2026, 2, 11, 6, tzinfo=UTC))
    make_environment("new", computed_until=None)

    effects = effects_of(removed=[], added=[target("0.5")], now=NOW)

    assert [(effect.environment, len(effect.days)) for effect in effects] == [("production", 2)]


def test_after_saving_the_verdicts_are_those_of_the_preview() -> None:
    make_environment()
    make_days(35, 45, 55)
    added = target("0.5")
    (effect,) = effects_of(removed=[], added=[added], now=NOW)

    added.save()

    six_days = recent_days(6, zone=reporting_zone(), now=NOW)
    kpi = REGISTRY[KPI]
    reading = read_kpi(
        kpi=kpi, environment="production", range=six_days, granularity=Granularity.DAY, now=NOW
    )
    assert [day.after for day in effect.days] == [period.verdict for period in reading.series]
    assert effect.total.after == reading.total.verdict


def test_the_queries_do_not_grow_with_environments_and_rows() -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            effects_of(removed=[], added=[target("0.5")], now=NOW)
        return len(captured)

    make_environment()
    few = queries()
    for name in ("staging", "test"):
        make_environment(name)
        make_days(*range(5), environment=name)

    assert queries() == few == 4
