"""Verdicts in words: badges, and how a target judges."""

from dataclasses import dataclass

from kpis.formatting import percent_text
from kpis.reading.evaluation import (
    NOT_MEASURABLE,
    OFF_TARGET,
    ON_TARGET,
    TOO_CLOSE_TO_CALL,
    TOO_FEW_EVENTS,
)
from kpis.reading.readings import KpiReading
from kpis.registry import Kpi
from kpis.statistics.estimates import IntervalMethod, method_of
from kpis.statistics.intervals import LEVEL


@dataclass(frozen=True, kw_only=True)
class Badge:
    """A verdict. `tone` names its colour and its icon, `short` is its label in a table."""

    tone: str
    label: str
    hint: str
    short: str = ""


BADGES = {
    ON_TARGET: Badge(tone="good", label="On target", short="On target", hint="The value reaches its target."),
    OFF_TARGET: Badge(
        tone="bad", label="Off target", short="Off target", hint="The value misses its target."
    ),
    TOO_CLOSE_TO_CALL: Badge(
        tone="close",
        label="Too close to call",
        short="Too close to call",
        hint="The target lies within the interval of the value.",
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
# What pages call the methods.
INTERVAL_METHODS = {
    IntervalMethod.WILSON: "Wilson's score interval of a proportion",
    IntervalMethod.TWO_COUNTS: "the score interval of one count for each of another",
    IntervalMethod.ORDER_STATISTICS: "from the ranks of the measured durations",
}
NO_TARGET = Badge(tone="none", label="No target set", hint="Targets are set in the admin.")
NOT_COMPUTED = Badge(tone="none", label="Not computed yet", hint="Nothing of this range is computed.")


def badge_of(reading: KpiReading) -> Badge:
    if reading.total.call is None:
        return NO_TARGET
    return BADGES[reading.total.call] if reading.series else NOT_COMPUTED


def judgement_text(kpi: Kpi) -> str:
    """How the target judges."""
    sentences = [f"On target when the value is {kpi.direction.words} the target."]
    if kpi.baseline_factor is not None:
        factor = percent_text(float(kpi.baseline_factor))
        sentences.append(f"The target is {factor} of the baseline unless set otherwise.")
    if method_of(kpi) is not None:
        sentences.append("Too close to call when the target lies within the interval of the value.")
    return " ".join([*sentences, f"There is {no_verdict_below(kpi)}."])


def interval_sentences(kpi: Kpi) -> str:
    """What the interval of the value is, and what it leaves out; or that there is none."""
    method = method_of(kpi)
    if method is None:
        return "The value is a total: it is no estimate and has no interval, and its change is not judged."
    level = percent_text(LEVEL)
    sentences = (
        f"Interval: {level}, {INTERVAL_METHODS[method]}. It takes events to be independent of each other."
    )
    return f"{sentences} {kpi.interval_caveat}".strip()


def no_verdict_below(kpi: Kpi) -> str:
    return f"no verdict below {kpi.minimum_sample} {kpi.denominator_label.lower()}"


def too_few_text(reading: KpiReading) -> str:
    """What "too few" means; "" where no period has too few events."""
    if all(evaluation.verdict != TOO_FEW_EVENTS for evaluation in reading.series):
        return ""
    return f"{BADGES[TOO_FEW_EVENTS].short}: {no_verdict_below(reading.kpi)}."
