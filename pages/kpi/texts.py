"""A KPI's figures as people read them: values, targets and samples become text here and nowhere else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from kpis.formatting import DASH, Figure, count_text, interval_text, percent_text, value_text
from kpis.reading.evaluation import NO_EVENTS, NOT_MEASURABLE, Evaluation
from kpis.reading.readings import KpiReading
from kpis.registry import Direction, Kind, Kpi
from kpis.statistics.estimates import method_of
from kpis.statistics.intervals import LEVEL
from pages.counted_links import counted_url
from pages.period_names import period_label, period_name
from pages.verdicts import BADGES

# What a table and a tooltip say in the place of a value.
SHORT_REASONS = {NO_EVENTS: "no events", NOT_MEASURABLE: "not measurable"}

INTERVAL_NAME = f"{percent_text(LEVEL)} interval"
# What was left out of a KPI, by the rollup's reason or by that of its measure.
EXCLUSIONS = {
    "no_creation": "No creation is known for the accepted draft",
    "created_after_acceptance": "The creation is dated after the acceptance",
    "no_request": "No request is known for the decision",
    "decided_before_request": "The decision is dated before the request",
    "no_start": "No start is known, and the completion reported no duration",
    "completed_before_start": "The completion is dated before the start",
    "cancelled": "Cancelled: only what completed or failed counts",
    "no_status": "Its completion did not say how it ended",
    "repeated": "An earlier decision has the same approval id",
}


@dataclass(frozen=True, kw_only=True)
class EvaluationText:
    """An evaluation as text. `verdict` is "" where there is no target to judge by, `interval` where there is none.

    `counts` are a ratio's two sums, or the sample of another KPI. `percentiles` are a duration's, from p50 to p99;
    `other_percentiles` leave out the one that is the value.
    """

    value: str
    value_or_reason: str
    target: str
    baseline: str
    sample: str
    verdict: str
    interval: str
    interval_name: str
    interval_column: Sequence[Figure]
    counts: Sequence[Figure]
    mean: Sequence[Figure]
    percentiles: Sequence[Figure]
    other_percentiles: Sequence[Figure]

    @classmethod
    def from_evaluation(cls, evaluation: Evaluation, *, kpi: Kpi) -> Self:
        value = value_text(evaluation.value, unit=kpi.unit)
        percentiles = [
            Figure(name, value_text(percentile, unit=kpi.unit))
            for name, percentile in evaluation.percentiles.items()
        ]
        interval = interval_of(evaluation, kpi=kpi)
        mean = Figure("Mean", value_text(evaluation.mean, unit=kpi.unit))
        return cls(
            value=value,
            value_or_reason=SHORT_REASONS.get(evaluation.reason or "", value),
            target=target_text(evaluation.goal.target, kpi=kpi),
            baseline=optional_text(evaluation.goal.baseline, kpi=kpi),
            sample=sample_text(evaluation, kpi=kpi),
            verdict=BADGES[evaluation.call].short if evaluation.call else "",
            interval=interval,
            interval_name=INTERVAL_NAME,
            interval_column=[Figure(INTERVAL_NAME, interval or DASH)] if method_of(kpi) else [],
            counts=count_figures(evaluation, kpi=kpi),
            mean=[] if kpi.kind is Kind.RATIO else [mean],
            percentiles=percentiles,
            other_percentiles=[figure for figure in percentiles if figure.name != kpi.percentile_name],
        )

    @property
    def tiles(self) -> list[Figure]:
        """What the value is made of, beside it on the KPI's page."""
        return [*self.counts, *self.mean]

    @property
    def columns(self) -> list[Figure]:
        """What the value is made of, in the table of periods."""
        return [*self.interval_column, *self.counts, *self.mean, *self.other_percentiles]


@dataclass(frozen=True, kw_only=True)
class PeriodText:
    """A period of a series as text; `label` is its short name, `url` what counted in it ("": no link)."""

    name: str
    label: str
    evaluation: EvaluationText
    url: str = ""


def period_texts(reading: KpiReading, *, has_links: bool = False) -> list[PeriodText]:
    """The series as text, in its order."""
    granularity, zone = reading.granularity, reading.range.zone
    return [
        PeriodText(
            name=period_name(evaluation.period, granularity=granularity, zone=zone)
            + (", so far" if is_open(evaluation, reading=reading) else ""),
            label=period_label(evaluation.period, granularity=granularity, zone=zone),
            evaluation=EvaluationText.from_evaluation(evaluation, kpi=reading.kpi),
            url=counted_url(reading.kpi.slug, environment=reading.environment, period=evaluation.period)
            if has_links
            else "",
        )
        for evaluation in reading.series
    ]


def is_open(evaluation: Evaluation, *, reading: KpiReading) -> bool:
    """Whether the period is not over, or not computed to its end."""
    return reading.computed_until is not None and reading.computed_until < evaluation.period.end


def value_name(kpi: Kpi) -> str:
    """What the value is called where it stands beside other figures."""
    if kpi.kind is not Kind.DURATION:
        return kpi.title
    return "Median" if kpi.percentile_name == "p50" else kpi.percentile_name


def interval_of(evaluation: Evaluation, *, kpi: Kpi) -> str:
    """ "" where there is none."""
    interval = evaluation.interval
    return interval_text(interval.low, interval.high, unit=kpi.unit) if interval else ""


def value_words(kpi: Kpi) -> str:
    """What the column is called that says what one thing adds to the KPI."""
    return {Kind.RATIO: "Counts as", Kind.DURATION: "Took", Kind.SUM: "Cost"}[kpi.kind]


def optional_text(value: float | None, *, kpi: Kpi) -> str:
    return "none" if value is None else value_text(value, unit=kpi.unit)


def target_text(target: float | None, *, kpi: Kpi) -> str:
    if target is None:
        return "needs a baseline" if kpi.baseline_factor is not None else "none"
    is_least = kpi.direction is Direction.AT_LEAST
    sign = "\N{GREATER-THAN OR EQUAL TO}" if is_least else "\N{LESS-THAN OR EQUAL TO}"
    return f"{sign} {value_text(target, unit=kpi.unit)}"


def sample_text(evaluation: Evaluation, *, kpi: Kpi) -> str:
    """31 / 100 chat messages sent; of another KPI than a ratio: 36 drafts measured."""
    sample = f"{count_text(evaluation.denominator)} {kpi.denominator_label.lower()}"
    return f"{count_text(evaluation.numerator)} / {sample}" if kpi.kind is Kind.RATIO else sample


def count_figures(evaluation: Evaluation, *, kpi: Kpi) -> list[Figure]:
    sample = Figure(kpi.denominator_label, count_text(evaluation.denominator))
    if kpi.kind is Kind.RATIO:
        return [Figure(kpi.numerator_label, count_text(evaluation.numerator)), sample]
    return [sample]


def summary_text(reading: KpiReading) -> str:
    """Lowest, highest and last value of the series, for those who cannot see the line."""
    known = [evaluation.value for evaluation in reading.series if evaluation.value is not None]
    if not known:
        return "no values"
    low, high, last = (
        value_text(value, unit=reading.kpi.unit) for value in (min(known), max(known), known[-1])
    )
    newest = reading.series[-1]
    is_partial = newest.value is not None and is_open(newest, reading=reading)
    return f"between {low} and {high}, last {last}{' so far' if is_partial else ''}"
