"""What is left of each objective's error budget, how fast it burns, and on which days it was spent.

Formulas: The Site Reliability Workbook, chapters 2 and 5. They are those of the rules that `export_rules` writes.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Min, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from kpis.days import day_start, local_day, reporting_zone
from objectives.definitions import (
    BURN_WINDOWS,
    BurnWindow,
    IndicatorSource,
    Objective,
    burn_windows,
    get_objectives,
)
from objectives.models import ObjectiveCount
from objectives.recording import NOTHING, GoodOfTotal, Place, minute_of

BURN_MINUTES = tuple(
    sorted({minutes for window in BURN_WINDOWS for minutes in (window.long_minutes, window.short_minutes)})
)


@dataclass(frozen=True, kw_only=True)
class BurnRate:
    """How many times faster than allowed the budget was spent in the last `minutes`; None where there was nothing."""

    minutes: int
    rate: float | None


@dataclass(frozen=True, kw_only=True)
class BudgetDay:
    """A day of the reporting zone, and how many minutes of the window's budget it spent."""

    date: date
    good: int
    total: int
    spent_minutes: float


@dataclass(frozen=True, kw_only=True)
class BudgetReading:
    """An objective in an environment ("": of the portal as a whole) over its window up to now.

    `bad_ratio` and `budget_left` (1: nothing is spent, below 0: overspent) are None where there was nothing. A budget
    in minutes is the share of the window's minutes that may be bad. `burning` are the windows whose alert fires. `days`
    are all days that the window touches. `counted_since` is `window_start`, or the beginning of what is counted if that
    is later; None: nothing is. While `is_early`, too little is counted to judge the budget.
    """

    objective: Objective
    environment: str
    good: int
    total: int
    bad_ratio: float | None
    budget_left: float | None
    burn_rates: Sequence[BurnRate]
    burning: Sequence[BurnWindow]
    days: Sequence[BudgetDay]
    window_start: datetime
    counted_since: datetime | None
    is_early: bool

    @property
    def budget_minutes(self) -> float:
        return self.objective.budget * self.objective.window_minutes

    @property
    def minutes_left(self) -> float | None:
        return None if self.budget_left is None else self.budget_left * self.budget_minutes


def read_budgets(*, environments: Sequence[str], now: datetime) -> list[BudgetReading]:
    """Every objective of the portal as a whole, and of each of the environments those that have one.

    Three queries, whatever the number of objectives and environments.
    """
    objectives = get_objectives().values()
    places = [
        (objective, environment)
        for objective in objectives
        for environment in (environments if objective.indicator.source is IndicatorSource.DATABASE else [""])
    ]
    names = ["", *environments]
    tallies = read_tallies(objectives, environments=names, now=now)
    days = read_days(objectives, environments=names, now=now)
    beginnings = read_beginnings(environments=names)
    return [
        budget_reading(
            objective,
            environment=environment,
            tallies=tallies.get((objective.name, environment), {}),
            days=days.get((objective.name, environment), {}),
            begins_at=beginnings.get((objective.name, environment)),
            now=now,
        )
        for objective, environment in places
    ]


def read_tallies(
    objectives: Iterable[Objective], *, environments: Sequence[str], now: datetime
) -> dict[Place, dict[int, GoodOfTotal]]:
    """What there was within the last so many minutes, by place."""
    windows = sorted({*BURN_MINUTES, *(objective.window_minutes for objective in objectives)})
    starts = {minutes: minute_of(now) - timedelta(minutes=minutes) for minutes in windows}
    sums = {
        f"{column}_{minutes}": Sum(column, filter=Q(start__gte=start), default=0)
        for minutes, start in starts.items()
        for column in ("good", "total")
    }
    rows = counted_since(min(starts.values(), default=now), environments=environments)
    return {
        (objective, environment): {
            minutes: GoodOfTotal(int(good), int(total))
            for minutes, good, total in zip(windows, counts[::2], counts[1::2], strict=True)
        }
        for objective, environment, *counts in rows.values_list("objective", "environment").annotate(**sums)
    }


def counted_since(start: datetime, *, environments: Sequence[str]) -> QuerySet[ObjectiveCount]:
    return ObjectiveCount.objects.filter(start__gte=start, environment__in=environments).order_by()


