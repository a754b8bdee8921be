"""Which goals judge which periods, without a database."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from kpis.models import Target
from kpis.reading.context import EvaluationContext
from kpis.reading.evaluation import Yardstick
from kpis.reading.goals import Goals
from kpis.reading.periods import Period, Range
from kpis.registry import REGISTRY

KPI = REGISTRY["template-suggestion-rate"]
BERLIN = ZoneInfo("Europe/Berlin")
# Midnight of 10 February in Berlin.
START = datetime(2026, 2, 9, 23, tzinfo=UTC)
TODAY = date(2026, 2, 15)


def make_context(*targets: tuple[str, date], unmeasurable: frozenset[str] = frozenset()) -> EvaluationContext:
    """With targets that begin on these days."""
    rows = [Target(kpi=KPI.slug, value=Decimal(value), effective_from=since) for value, since in targets]
    return EvaluationContext(
        environment="production",
        today=TODAY,
        computed_until=None,
        goals=Goals(targets=rows, baselines=[]),
        unmeasurable=unmeasurable,
    )


def make_yardstick(context: EvaluationContext, *, days: list[int]) -> Yardstick:
    """Periods of this many days each, one after the other; the range is 30 days."""
    ends = [START + timedelta(days=sum(days[: number + 1])) for number in range(len(days))]
    periods = [Period(start=start, end=end) for start, end in zip([START, *ends], ends, strict=False)]
    return context.yardstick(
        KPI, range=Range(start=START, end=START + timedelta(days=30), zone=BERLIN), periods=periods
    )


def test_gives_each_period_the_goal_of_its_last_day() -> None:
    context = make_context(("0.5", date(2026, 2, 11)), ("0.7", date(2026, 2, 12)))

    yardstick = make_yardstick(context, days=[1, 1, 1])

    assert [goal.target for goal in yardstick.goals] == [0.3, 0.5, 0.7]


def test_gives_a_long_period_the_goal_of_its_last_day() -> None:
    context = make_context(("0.5", date(2026, 2, 12)), ("0.7", date(2026, 2, 13)))

    yardstick = make_yardstick(context, days=[3])

    assert [goal.target for goal in yardstick.goals] == [0.5]


def test_gives_the_total_the_goal_of_the_last_period() -> None:
    context = make_context(("0.5", date(2026, 2, 11)), ("0.7", date(2026, 2, 12)))

    assert make_yardstick(context, days=[1, 1]).total_goal.target == 0.5


def test_gives_the_total_the_goal_of_today_where_no_period_is_computed() -> None:
    context = make_context(("0.5", TODAY), ("0.7", TODAY + timedelta(days=1)))

    assert make_yardstick(context, days=[]).total_goal.target == 0.5


def test_does_not_judge_by_a_target_of_tomorrow() -> None:
    context = make_context(("0.5", TODAY), ("0.7", TODAY + timedelta(days=1)))

    assert [goal.target for goal in make_yardstick(context, days=[30]).goals] == [0.5]


@pytest.mark.parametrize(
    ("unmeasurable", "expected"),
    [(frozenset(), True), (frozenset({KPI.slug}), False), (frozenset({"approval-rate"}), True)],
    ids=["nothing", "this KPI", "another KPI"],
)
def test_says_whether_the_kpi_can_be_measured(unmeasurable: frozenset[str], expected: bool) -> None:
    context = make_context(unmeasurable=unmeasurable)

    assert context.is_measurable(KPI) is expected
    assert make_yardstick(context, days=[1]).is_measurable is expected
