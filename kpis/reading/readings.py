"""Readings of KPIs: what pages and API show.

A reading takes three steps: a frozen query (query.py), one database read of the sums that it asks for, and their
evaluation against the goals (evaluation.py). Sums are added up before anything is divided or a percentile is
taken. No event is read, so the cost depends on the periods alone, and the number of queries is fixed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from kpis.models import EXCLUDED
from kpis.reading.context import EvaluationContext
from kpis.reading.evaluation import Evaluation, Slice, Yardstick, evaluate_slice
from kpis.reading.periods import Against, Granularity, Range
from kpis.reading.query import BREAKDOWN_LIMIT, KpiQuery, read_sums
from kpis.reading.sums import SumTable, add_up
from kpis.registry import DEFINITIONS, Kpi
from kpis.statistics.changes import ValueChange, judge_change


@dataclass(frozen=True, kw_only=True)
class KpiReading:
    """A KPI over a range. The series ends where nothing is computed yet; the total is over the series' periods.

    `excluded` counts, by reason, what belongs to the range and could not be measured. `slices` are the largest
    values of the breakdown; `slices_left_out` is how many more values there are. If the query has a `top`, `other` is
    all values beyond it together, and `other_count` is how many.
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
    other: Slice | None = None
    other_count: int = 0


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A KPI over a range, and over an earlier range that it is compared with.

    The previous reading has the slices of the current one, in their order and without series.
    """

    current: KpiReading
    previous: KpiReading

    @property
    def change(self) -> ValueChange | None:
        """Of the totals; None where one of them has no value."""
        return judge_change(
            self.current.kpi, current=self.current.total.estimate, previous=self.previous.total.estimate
        )

    @property
    def slice_changes(self) -> list[ValueChange | None]:
        """Of the slices, in their order."""
        return [
            judge_change(self.current.kpi, current=part.total.estimate, previous=before.total.estimate)
            for part, before in zip(self.current.slices, self.previous.slices, strict=True)
        ]


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

    Raises UnknownDimension, TooManyPeriods.
    """
    query = KpiQuery(
        kpis=[kpi], environment=environment, range=range, granularity=granularity, breakdown=breakdown
    )
    return _read(query, context=_load_context(query, now=now))[0]


def compare_kpi(
    *,
    kpi: Kpi,
    environment: str,
    range: Range,
    granularity: Granularity,
    now: datetime,
    breakdown: str = "",
    slices: int = BREAKDOWN_LIMIT,
    has_slice_series: bool = True,
    top: int = 0,
    is_previous_by_period: bool = False,
    against: Against = Against.PREVIOUS,
) -> Comparison:
    """As read_kpi, and the range that it is compared with, in one query more.

    The breakdown has the `slices` largest values, with empty series unless `has_slice_series`; the `top` largest
    and all others together have a series in any case. The previous range is
    a total, or has the same granularity if `is_previous_by_period`.
    """
    query = KpiQuery(
        kpis=[kpi],
        environment=environment,
        range=range,
        granularity=granularity,
        breakdown=breakdown,
        slice_limit=slices,
        has_slice_series=has_slice_series,
        top=top,
    )
    previous_granularity = granularity if is_previous_by_period else Granularity.TOTAL
    return _compare(query, previous_granularity=previous_granularity, against=against, now=now)[0]


def compare_kpis(
    *,
    environment: str,
    range: Range,
    now: datetime,
    granularity: Granularity = Granularity.DAY,
    against: Against = Against.PREVIOUS,
    context: EvaluationContext | None = None,
) -> list[Comparison]:
    """Every KPI over the range and its total over the one to compare with, in registry order, in six queries.

    With a context, which is of every KPI in the environment, in two. Raises TooManyPeriods.
    """
    query = KpiQuery(kpis=DEFINITIONS, environment=environment, range=range, granularity=granularity)
    return _compare(query, previous_granularity=Granularity.TOTAL, against=against, now=now, context=context)


def load_context(*, environment: str, now: datetime) -> EvaluationContext:
    """What every KPI of the environment is evaluated with, for several comparisons of one moment."""
    return EvaluationContext.load(kpis=DEFINITIONS, environment=environment, now=now)


def _compare(
    query: KpiQuery,
    *,
    previous_granularity: Granularity,
    against: Against,
    now: datetime,
    context: EvaluationContext | None = None,
) -> list[Comparison]:
    # Loaded once: both ranges are judged by the same targets and end where the same rollup ended.
    context = context or _load_context(query, now=now)
    before = query.before(
        computed_until=context.computed_until, granularity=previous_granularity, against=against
    )
    readings = _read(query, context=context)
    table = read_sums(before, computed_until=context.computed_until)
    return [
        Comparison(
            current=reading,
            previous=make_reading(
                reading.kpi,
                query=before,
                table=table,
                context=context,
                values=[part.value for part in reading.slices],
            ),
        )
        for reading in readings
    ]


def _load_context(query: KpiQuery, *, now: datetime) -> EvaluationContext:
    return EvaluationContext.load(kpis=query.kpis, environment=query.environment, now=now)


def _read(query: KpiQuery, *, context: EvaluationContext) -> list[KpiReading]:
    """A reading of each KPI of the query, in its order, in one database query."""
    table = read_sums(query, computed_until=context.computed_until)
    return [make_reading(kpi, query=query, table=table, context=context) for kpi in query.kpis]


def make_reading(
    kpi: Kpi,
    *,
    query: KpiQuery,
    table: SumTable,
    context: EvaluationContext,
    values: Sequence[str] | None = None,
) -> KpiReading:
    """The KPI's reading from the sums that the query asked for, without a database query.

    Its slices are those of the `values`, or of the largest.
    """
    yardstick = context.yardstick(kpi, range=query.range, periods=table.periods)
    whole = evaluate_slice(yardstick, sums=table.by_period(kpi))
    if values is None:
        values = table.values(kpi, dimension=query.breakdown) if query.breakdown else []
    return KpiReading(
        kpi=kpi,
        environment=query.environment,
        range=query.range,
        granularity=query.granularity,
        computed_until=context.computed_until,
        is_measurable=context.is_measurable(kpi),
        total=whole.total,
        series=whole.series,
        excluded=table.counts(kpi, dimension=EXCLUDED),
        breakdown=query.breakdown,
        slices=_slices(values[: query.slice_limit], query=query, table=table, yardstick=yardstick),
        slices_left_out=max(0, len(values) - query.slice_limit),
        other=_other(values[query.top :], query=query, table=table, yardstick=yardstick),
        other_count=len(values[query.top :]) if query.top else 0,
    )


def _slices(
    values: Sequence[str], *, query: KpiQuery, table: SumTable, yardstick: Yardstick
) -> tuple[Slice, ...]:
    return tuple(
        evaluate_slice(
            yardstick,
            sums=table.by_period(yardstick.kpi, dimension=query.breakdown, value=value),
            value=value,
            has_series=query.has_slice_series or number < query.top,
        )
        for number, value in enumerate(values)
    )


def _other(values: Sequence[str], *, query: KpiQuery, table: SumTable, yardstick: Yardstick) -> Slice | None:
    """All these values as one: their sums are added up, so a ratio is one of sums and a percentile one of all."""
    if not query.top or not values:
        return None
    by_value = [table.by_period(yardstick.kpi, dimension=query.breakdown, value=value) for value in values]
    return evaluate_slice(yardstick, sums=[add_up(several) for several in zip(*by_value, strict=True)])
