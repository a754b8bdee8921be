"""Comparisons as the readings make them, without a database."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from kpis.reading.evaluation import Evaluation, evaluate
from kpis.reading.goals import Goal
from kpis.reading.periods import Granularity, Period, Range
from kpis.reading.readings import Comparison, KpiReading
from kpis.reading.sums import Sums, add_up
from kpis.registry import REGISTRY, Kpi

FIRST = datetime(2026, 2, 1, tzinfo=UTC)
ONE_DAY = timedelta(days=1)
# Numerator and denominator.
Counts = tuple[int, int]
NOTHING: Counts = (0, 0)


def make_comparison(
    slug: str = "approval-rate",
    *,
    days: Sequence[Counts] = (NOTHING,),
    previous: Counts = NOTHING,
    target: float | None = None,
) -> Comparison:
    """The KPI over the days from 1 Feb 2026 on; none: not computed."""
    kpi, goal = REGISTRY[slug], Goal(target=target, baseline=None)
    series = [
        _evaluated(kpi, counts, goal=goal, start=FIRST + number * ONE_DAY)
        for number, counts in enumerate(days)
    ]
    return Comparison(
        current=_reading(kpi, days, goal=goal, start=FIRST, series=series),
        previous=_reading(kpi, [previous], goal=goal, start=FIRST - len(days) * ONE_DAY, series=[]),
    )


def _evaluated(kpi: Kpi, counts: Counts, *, goal: Goal, start: datetime) -> Evaluation:
    return evaluate(kpi, sums=Sums(*counts), period=Period(start=start, end=start + ONE_DAY), goal=goal)


def _reading(
    kpi: Kpi, days: Sequence[Counts], *, goal: Goal, start: datetime, series: Sequence[Evaluation]
) -> KpiReading:
    period = Range(start=start, end=start + len(days) * ONE_DAY, zone=ZoneInfo("UTC"))
    sums = add_up(Sums(*counts) for counts in days)
    return KpiReading(
        kpi=kpi,
        environment="production",
        range=period,
        granularity=Granularity.DAY,
        computed_until=period.end,
        is_measurable=True,
        total=evaluate(kpi, sums=sums, period=period, goal=goal),
        series=tuple(series),
        excluded={},
        breakdown="",
    )
