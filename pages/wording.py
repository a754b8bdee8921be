"""Readings in words: what pages say of a KPI, its value, its verdict, its periods."""

from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from kpis.days import day_start, local_day
from kpis.reading.evaluation import (
    NO_EVENTS,
    NOT_MEASURABLE,
    OFF_TARGET,
    ON_TARGET,
    TOO_FEW_EVENTS,
    Evaluation,
)
from kpis.reading.periods import Granularity, Range, last_date
from kpis.reading.readings import Comparison, KpiReading
from kpis.registry import Direction, Kind, Kpi, Persona
from pages import formatting

PERSONAS = {
    Persona.AGENT: ("Agent", "Does the assistant put templates to work?"),
    Persona.END_USER: ("End user", "How quickly does an idea become a workflow?"),
    Persona.LEADERSHIP: ("Leadership", "Is the workbench where workflows are made?"),
    Persona.DOMAIN_EXPERT: ("Domain expert", "Is the experts' knowledge reused?"),
    Persona.OPERATOR: ("Operator", "Do workflows, approvals and agents run well, and at what cost?"),
}
EXCLUSIONS = {
    "no_creation": "No creation is known for the accepted draft",
    "created_after_acceptance": "The creation is dated after the acceptance",
    "no_request": "No request is known for the decision",
    "decided_before_request": "The decision is dated before the request",
    "no_start": "No start is known, and the completion reported no duration",
    "completed_before_start": "The completion is dated before the start",
}


@dataclass(frozen=True, kw_only=True)
class Badge:
    """A verdict: `tone` names the colour and the icon, `label` says it in words, `short` in a table."""

    tone: str
    label: str
    hint: str
    short: str = ""


BADGES = {
    ON_TARGET: Badge(tone="good", label="On target", short="On target", hint="The value reaches its target."),
    OFF_TARGET: Badge(
        tone="bad", label="Off target", short="Off target", hint="The value misses its target."
    ),
    TOO_FEW_EVENTS: Badge(
        tone="few",
        label="Too few events to judge",
        short="Too few events",
        hint="Below the minimum sample.",
    ),
    NOT_MEASURABLE: Badge(
        tone="none",
        label="Not measurable",
        short="Not measurable",
        hint="What it is compared with was never reported.",
    ),
}
NO_TARGET = Badge(tone="none", label="No target set", hint="Targets are set in the admin.")
NOT_COMPUTED = Badge(tone="none", label="Not computed yet", hint="Nothing of this range is computed.")
REASONS = {
    NO_EVENTS: "No events in this range",
    NOT_MEASURABLE: "No other origin of workflows was ever reported here, so a share would be a guess.",
}


@dataclass(frozen=True, kw_only=True)
class Change:
    """Against the previous period: `tone` good, bad or flat; `arrow` up, down or flat."""

    text: str
    tone: str
    arrow: str
    words: str


def value_of(reading: KpiReading) -> str:
    return formatting.value_text(reading.total.value, unit=reading.kpi.unit)


def note_of(reading: KpiReading) -> str:
    """Why there is no value; "" where there is one."""
    if reading.computed_until is None or not reading.series:
        return "Not computed yet"
    return REASONS.get(reading.total.reason or "", "")


def badge_of(reading: KpiReading) -> Badge:
    if reading.total.verdict is None:
        return NO_TARGET
    if not reading.series:
        return NOT_COMPUTED
    return BADGES[reading.total.verdict]


def target_text(kpi: Kpi, evaluation: Evaluation) -> str:
    if evaluation.goal.target is None:
        return "needs a baseline" if kpi.baseline_factor is not None else "none"
    sign = (
        "\N{GREATER-THAN OR EQUAL TO}" if kpi.direction is Direction.AT_LEAST else "\N{LESS-THAN OR EQUAL TO}"
    )
    return f"{sign} {formatting.value_text(evaluation.goal.target, unit=kpi.unit)}"


def baseline_text(kpi: Kpi, evaluation: Evaluation) -> str:
    if evaluation.goal.baseline is None:
        return "none"
    return formatting.value_text(evaluation.goal.baseline, unit=kpi.unit)


def sample_text(kpi: Kpi, evaluation: Evaluation) -> str:
    """What the value is made of: 31 of 100 chat messages sent."""
    label = kpi.denominator_label.lower()
    if kpi.kind is Kind.RATIO:
        return (
            f"{formatting.count(evaluation.numerator)} / {formatting.count(evaluation.denominator)} {label}"
        )
    return f"{formatting.count(evaluation.denominator)} {label}"


