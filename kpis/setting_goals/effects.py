"""What a changed target or baseline changes: the verdicts of past days, before and after. Nothing is stored."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from kpis.days import day_start, local_day, reporting_zone
from kpis.models import Freshness
from kpis.reading.context import EvaluationContext
from kpis.reading.evaluation import Slice, evaluate_slice
from kpis.reading.goals import Goals, Judgement
from kpis.reading.measurability import NEEDS_ANOTHER_VALUE, environments_measuring
from kpis.reading.periods import Granularity, Period, Range, split
from kpis.reading.spans import stored_spans
from kpis.reading.stored_rows import read_rows
from kpis.reading.sums import KpiRow, SumTable
from kpis.registry import REGISTRY, Kpi

# A target may begin years ago. Later days say enough of what it does.
MOST_DAYS = 90


@dataclass(frozen=True, kw_only=True)
class Rejudged:
    """A day, or all of them together, with what is said of it before and after; `value` is in the KPI's unit."""

    first: date
    value: float | None
    before: str | None
    after: str | None

    @property
    def is_changed(self) -> bool:
        return self.before != self.after


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What a change does to a KPI in an environment. The days are those of the reporting zone that are computed."""

    kpi: Kpi
    environment: str
    days: Sequence[Rejudged]
    total: Rejudged

    @property
    def changed_days(self) -> list[Rejudged]:
        return [day for day in self.days if day.is_changed]


def effects_of(
    *, removed: Collection[Judgement], added: Collection[Judgement], now: datetime
) -> list[Effect]:
    """The effect on each KPI and environment that the rows are for, in alphabetical order of environments.

    From the first day of the earliest row on, at most MOST_DAYS, up to today. A row that is replaced is in both.
    A row that begins in the future has no effect yet. The same code judges before and after. Four queries, and one
    more for each KPI that compares origins.
    """
    rows = [*removed, *added]
    kpis = [kpi for slug, kpi in REGISTRY.items() if slug in {row.kpi for row in rows}]
    days = judged_range(min((row.effective_from for row in rows), default=date.max), now=now)
    if days is None or not kpis:
        return []
    goals = Goals.load(kpis)
    names = {row.environment for row in rows}
    computed = [
        freshness
        for freshness in Freshness.objects.exclude(computed_until=None).order_by("environment")
        if freshness.environment in names or "" in names
    ]
    environments = [freshness.environment for freshness in computed]
    stored = stored_days(kpis, days=days, environments=environments)
    measuring = {
        kpi.slug: environments_measuring(kpi.slug, environments=environments)
        for kpi in kpis
        if kpi.slug in NEEDS_ANOTHER_VALUE
    }
    contexts = [
        EvaluationContext(
            environment=freshness.environment,
            today=local_day(now, zone=days.zone),
            computed_until=freshness.computed_until,
            goals=goals,
            unmeasurable=frozenset(
                slug for slug in measuring if freshness.environment not in measuring[slug]
            ),
        )
        for freshness in computed
    ]
    after = goals.changed(removed=removed, added=added)
    return [
        effect_on(kpi, days=days, context=context, after=after, rows=stored.get(context.environment, ()))
        for context in contexts
        for kpi in kpis
    ]


def judged_range(first: date, *, now: datetime) -> Range | None:
    """From the day to the end of today, at most MOST_DAYS; None for a day that has not begun."""
    zone = reporting_zone()
    today = local_day(now, zone=zone)
    if first > today:
        return None
    start = max(first, today - timedelta(days=MOST_DAYS - 1))
    return Range(
        start=day_start(start, zone=zone), end=day_start(today + timedelta(days=1), zone=zone), zone=zone
    )


def stored_days(
    kpis: Sequence[Kpi], *, days: Range, environments: Collection[str]
) -> Mapping[str, list[KpiRow]]:
    """The KPIs' stored days by environment, in one query."""
    periods = split(days, granularity=Granularity.DAY)
    spans = stored_spans(periods, granularity=Granularity.DAY, zone=days.zone)
    rows: dict[str, list[KpiRow]] = {}
    for row in read_rows(spans, dimensions=[""], kpis=kpis, environments=environments):
        rows.setdefault(row.environment, []).append(row)
    return rows


def effect_on(
    kpi: Kpi, *, days: Range, context: EvaluationContext, after: Goals, rows: Collection[KpiRow]
) -> Effect:
    """The KPI judged twice in the environment, without a query."""
    computed_until = context.computed_until or days.start
    periods = [period for period in split(days, granularity=Granularity.DAY) if period.start < computed_until]
    table = SumTable.from_rows((row for row in rows if row.start < computed_until), periods=periods)
    then, now = (
        judged(kpi, days=days, periods=periods, table=table, context=replace(context, goals=goals))
        for goals in (context.goals, after)
    )
    first_days = [local_day(period.start, zone=days.zone) for period in periods]
    pairs = zip(first_days, then.series, now.series, strict=True)
    return Effect(
        kpi=kpi,
        environment=context.environment,
        days=[
            Rejudged(first=day, value=old.value, before=old.call, after=new.call) for day, old, new in pairs
        ],
        total=Rejudged(
            first=local_day(days.start, zone=days.zone),
            value=then.total.value,
            before=then.total.call,
            after=now.total.call,
        ),
    )


def judged(
    kpi: Kpi, *, days: Range, periods: Sequence[Period], table: SumTable, context: EvaluationContext
) -> Slice:
    yardstick = context.yardstick(kpi, range=days, periods=periods)
    return evaluate_slice(yardstick, sums=table.by_period(kpi))
