"""A KPI's figures as people read them: values, targets and samples become text here and nowhere else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from django.utils.functional import lazy
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from kpis.formatting import (
    DASH,
    Figure,
    count_text,
    interval_text,
    measured,
    percent_text,
    raw_number,
    value_text,
    words_within,
)
from kpis.reading.evaluation import NO_EVENTS, NOT_MEASURABLE, Evaluation
from kpis.reading.readings import KpiReading
from kpis.registry import Direction, Kind, Kpi
from kpis.statistics.estimates import method_of
from kpis.statistics.intervals import LEVEL, Interval
from pages.counted_links import counted_url
from pages.period_names import period_label, period_name
from pages.verdicts import BADGES
from web.languages import lazy_text

# What a table and a tooltip say in the place of a value.
SHORT_REASONS = {NO_EVENTS: lazy_text("no events"), NOT_MEASURABLE: lazy_text("not measurable")}


def interval_name() -> str:
    return _("%(level)s interval") % {"level": percent_text(LEVEL)}


INTERVAL_NAME = lazy(interval_name, str)()
# What was left out of a KPI, by the rollup's reason or by that of its measure.
EXCLUSIONS = {
    "no_creation": lazy_text("No creation is known for the accepted draft"),
    "created_after_acceptance": lazy_text("The creation is dated after the acceptance"),
    "no_request": lazy_text("No request is known for the decision"),
    "decided_before_request": lazy_text("The decision is dated before the request"),
    "no_start": lazy_text("No start is known, and the completion reported no duration"),
    "completed_before_start": lazy_text("The completion is dated before the start"),
    "cancelled": lazy_text("Cancelled: only what completed or failed counts"),
    "no_status": lazy_text("Its completion did not say how it ended"),
    "repeated": lazy_text("An earlier decision has the same approval id"),
}


@dataclass(frozen=True, kw_only=True)
class EvaluationText:
    """An evaluation as text. `verdict` is "" where there is no target to judge by, `interval` where there is none.

    `interval_ends` are for programs; "" is an open end. `counts` are a ratio's two sums, or the sample of another KPI.
    `percentiles` are a duration's, from p50 to p99; `other_percentiles` leave out the one that is the value.
    """

    value: str
    value_or_reason: str
    target: str
    baseline: str
    sample: str
    verdict: str
    interval: str
    interval_ends: tuple[str, str]
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
        mean = Figure(_("Mean"), value_text(evaluation.mean, unit=kpi.unit))
        return cls(
            value=value,
            value_or_reason=SHORT_REASONS.get(evaluation.reason or "", value),
            target=target_text(evaluation.goal.target, kpi=kpi),
            baseline=optional_text(evaluation.goal.baseline, kpi=kpi),
            sample=sample_text(evaluation, kpi=kpi),
            verdict=BADGES[evaluation.call].short if evaluation.call else "",
            interval=interval,
            interval_ends=raw_ends(evaluation.interval),
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
    """A period of a series as text; `label` is its short name, `url` what counted in it ("": no link).

    `previous` is the value of the period that it is compared with, "" without a comparison.
    """

    name: str
    label: str
    evaluation: EvaluationText
    url: str = ""
    previous: str = ""


def period_texts(reading: KpiReading, *, has_links: bool = False) -> list[PeriodText]:
    """The series as text, in its order."""
    granularity, zone = reading.granularity, reading.range.zone
    return [
        PeriodText(
            name=so_far(name) if is_open(evaluation, reading=reading) else name,
            label=period_label(evaluation.period, granularity=granularity, zone=zone),
            evaluation=EvaluationText.from_evaluation(evaluation, kpi=reading.kpi),
            url=counted_url(reading.kpi.slug, environment=reading.environment, period=evaluation.period)
            if has_links
            else "",
        )
        for evaluation in reading.series
        for name in [period_name(evaluation.period, granularity=granularity, zone=zone)]
    ]


def so_far(name: str) -> str:
    return _("%(period)s, so far") % {"period": name}


def is_open(evaluation: Evaluation, *, reading: KpiReading) -> bool:
    """Whether the period is not over, or not computed to its end."""
    return reading.computed_until is not None and reading.computed_until < evaluation.period.end


def slice_label(value: str) -> str:
    """A value of a breakdown."""
    return value.replace("_", " ") or _("(none)")


def value_name(kpi: Kpi) -> str:
    """What the value is called where it stands beside other figures."""
    if kpi.kind is not Kind.DURATION:
        return _(kpi.title)
    return _("Median") if kpi.percentile_name == "p50" else kpi.percentile_name


def interval_of(evaluation: Evaluation, *, kpi: Kpi) -> str:
    """ "" where there is none."""
    interval = evaluation.interval
    return interval_text(interval.low, interval.high, unit=kpi.unit) if interval else ""


def raw_ends(interval: Interval | None) -> tuple[str, str]:
    """Not rounded for people."""
    if interval is None:
        return "", ""
    low, high = ("" if end is None else raw_number(end) for end in (interval.low, interval.high))
    return low, high


def value_words(kpi: Kpi) -> str:
    """What the column is called that says what one thing adds to the KPI."""
    return {Kind.RATIO: _("Counts as"), Kind.DURATION: _("Took"), Kind.SUM: _("Cost")}[kpi.kind]


def optional_text(value: float | None, *, kpi: Kpi) -> str:
    return pgettext("target or baseline", "none") if value is None else value_text(value, unit=kpi.unit)


def target_text(target: float | None, *, kpi: Kpi) -> str:
    if target is None:
        return (
            _("needs a baseline")
            if kpi.baseline_factor is not None
            else pgettext("target or baseline", "none")
        )
    is_least = kpi.direction is Direction.AT_LEAST
    sign = "\N{GREATER-THAN OR EQUAL TO}" if is_least else "\N{LESS-THAN OR EQUAL TO}"
    return measured(f"{sign} {value_text(target, unit=kpi.unit)}", value=target, unit=kpi.unit)


def sample_text(evaluation: Evaluation, *, kpi: Kpi) -> str:
    """31 / 100 chat messages sent; of another KPI than a ratio: 36 drafts measured."""
    label = words_within(kpi.denominator_label)
    sample = _("%(count)s %(things)s") % {"count": count_text(evaluation.denominator), "things": label}
    text = f"{count_text(evaluation.numerator)} / {sample}" if kpi.kind is Kind.RATIO else sample
    return measured(text, value=evaluation.denominator, unit="count")


class TwoCounts(Protocol):
    """What was counted of a KPI, now or then."""

    @property
    def numerator(self) -> float: ...

    @property
    def denominator(self) -> float: ...


def counts_text(counts: TwoCounts, *, kpi: Kpi) -> str:
    """31 / 100; of another KPI than a ratio its sample: 36."""
    sample = count_text(counts.denominator)
    return f"{count_text(counts.numerator)} / {sample}" if kpi.kind is Kind.RATIO else sample


def count_figures(evaluation: Evaluation, *, kpi: Kpi) -> list[Figure]:
    sample = Figure(_(kpi.denominator_label), count_text(evaluation.denominator))
    if kpi.kind is Kind.RATIO:
        return [Figure(_(kpi.numerator_label), count_text(evaluation.numerator)), sample]
    return [sample]


def summary_text(reading: KpiReading) -> str:
    """Lowest, highest and last value of the series, for those who cannot see the line."""
    known = [evaluation.value for evaluation in reading.series if evaluation.value is not None]
    if not known:
        return _("no values")
    low, high, last = (
        value_text(value, unit=reading.kpi.unit) for value in (min(known), max(known), known[-1])
    )
    newest = reading.series[-1]
    is_partial = newest.value is not None and is_open(newest, reading=reading)
    sentence = (
        _("between %(low)s and %(high)s, last %(last)s so far")
        if is_partial
        else _("between %(low)s and %(high)s, last %(last)s")
    )
    return sentence % {"low": low, "high": high, "last": last}
