"""Verdicts in words: badges, and how a target judges."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from kpis.formatting import percent_text, words_within
from kpis.reading.evaluation import (
    NOT_MEASURABLE,
    OFF_TARGET,
    ON_TARGET,
    TOO_CLOSE_TO_CALL,
    TOO_FEW_EVENTS,
)
from kpis.reading.readings import KpiReading
from kpis.registry import Direction, Kpi
from kpis.statistics.estimates import IntervalMethod, method_of
from kpis.statistics.intervals import LEVEL
from web.languages import lazy_text


@dataclass(frozen=True, kw_only=True)
class Badge:
    """A verdict. `tone` names its colour and its icon, `short` is its label in a table."""

    tone: str
    label: str
    hint: str
    short: str = ""


BADGES = {
    ON_TARGET: Badge(
        tone="good",
        label=lazy_text("On target"),
        short=lazy_text("On target"),
        hint=lazy_text("The value reaches its target."),
    ),
    OFF_TARGET: Badge(
        tone="bad",
        label=lazy_text("Off target"),
        short=lazy_text("Off target"),
        hint=lazy_text("The value misses its target."),
    ),
    TOO_CLOSE_TO_CALL: Badge(
        tone="close",
        label=lazy_text("Too close to call"),
        short=lazy_text("Too close to call"),
        hint=lazy_text("The target lies within the interval of the value."),
    ),
    TOO_FEW_EVENTS: Badge(
        tone="few",
        label=lazy_text("Too few events to judge"),
        short=lazy_text("Too few events"),
        hint=lazy_text("Below the minimum sample."),
    ),
    NOT_MEASURABLE: Badge(
        tone="none",
        label=lazy_text("Not measurable"),
        short=lazy_text("Not measurable"),
        hint=lazy_text("What it is compared with was never reported."),
    ),
}
# What pages call the methods.
INTERVAL_METHODS = {
    IntervalMethod.WILSON: lazy_text("Wilson's score interval of a proportion"),
    IntervalMethod.TWO_COUNTS: lazy_text("the score interval of one count for each of another"),
    IntervalMethod.ORDER_STATISTICS: lazy_text("from the ranks of the measured durations"),
}
NO_TARGET = Badge(
    tone="none", label=lazy_text("No target set"), hint=lazy_text("Targets are set in the admin.")
)
NOT_COMPUTED = Badge(
    tone="none", label=lazy_text("Not computed yet"), hint=lazy_text("Nothing of this range is computed.")
)


def badge_of(reading: KpiReading) -> Badge:
    if reading.total.call is None:
        return NO_TARGET
    return BADGES[reading.total.call] if reading.series else NOT_COMPUTED


def judgement_text(kpi: Kpi) -> str:
    """How the target judges."""
    sentences = [direction_text(kpi)]
    if kpi.baseline_factor is not None:
        factor = percent_text(float(kpi.baseline_factor))
        sentences.append(
            _("The target is %(factor)s of the baseline unless set otherwise.") % {"factor": factor}
        )
    if method_of(kpi) is not None:
        sentences.append(_("Too close to call when the target lies within the interval of the value."))
    return " ".join([*sentences, _("There is no verdict below %(sample)s.") % {"sample": least_sample(kpi)}])


def direction_text(kpi: Kpi) -> str:
    if kpi.direction is Direction.AT_LEAST:
        return _("On target when the value is at least the target.")
    return _("On target when the value is at most the target.")


def interval_sentences(kpi: Kpi) -> str:
    """What the interval of the value is, and what it leaves out; or that there is none."""
    method = method_of(kpi)
    if method is None:
        return _("The value is a total: it is no estimate and has no interval, and its change is not judged.")
    level = percent_text(LEVEL)
    sentences = _("Interval: %(level)s, %(method)s. It takes events to be independent of each other.") % {
        "level": level,
        "method": INTERVAL_METHODS[method],
    }
    return f"{sentences} {_(kpi.interval_caveat)}" if kpi.interval_caveat else sentences


def least_sample(kpi: Kpi) -> str:
    """20 chat messages sent."""
    label = words_within(kpi.denominator_label)
    return _("%(count)s %(things)s") % {"count": kpi.minimum_sample, "things": label}


def too_few_text(reading: KpiReading) -> str:
    """What "too few" means; "" where no period has too few events."""
    if all(evaluation.verdict != TOO_FEW_EVENTS for evaluation in reading.series):
        return ""
    return _("%(verdict)s: no verdict below %(sample)s.") % {
        "verdict": BADGES[TOO_FEW_EVENTS].short,
        "sample": least_sample(reading.kpi),
    }
