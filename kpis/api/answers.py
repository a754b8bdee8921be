"""Readings as the read API answers them. docs/reading.md describes every field; schema.py is its OpenAPI form."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from kpis.reading.evaluation import Evaluation, Slice
from kpis.reading.periods import Period, Range
from kpis.reading.readings import Comparison, KpiReading
from kpis.reading.shifts import KpiShift, shift_of
from kpis.registry import Kind, Kpi
from kpis.statistics.changes import ValueChange
from kpis.statistics.estimates import method_of
from kpis.statistics.intervals import LEVEL, Interval
from web.moments import rfc3339


def list_json(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """Several KPIs over one range of one environment; there must be one at least."""
    return {
        **range_json(comparisons[0].current),
        "previous": period_json(comparisons[0].previous.range),
        "kpis": [listed_kpi_json(comparison) for comparison in comparisons],
    }


def listed_kpi_json(comparison: Comparison) -> dict[str, Any]:
    reading = comparison.current
    return {
        **kpi_json(reading),
        **evaluation_json(reading.kpi, reading.total),
        "change": change_json(comparison.change),
        "dimensions": list(reading.kpi.dimensions),
    }


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """One KPI over a range, with its series and, if it was asked for, its breakdown; and its change."""
    reading = comparison.current
    return {
        **kpi_json(reading),
        **range_json(reading),
        "granularity": reading.granularity.value,
        "total": evaluation_json(reading.kpi, reading.total),
        "previous": period_json(comparison.previous.range),
        "change": change_json(comparison.change),
        "shift": shift_json(shift_of(reading.kpi, reading.series, granularity=reading.granularity)),
        "series": series_json(reading.kpi, reading.series),
        "excluded": dict(reading.excluded),
        **breakdown_json(comparison),
    }


def kpi_json(reading: KpiReading) -> dict[str, Any]:
    """What the KPI is, and what its total is judged by."""
    kpi, goal = reading.kpi, reading.total.goal
    return {
        "kpi": kpi.slug,
        "title": kpi.title,
        "persona": kpi.persona.value,
        "unit": kpi.unit,
        "direction": kpi.direction.value,
        "target": goal.target,
        "baseline": goal.baseline,
        "interval_method": method_of(kpi),
    }


class RangeReading(Protocol):
    """What all readings of a range say of it."""

    @property
    def environment(self) -> str: ...

    @property
    def range(self) -> Range: ...

    @property
    def computed_until(self) -> datetime | None: ...


def range_json(reading: RangeReading) -> dict[str, Any]:
    return {
        "environment": reading.environment,
        "time_zone": reading.range.zone.key,
        "computed_until": rfc3339(reading.computed_until) if reading.computed_until else None,
        **period_json(reading.range),
    }


def period_json(period: Period) -> dict[str, str]:
    return {"from": rfc3339(period.start), "to": rfc3339(period.end)}


def breakdown_json(comparison: Comparison) -> dict[str, Any]:
    """Empty without a breakdown."""
    reading = comparison.current
    if not reading.breakdown:
        return {}
    return {
        "dimension": reading.breakdown,
        "breakdown": [
            slice_json(part, change=change, reading=reading)
            for part, change in zip(reading.slices, comparison.slice_changes, strict=True)
        ],
        "breakdown_left_out": reading.slices_left_out,
        **other_json(reading),
    }


def other_json(reading: KpiReading) -> dict[str, Any]:
    """The values beyond the top as one; empty where there are none."""
    if reading.other is None:
        return {}
    return {
        "breakdown_other": {
            "values": reading.other_count,
            "total": evaluation_json(reading.kpi, reading.other.total),
            "series": series_json(reading.kpi, reading.other.series),
        }
    }


def slice_json(part: Slice, *, change: ValueChange | None, reading: KpiReading) -> dict[str, Any]:
    kpi = reading.kpi
    return {
        "value": part.value,
        "total": evaluation_json(kpi, part.total),
        "change": change_json(change),
        "shift": shift_json(shift_of(kpi, part.series, granularity=reading.granularity)),
        "series": series_json(kpi, part.series),
    }


def series_json(kpi: Kpi, series: Sequence[Evaluation]) -> list[dict[str, Any]]:
    return [
        {
            "period_start": rfc3339(evaluation.period.start),
            "period_end": rfc3339(evaluation.period.end),
            **evaluation_json(kpi, evaluation),
            "target": evaluation.goal.target,
        }
        for evaluation in series
    ]


def evaluation_json(kpi: Kpi, evaluation: Evaluation) -> dict[str, Any]:
    """Sums, value, its interval, and the verdict; the reason only where there is no value."""
    answer = {
        **sums_json(kpi, evaluation),
        "value": evaluation.value,
        "interval": interval_json(evaluation.interval),
        "verdict": evaluation.verdict,
        "is_too_close_to_call": evaluation.is_too_close_to_call,
    }
    return answer if evaluation.reason is None else answer | {"reason": evaluation.reason}


def interval_json(interval: Interval | None) -> dict[str, float | None] | None:
    return None if interval is None else {"low": interval.low, "high": interval.high, "level": LEVEL}


def change_json(change: ValueChange | None) -> dict[str, Any] | None:
    return (
        None
        if change is None
        else {
            "previous_value": change.previous,
            "difference": change.difference,
            "interval": interval_json(change.interval),
            "judgement": change.judgement,
        }
    )


def shift_json(shift: KpiShift | None) -> dict[str, Any] | None:
    if shift is None:
        return None
    return {"from": rfc3339(shift.period.start), "before": shift.before, "since": shift.since}


def sums_json(kpi: Kpi, evaluation: Evaluation) -> dict[str, Any]:
    if kpi.kind is not Kind.DURATION:
        return {"numerator": evaluation.numerator, "denominator": evaluation.denominator}
    return {
        "count": evaluation.denominator,
        "sum_seconds": evaluation.numerator,
        "mean": evaluation.mean,
        **evaluation.percentiles,
    }
