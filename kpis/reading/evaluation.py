"""The evaluation of a KPI's sums against its goals: values, why there is none, and verdicts. No database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from kpis.histogram import Distribution
from kpis.reading.goals import Goal
from kpis.reading.periods import Period
from kpis.reading.sums import Sums, add_up
from kpis.registry import Direction, Kind, Kpi
from kpis.statistics.estimates import Estimate, interval_of_percentile, interval_of_ratio
from kpis.statistics.intervals import Interval
from kpis.values import value_of
from telemetry.plan.metrics import MICRO

PERCENTILES = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99}

ON_TARGET = "on_target"
OFF_TARGET = "off_target"
TOO_FEW_EVENTS = "too_few_events"
NOT_MEASURABLE = "not_measurable"
NO_EVENTS = "no_events"
# What pages say in the place of on or off target: see Evaluation.call.
TOO_CLOSE_TO_CALL = "too_close_to_call"
NO_DURATIONS = Distribution(bins=(), running_counts=())


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A KPI's evaluation in one period.

    | kind     | numerator       | denominator     | value, in the KPI's unit                   |
    | ratio    | a count         | a count         | numerator / denominator                    |
    | duration | seconds, summed | durations       | the percentile that the KPI names, seconds |
    | sum      | dollars, summed | things summed   | the numerator                              |

    The value is None where the denominator is 0 or the KPI cannot be measured; `reason` says which. A duration
    also has percentiles (p50 to p99, in seconds) and, like a sum, a mean. `interval` is that of the value; None where
    there is no value, for a sum, and for a percentile of very few durations.
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
    interval: Interval | None = None
    # Whether the value is on one side of the target, and the interval reaches to the other.
    is_too_close_to_call: bool = False

    @property
    def call(self) -> str | None:
        """The verdict as people get it: too_close_to_call in place of one that may be noise.

        The verdict itself stays what the value says. The scrape, the API's `verdict` and alerts hold on to it.
        """
        return TOO_CLOSE_TO_CALL if self.is_too_close_to_call else self.verdict

    @property
    def estimate(self) -> Estimate:
        return Estimate(value=self.value, sample=self.denominator, interval=self.interval)


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One value of a breakdown, or "" for the whole KPI. Its series may be left out."""

    value: str
    total: Evaluation
    series: tuple[Evaluation, ...]


@dataclass(frozen=True, kw_only=True)
class Yardstick:
    """What the sums of a KPI over a range are evaluated against: a goal for each period, and one for the total."""

    kpi: Kpi
    total_period: Period
    total_goal: Goal
    periods: Sequence[Period]
    goals: Sequence[Goal]
    is_measurable: bool = True


def evaluate_slice(
    yardstick: Yardstick, *, sums: Sequence[Sums], value: str = "", has_series: bool = True
) -> Slice:
    """Evaluates the sums, one for each period of the yardstick, and all of them together.

    Without a series only the total is evaluated, which is cheaper.
    """
    series = _evaluate_series(yardstick, sums=sums) if has_series else ()
    return Slice(value=value, total=_evaluate_total(yardstick, sums=sums, series=series), series=series)


def _evaluate_series(yardstick: Yardstick, *, sums: Sequence[Sums]) -> tuple[Evaluation, ...]:
    return tuple(
        evaluate(
            yardstick.kpi,
            sums=period_sums,
            period=period,
            goal=goal,
            is_measurable=yardstick.is_measurable,
        )
        for period_sums, period, goal in zip(sums, yardstick.periods, yardstick.goals, strict=True)
    )


def _evaluate_total(
    yardstick: Yardstick, *, sums: Sequence[Sums], series: Sequence[Evaluation]
) -> Evaluation:
    if len(series) == 1:
        # Percentiles are the costly part: a single period has those of the total already.
        return replace(series[0], period=yardstick.total_period)
    return evaluate(
        yardstick.kpi,
        sums=add_up(sums),
        period=yardstick.total_period,
        goal=yardstick.total_goal,
        is_measurable=yardstick.is_measurable,
    )


def evaluate(kpi: Kpi, *, sums: Sums, period: Period, goal: Goal, is_measurable: bool = True) -> Evaluation:
    """Evaluates the sums of one period. Where there is nothing to divide, the value is None and never zero."""
    distribution = _distribution(kpi, sums)
    seconds = _percentiles(kpi, distribution)
    value = _value(kpi, sums=sums, seconds=seconds) if is_measurable else None
    interval = None if value is None else _interval(kpi, sums=sums, distribution=distribution)
    verdict = judge(
        kpi, value=value, sample=sums.denominator, target=goal.target, is_measurable=is_measurable
    )
    return Evaluation(
        period=period,
        numerator=sums.numerator if kpi.kind is Kind.RATIO else sums.numerator / MICRO,
        denominator=sums.denominator,
        value=value,
        reason=_reason(value, is_measurable=is_measurable),
        verdict=verdict,
        goal=goal,
        percentiles=seconds,
        mean=_mean(kpi, sums),
        interval=interval,
        is_too_close_to_call=_is_too_close(kpi, verdict=verdict, interval=interval, target=goal.target),
    )


def _distribution(kpi: Kpi, sums: Sums) -> Distribution:
    """Empty for a KPI that is no duration."""
    return sums.distribution() if kpi.kind is Kind.DURATION else NO_DURATIONS


def _percentiles(kpi: Kpi, distribution: Distribution) -> dict[str, float | None]:
    """Seconds by the percentile's name; empty for a KPI that is no duration."""
    if kpi.kind is not Kind.DURATION:
        return {}
    return dict(zip(PERCENTILES, distribution.percentiles(list(PERCENTILES.values())), strict=True))


def _interval(kpi: Kpi, *, sums: Sums, distribution: Distribution) -> Interval | None:
    """Of sums that have a value."""
    match kpi.kind:
        case Kind.RATIO:
            return interval_of_ratio(kpi, numerator=sums.numerator, denominator=sums.denominator)
        case Kind.DURATION:
            return interval_of_percentile(distribution, fraction=kpi.statistic)
        case Kind.SUM:
            return None


def _is_too_close(kpi: Kpi, *, verdict: str | None, interval: Interval | None, target: float | None) -> bool:
    """Whether the verdict is on or off target, and a value of the interval would have the other one."""
    if verdict not in {ON_TARGET, OFF_TARGET} or interval is None or target is None:
        return False
    # The end that has the other verdict, if any value of the interval has.
    is_low = (verdict == ON_TARGET) is (kpi.direction is Direction.AT_LEAST)
    end = interval.low if is_low else interval.high
    return end is None or _reaches(end, target=target, direction=kpi.direction) is (verdict == OFF_TARGET)


def _value(kpi: Kpi, *, sums: Sums, seconds: Mapping[str, float | None]) -> float | None:
    return value_of(
        kpi,
        numerator=sums.numerator,
        denominator=sums.denominator,
        percentile=seconds.get(kpi.percentile_name),
    )


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
    """The verdict on a value; None where there is no target.

    The sample is the denominator: below the KPI's minimum_sample the verdict is too_few_events. A value that
    equals its target reaches it.
    """
    # Before the target is looked at: people should learn of it where no target is set, too.
    if not is_measurable:
        return NOT_MEASURABLE
    if target is None:
        return None
    if value is None or sample < kpi.minimum_sample:
        return TOO_FEW_EVENTS
    return ON_TARGET if _reaches(value, target=target, direction=kpi.direction) else OFF_TARGET


def _reaches(value: float, *, target: float, direction: Direction) -> bool:
    return value >= target if direction is Direction.AT_LEAST else value <= target
