"""Since when a ratio, or a value of its breakdown, is higher or lower: the shift within a series."""

from collections.abc import Sequence
from dataclasses import dataclass

from kpis.reading.evaluation import Evaluation
from kpis.reading.periods import Granularity, Period
from kpis.registry import Kind, Kpi
from kpis.statistics.changes import DOWN, UP, judge_change
from kpis.statistics.estimates import Estimate, estimate_ratio
from kpis.statistics.shifts import find_shift

# Hours are not independent of each other: a whole night may be bad.
LONG_ENOUGH = (Granularity.DAY, Granularity.WEEK, Granularity.MONTH)


@dataclass(frozen=True, kw_only=True)
class KpiShift:
    """From `period` on the KPI is `since`, and in the periods before it together `before`; both in the KPI's unit."""

    period: Period
    before: float
    since: float


def shift_of(kpi: Kpi, series: Sequence[Evaluation], *, granularity: Granularity) -> KpiShift | None:
    """The shift of a ratio's series by day or longer; None where there is none that is more than noise.

    The periods are told apart by their values alone, and the two sides by all their events, as a change against another
    range is: both must find a difference. Either side has the KPI's minimum sample.
    """
    if kpi.kind is not Kind.RATIO or granularity not in LONG_ENOUGH:
        return None
    measured = [evaluation for evaluation in series if evaluation.value is not None]
    index = find_shift([evaluation.value for evaluation in measured if evaluation.value is not None])
    if index is None:
        return None
    before, since = estimate_of(kpi, measured[:index]), estimate_of(kpi, measured[index:])
    change = judge_change(kpi, current=since, previous=before)
    if change is None or change.judgement not in {UP, DOWN}:
        return None
    return KpiShift(period=measured[index].period, before=change.previous, since=change.current)


def estimate_of(kpi: Kpi, series: Sequence[Evaluation]) -> Estimate:
    """Of all periods together."""
    return estimate_ratio(
        kpi,
        numerator=round(sum(evaluation.numerator for evaluation in series)),
        denominator=sum(evaluation.denominator for evaluation in series),
    )