def change_of(comparison: Comparison) -> Change | None:
    """None where one of both has no value."""
    kpi = comparison.current.kpi
    current, previous = comparison.current.total.value, comparison.previous.total.value
    if current is None or previous is None:
        return None
    text = formatting.change_text(current, previous, unit=kpi.unit)
    if text.startswith("±"):
        return Change(text="no change", tone="flat", arrow="flat", words="unchanged")
    is_better = (current > previous) is (kpi.direction is Direction.AT_LEAST)
    return Change(
        text=text,
        tone="good" if is_better else "bad",
        arrow="up" if current > previous else "down",
        words="better" if is_better else "worse",
    )


def span_words(reading: KpiReading) -> str:
    """Lowest, highest and last value, for those who hear the chart."""
    known = [evaluation.value for evaluation in reading.series if evaluation.value is not None]
    if not known:
        return "no values"
    low, high, last = (
        formatting.value_text(value, unit=reading.kpi.unit) for value in (min(known), max(known), known[-1])
    )
    so_far = (
        " so far" if reading.series[-1].value is not None and is_open(reading, reading.series[-1]) else ""
    )
    return f"between {low} and {high}, last {last}{so_far}"


def range_text(shown: Range) -> str:
    """1 Feb 2026 to 28 Feb 2026, both included; with the time of day where an end is not a day's start."""
    zone = shown.zone
    last = last_date(shown, zone=zone)
    start = formatting.date_text(shown.start, zone=zone)
    if shown.start != day_start(local_day(shown.start, zone=zone), zone=zone):
        start = formatting.moment_text(shown.start, zone=zone)
    end = f"{last.day} {last:%b %Y}"
    if shown.end != day_start(local_day(shown.end, zone=zone), zone=zone):
        end = formatting.moment_text(shown.end, zone=zone)
    return f"{start} \N{EN DASH} {end}"


def is_open(reading: KpiReading, evaluation: Evaluation) -> bool:
    """Whether the period is not over, or not computed to its end."""
    return reading.computed_until is not None and reading.computed_until < evaluation.period.end


def period_label(reading: KpiReading, evaluation: Evaluation) -> str:
    """A period's name: 9 Feb 2026; Week of 9 Feb 2026, from 11 Feb; Feb 2026, so far."""
    start, zone = evaluation.period.start, reading.range.zone
    if reading.granularity is Granularity.HOUR:
        name = formatting.moment_text(start, zone=zone) + f" ({start.astimezone(zone):%Z})"
    elif reading.granularity in {Granularity.WEEK, Granularity.MONTH}:
        name = _long_period_name(evaluation, granularity=reading.granularity, zone=zone)
    else:
        name = formatting.date_text(start, zone=zone)
    return f"{name}, so far" if is_open(reading, evaluation) else name


def _long_period_name(evaluation: Evaluation, *, granularity: Granularity, zone: ZoneInfo) -> str:
    """A week's or month's name; of one that begins before the range, with the day that it is shown from."""
    first = local_day(evaluation.period.start, zone=zone)
    begin = first.replace(day=1) if granularity is Granularity.MONTH else first - timedelta(first.weekday())
    name = f"{begin:%b %Y}" if granularity is Granularity.MONTH else f"Week of {begin.day} {begin:%b %Y}"
    return name if first == begin else f"{name}, from {first.day} {first:%b}"


def short_label(evaluation: Evaluation, *, granularity: Granularity, zone: ZoneInfo) -> str:
    start = evaluation.period.start.astimezone(zone)
    if granularity is Granularity.HOUR:
        return f"{start.day} {start:%b %H:%M}"
    return f"{start:%b %Y}" if granularity is Granularity.MONTH else f"{start.day} {start:%b}"


def value_name(kpi: Kpi) -> str:
    if kpi.kind is not Kind.DURATION:
        return kpi.title
    return "Median" if kpi.statistic == 0.5 else f"p{round(kpi.statistic * 100)}"


def period_value(kpi: Kpi, evaluation: Evaluation) -> str:
    if evaluation.reason == NO_EVENTS:
        return "no events"
    return (
        "not measurable"
        if evaluation.reason == NOT_MEASURABLE
        else formatting.value_text(evaluation.value, unit=kpi.unit)
    )


def judgement_words(kpi: Kpi) -> str:
    """How the target judges, in a sentence."""
    side = "at least" if kpi.direction is Direction.AT_LEAST else "at most"
    if kpi.baseline_factor is not None:
        return (
            f"On target when the value is {side} the target, which is a factor of the baseline "
            f"({formatting.percent(float(kpi.baseline_factor))} of it unless set otherwise). "
            f"There is {no_verdict_below(kpi)}."
        )
    return f"On target when the value is {side} the target. There is {no_verdict_below(kpi)}."


def no_verdict_below(kpi: Kpi) -> str:
    return f"no verdict below {kpi.minimum_sample} {kpi.denominator_label.lower()}"
