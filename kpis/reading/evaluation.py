"""A KPI's evaluation in one period: its value, why there is none, and the verdict on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kpis.histogram import percentiles
from kpis.reading.goals import Goal
from kpis.reading.periods import Period
from kpis.reading.sums import Sums
from kpis.registry import Direction, Kind, Kpi

PERCENTILES = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99}
MICRO = 1_000_000

ON_TARGET = "on_target"
OFF_TARGET = "off_target"
TOO_FEW_EVENTS = "too_few_events"
NOT_MEASURABLE = "not_measurable"
NO_EVENTS = "no_events"


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A KPI's evaluation in one period.

    numerator and denominator are counts for a ratio; for a duration seconds (their sum) and how many were
    measured; for a sum dollars and how many things were summed. value is in the KPI's unit, or None with a
    reason. percentiles (p50 … p99, in seconds) and mean are a duration KPI's.
    """

    period: Period
    numerator: float
    denominator: int
    value: float | None
    reason: str | None
    verdict: str | None
    goal: Goal
    percentiles: Mapping[str, float | None] = field(default_factory=dict)
    mean: float | None = None


def evaluate(kpi: Kpi, *, sums: Sums, period: Period, goal: Goal, is_measurable: bool = True) -> Evaluation:
    """The figures of a period from its sums; a value of nothing is None with the reason, never zero."""
    spread = _percentiles(kpi, sums)
    value = _value(kpi, sums=sums, spread=spread) if is_measurable else None
    return Evaluation(
        period=period,
        numerator=sums.numerator if kpi.kind is Kind.RATIO else sums.numerator / MICRO,
        denominator=sums.denominator,
        value=value,
        reason=_reason(value, is_measurable=is_measurable),
        verdict=judge(
            kpi,
            value=value,
            sample=sums.denominator,
            target=goal.target,
            is_measurable=is_measurable,
        ),
        goal=goal,
        percentiles=spread,
        mean=_mean(kpi, sums),
    )


def _percentiles(kpi: Kpi, sums: Sums) -> dict[str, float | None]:
    """Seconds by name, p50 to p99; the statistic that a KPI's value is, is one of them."""
    if kpi.kind is not Kind.DURATION:
        return {}
    return dict(zip(PERCENTILES, percentiles(sums.histogram(), list(PERCENTILES.values())), strict=True))


def _value(kpi: Kpi, *, sums: Sums, spread: Mapping[str, float | None]) -> float | None:
    if not sums.denominator:
        return None
    if kpi.kind is Kind.RATIO:
        return sums.numerator / sums.denominator
    if kpi.kind is Kind.SUM:
        return sums.numerator / MICRO
    return spread[f"p{round(kpi.statistic * 100)}"]


def _mean(kpi: Kpi, sums: Sums) -> float | None:
    if kpi.kind is Kind.RATIO or not sums.denominator:
        return None
    return sums.numerator / MICRO / sums.denominator


def _reason(value: float | None, *, is_measurable: bool) -> str | None:
    if not is_measurable:
        return NOT_MEASURABLE
    return NO_EVENTS if value is None else None


def judge(
    kpi: Kpi, *, value: float | None, sample: int, target: float | None, is_measurable: bool = True
) -> str | None:
    """The verdict on a value; None where there is no target to judge it by.

    The sample is a ratio's denominator, or how many things a duration or a sum is made of.
    """
    if not is_measurable:
        return NOT_MEASURABLE
    if target is None:
        return None
    if value is None or sample < kpi.minimum_sample:
        return TOO_FEW_EVENTS
    reaches = value >= target if kpi.direction is Direction.AT_LEAST else value <= target
    return ON_TARGET if reaches else OFF_TARGET