def read_days(
    objectives: Iterable[Objective], *, environments: Sequence[str], now: datetime
) -> dict[Place, dict[date, GoodOfTotal]]:
    """What there was on each day of the reporting zone, by place."""
    zone = reporting_zone()
    longest = max((objective.window_days for objective in objectives), default=1)
    first = local_day(now, zone=zone) - timedelta(days=longest)
    rows = counted_since(day_start(first, zone=zone), environments=environments)
    days: dict[Place, dict[date, GoodOfTotal]] = defaultdict(dict)
    by_day = rows.annotate(day=TruncDate("start", tzinfo=zone)).values_list("objective", "environment", "day")
    for objective, environment, day, good, total in by_day.annotate(Sum("good"), Sum("total")):
        days[objective, environment][day] = GoodOfTotal(int(good), int(total))
    return days


def read_beginnings(*, environments: Sequence[str]) -> dict[Place, datetime]:
    """From when on there are counts, by place. They are kept for longer than any window."""
    # Index: objective_count_unique, which has all that is asked.
    rows = ObjectiveCount.objects.filter(environment__in=environments).order_by()
    beginnings = rows.values_list("objective", "environment").annotate(Min("start"))
    return {(objective, environment): start for objective, environment, start in beginnings}


def budget_reading(
    objective: Objective,
    *,
    environment: str,
    tallies: Mapping[int, GoodOfTotal],
    days: Mapping[date, GoodOfTotal],
    begins_at: datetime | None,
    now: datetime,
) -> BudgetReading:
    whole = tallies.get(objective.window_minutes, NOTHING)
    ratio = bad_ratio(whole)
    window_start = minute_of(now) - timedelta(minutes=objective.window_minutes)
    counted_since = None if begins_at is None else max(begins_at, window_start)
    today = local_day(now, zone=reporting_zone())
    return BudgetReading(
        objective=objective,
        environment=environment,
        good=whole.good,
        total=whole.total,
        bad_ratio=ratio,
        budget_left=None if ratio is None else 1 - ratio / objective.budget,
        burn_rates=[
            BurnRate(minutes=minutes, rate=burn_rate(objective, tallies.get(minutes, NOTHING)))
            for minutes in BURN_MINUTES
        ],
        burning=[
            window
            for window in burn_windows(objective)
            if is_burning(objective, window, tallies, counted_minutes=minutes_since(counted_since, now=now))
        ],
        days=[
            budget_day(objective, date=day, tally=days.get(day, NOTHING), whole=whole)
            for day in (today - timedelta(days=back) for back in range(objective.window_days, -1, -1))
        ],
        window_start=window_start,
        counted_since=counted_since,
        is_early=is_early(objective, total=whole.total, counted_since=counted_since, now=now),
    )


def is_early(objective: Objective, *, total: int, counted_since: datetime | None, now: datetime) -> bool:
    """Whether too little, or too short a time, was counted to judge the budget."""
    is_young = counted_since is None or minute_of(now) - counted_since < objective.shortest_span
    return is_young or total < objective.smallest_sample


def bad_ratio(tally: GoodOfTotal) -> float | None:
    return 1 - tally.good / tally.total if tally.total else None


def burn_rate(objective: Objective, tally: GoodOfTotal) -> float | None:
    ratio = bad_ratio(tally)
    return None if ratio is None else ratio / objective.budget


def minutes_since(counted_since: datetime | None, *, now: datetime) -> float:
    """How many minutes were counted, that of `now` included."""
    return 0 if counted_since is None else (minute_of(now) - counted_since) / timedelta(minutes=1) + 1


def is_burning(
    objective: Objective, window: BurnWindow, tallies: Mapping[int, GoodOfTotal], *, counted_minutes: float
) -> bool:
    """As the alert's expression says it.

    Of a long window of which only a part was counted, what is bad has to be as much as in a whole one: a share of the
    budget is one of the whole budget.
    """
    long, short = (tallies.get(minutes, NOTHING) for minutes in (window.long_minutes, window.short_minutes))
    rates = (burn_rate(objective, long), burn_rate(objective, short))
    limit = window.factor(objective)
    is_fast = all(rate is not None and rate > limit for rate in rates)
    counted_share = min(1, counted_minutes / window.long_minutes)
    is_much = rates[0] is not None and rates[0] * counted_share > limit
    return is_fast and is_much and long.total >= objective.minimum


def budget_day(objective: Objective, *, date: date, tally: GoodOfTotal, whole: GoodOfTotal) -> BudgetDay:
    """What was bad on the day, as its part of what there was in the window, is so many of the window's minutes."""
    bad = tally.total - tally.good
    spent = bad / whole.total * objective.window_minutes if whole.total else 0.0
    return BudgetDay(date=date, good=tally.good, total=tally.total, spent_minutes=spent)
