"""Every question to the KPI tables: what pages, API and scrape show, they ask here.

Sums are read and added up; only then they are divided, or a percentile is taken. Nothing here touches an
event, so the cost depends on the periods and not on what happened in them, and the number of queries is fixed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from kpis.days import local_day, reporting_zone
from kpis.models import Freshness
from kpis.reading.evaluation import Evaluation, evaluate
from kpis.reading.goals import Goal, Goals
from kpis.reading.measurability import unmeasurable_kpis
from kpis.reading.periods import (
    Granularity,
    Period,
    Range,
    last_date,
    previous_range,
    split,
)
from kpis.reading.spans import stored_spans
from kpis.reading.stored_rows import read_rows
from kpis.reading.sums import Sums, SumTable, add_up
from kpis.registry import DEFINITIONS, REGISTRY, Kpi

EXCLUDED = "excluded"
BREAKDOWN_LIMIT = 100


class UnknownKpi(LookupError):
    """No KPI has this slug."""


class UnknownDimension(ValueError):
    """The KPI is not broken down by this dimension."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One value of a breakdown; its series has the same periods as the whole, or none (compare_kpi)."""

    value: str
    total: Evaluation
    series: tuple[Evaluation, ...]


@dataclass(frozen=True, kw_only=True)
class KpiReading:
    """A KPI over a range. The series ends where nothing is computed yet; the total is the series' sum.

    excluded counts, by reason, what belongs to the range and could not be measured. slices_left_out says how
    many values of the breakdown are not in it, because they are beyond the largest that were asked for.
    """

    kpi: Kpi
    environment: str
    range: Range
    granularity: Granularity
    computed_until: datetime | None
    is_measurable: bool
    total: Evaluation
    series: tuple[Evaluation, ...]
    excluded: Mapping[str, int]
    breakdown: str
    slices: tuple[Slice, ...] = ()
    slices_left_out: int = 0


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A KPI over a range, and over the one before it that is as long."""

    current: KpiReading
    previous: KpiReading


def find_kpi(slug: str) -> Kpi:
    """Raises UnknownKpi."""
    try:
        return REGISTRY[slug]
    except KeyError:
        raise UnknownKpi(slug) from None


def read_kpi(
    *,
    kpi: Kpi,
    environment: str,
    range: Range,
    granularity: Granularity,
    now: datetime,
    breakdown: str = "",
) -> KpiReading:
    """One KPI over the range, in five queries at most.

    Raises UnknownDimension, and TooManyPeriods as periods.split.
    """
    reader = _Reader.load(kpis=[kpi], environment=environment, now=now)
    return reader.read(range, granularity=granularity, breakdown=breakdown)[kpi.slug]


def compare_kpi(
    *,
    kpi: Kpi,
    environment: str,
    range: Range,
    granularity: Granularity,
    now: datetime,
    breakdown: str = "",
    slices: int = BREAKDOWN_LIMIT,
    is_previous_by_period: bool = False,
) -> Comparison:
    """As read_kpi, with the range before it; one query more. It reads what a page shows, and no more.

    The breakdown has the largest `slices` values, and their totals alone: their series are empty. The range
    before is one period, unless it is to be read by the same periods.
    """
    reader = _Reader.load(kpis=[kpi], environment=environment, now=now)
    current = reader.read(
        range, granularity=granularity, breakdown=breakdown, slices=slices, is_slice_by_period=False
    )
    before = reader.read(
        previous_range(range, until=reader.computed_until),
        granularity=granularity if is_previous_by_period else Granularity.TOTAL,
    )
    return Comparison(current=current[kpi.slug], previous=before[kpi.slug])


def compare_kpis(*, environment: str, range: Range, now: datetime) -> list[Comparison]:
    """Every KPI by day over the range, and its total over the range before; in registry order.

    Six queries.
    """
    reader = _Reader.load(kpis=DEFINITIONS, environment=environment, now=now)
    current = reader.read(range, granularity=Granularity.DAY)
    before = reader.read(previous_range(range, until=reader.computed_until), granularity=Granularity.TOTAL)
    return [Comparison(current=current[kpi.slug], previous=before[kpi.slug]) for kpi in DEFINITIONS]


def read_kpis(
    *, kpis: Sequence[Kpi], environment: str, range: Range, granularity: Granularity, now: datetime
) -> list[KpiReading]:
    """Several KPIs over the range, in the order given, in five queries at most."""
    reader = _Reader.load(kpis=kpis, environment=environment, now=now)
    readings = reader.read(range, granularity=granularity)
    return [readings[kpi.slug] for kpi in kpis]


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """What is the same for every range of an environment: freshness, goals, what can be measured."""

    kpis: Sequence[Kpi]
    environment: str
    today: date
    computed_until: datetime | None
    goals: Goals
    unmeasurable: frozenset[str]

    @classmethod
    def load(cls, *, kpis: Sequence[Kpi], environment: str, now: datetime) -> "_Reader":
        freshness = Freshness.objects.filter(environment=environment).first()
        return cls(
            kpis=kpis,
            environment=environment,
            today=local_day(now, zone=reporting_zone()),
            computed_until=freshness.computed_until if freshness else None,
            goals=Goals.load(kpis),
            unmeasurable=unmeasurable_kpis(kpis, environment=environment),
        )

    def read(
        self,
        range: Range,
        *,
        granularity: Granularity,
        breakdown: str = "",
        slices: int = BREAKDOWN_LIMIT,
        is_slice_by_period: bool = True,
    ) -> dict[str, KpiReading]:
        """Every KPI's reading by slug; one query."""
        for kpi in self.kpis:
            if breakdown and breakdown not in kpi.dimensions:
                raise UnknownDimension(breakdown)
        periods = self._computed(range, granularity=granularity)
        spans = stored_spans(periods, granularity=granularity, zone=range.zone)
        dimensions = ["", EXCLUDED, breakdown] if breakdown else ["", EXCLUDED]
        rows = read_rows(spans, dimensions=dimensions, kpis=self.kpis, environment=self.environment)
        table = SumTable.from_rows(rows, periods=periods)
        return {
            kpi.slug: self._reading(
                kpi,
                table=table,
                range=range,
                granularity=granularity,
                periods=periods,
                breakdown=breakdown,
                slices=slices,
                is_slice_by_period=is_slice_by_period,
            )
            for kpi in self.kpis
        }

    def _computed(self, range: Range, *, granularity: Granularity) -> tuple[Period, ...]:
        """The range's periods that begin before what is not computed yet."""
        periods = split(range, granularity=granularity)
        if self.computed_until is None:
            return ()
        until = self.computed_until
        return tuple(period for period in periods if period.start < until)

    def _reading(
        self,
        kpi: Kpi,
        *,
        table: SumTable,
        range: Range,
        granularity: Granularity,
        periods: Sequence[Period],
        breakdown: str,
        slices: int,
        is_slice_by_period: bool,
    ) -> KpiReading:
        goals = [self._goal(kpi, period, zone=range.zone) for period in periods]
        overall = goals[-1] if goals else self._goal(kpi, range, zone=range.zone)

        def slice_of(dimension: str, value: str, *, by_period: bool) -> Slice:
            sums = table.by_period(kpi, dimension=dimension, value=value)
            series = [
                self._figures(kpi, sums=each, period=period, goal=goal)
                for each, period, goal in zip(sums, periods, goals, strict=True)
                if by_period
            ]
            if len(series) == 1:
                # What there is one of is the total as well: a percentile costs as much as its histograms.
                total = replace(series[0], period=range)
            else:
                total = self._figures(kpi, sums=add_up(sums), period=range, goal=overall)
            return Slice(value=value, total=total, series=tuple(series))

        whole = slice_of("", "", by_period=True)
        values = list(table.counts(kpi, dimension=breakdown)) if breakdown else []
        return KpiReading(
            kpi=kpi,
            environment=self.environment,
            range=range,
            granularity=granularity,
            computed_until=self.computed_until,
            is_measurable=kpi.slug not in self.unmeasurable,
            total=whole.total,
            series=whole.series,
            excluded=table.counts(kpi, dimension=EXCLUDED),
            breakdown=breakdown,
            slices=tuple(
                slice_of(breakdown, value, by_period=is_slice_by_period) for value in values[:slices]
            ),
            slices_left_out=max(0, len(values) - slices),
        )

    def _goal(self, kpi: Kpi, period: Period, *, zone: ZoneInfo) -> Goal:
        on = min(last_date(period, zone=zone), self.today)
        return self.goals.in_force(kpi, environment=self.environment, on=on)

    def _figures(self, kpi: Kpi, *, sums: Sums, period: Period, goal: Goal) -> Evaluation:
        return evaluate(
            kpi,
            sums=sums,
            period=period,
            goal=goal,
            is_measurable=kpi.slug not in self.unmeasurable,
        )
