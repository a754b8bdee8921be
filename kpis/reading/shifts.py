"""Since when a KPI, or a value of its breakdown, is better or worse: the shift within a series."""

from collections.abc import Sequence
from dataclasses import dataclass

from kpis.reading.evaluation import Evaluation
from kpis.reading.periods import Period
from kpis.registry import Kind, Kpi
from kpis.statistics.shifts import Counts, find_shift


@dataclass(frozen=True, kw_only=True)
class KpiShift:
    """From `period` on the KPI is `since`, and in the periods before it together `before`; both in the KPI's unit."""

    period: Period
    before: float
    since: float


def shift_of(kpi: Kpi, series: Sequence[Evaluation]) -> KpiShift | None:
    """The shift of a proportion's series, if it has one that is more than noise.

    None for any other KPI, and where the KPI cannot be measured. Either side has the KPI's minimum sample.
    """
    if kpi.kind is not Kind.RATIO or not kpi.is_proportion:
        return None
    measured = [evaluation for evaluation in series if evaluation.value is not None]
    counts = [Counts(round(evaluation.numerator), evaluation.denominator) for evaluation in measured]
    shift = find_shift(counts, minimum_sample=kpi.minimum_sample)
    if shift is None:
        return None
    return KpiShift(period=measured[shift.number].period, before=shift.before, since=shift.since)
