"""What a card and a KPI's page show first: value, verdict and change."""

from dataclasses import dataclass, replace
from typing import Self

from django.utils.translation import gettext as _

from kpis.formatting import change_text, measured, value_text
from kpis.reading.evaluation import NO_EVENTS, NOT_MEASURABLE
from kpis.reading.readings import Comparison, KpiReading
from kpis.registry import Direction, Kpi
from kpis.statistics.changes import TOO_FEW_TO_COMPARE, WITHIN_NOISE, ValueChange
from pages.kpi.texts import EvaluationText
from pages.page_request import PageState
from pages.period_names import COMPARED_PHRASES
from pages.verdicts import Badge, badge_of
from web.languages import lazy_text

# Why there is no value.
REASONS = {
    NO_EVENTS: lazy_text("No events in this range"),
    NOT_MEASURABLE: lazy_text(
        "No other origin of workflows was ever reported here, so a share would be a guess."
    ),
}

# What a judgement of a difference says of it, where it is neither better nor worse.
NOTES = {
    WITHIN_NOISE: lazy_text("within noise"),
    TOO_FEW_TO_COMPARE: lazy_text("too few to compare"),
}


@dataclass(frozen=True, kw_only=True)
class Change:
    """Against an earlier period, which `against` names.

    `tone` is good, bad or flat, `arrow` is up, down, flat or noise.
    `note` says beside the text why nothing is said of it, `words` are for those who see no colours.
    """

    text: str
    tone: str
    arrow: str
    words: str
    note: str = ""
    against: str = lazy_text("the previous period")


@dataclass(frozen=True, kw_only=True)
class Headline:
    """A KPI's total over the range, the verdict on it, its change, and in `note` why there is no value."""

    total: EvaluationText
    previous_value: str
    badge: Badge
    change: Change | None
    note: str

    @classmethod
    def from_comparison(cls, comparison: Comparison, *, state: PageState) -> Self:
        """Without a change where the page compares with nothing."""
        current, previous = comparison.current, comparison.previous
        return cls(
            total=EvaluationText.from_evaluation(current.total, kpi=current.kpi),
            previous_value=value_text(previous.total.value, unit=current.kpi.unit),
            badge=badge_of(current),
            change=change_against(comparison.change, kpi=current.kpi, state=state),
            note=note_of(current),
        )


def change_against(change: ValueChange | None, *, kpi: Kpi, state: PageState) -> Change | None:
    """With the name of what the page compares with; None where it compares with nothing."""
    text = change_text_of(change, kpi=kpi) if state.compares else None
    return text and replace(text, against=COMPARED_PHRASES[state.against])


def note_of(reading: KpiReading) -> str:
    """Why there is no value; "" where there is one."""
    if reading.computed_until is None or not reading.series:
        return _("Not computed yet")
    return REASONS.get(reading.total.reason or "", "")


def change_text_of(change: ValueChange | None, *, kpi: Kpi) -> Change | None:
    """None where one of the two values is missing. A difference is better or worse only where it is more than noise."""
    if change is None:
        return None
    shown = change_text(change.current, change.previous, unit=kpi.unit)
    # The difference itself, in the KPI's unit; the text may be in per cent of the previous value.
    text = measured(shown, value=change.difference, unit=kpi.unit)
    if text.startswith("±"):
        text = measured(_("no change"), value=change.difference, unit=kpi.unit)
        return Change(text=text, tone="flat", arrow="flat", words=_("unchanged"))
    if change.judgement in NOTES:
        note = NOTES[change.judgement]
        return Change(text=text, tone="flat", arrow="noise", words=note, note=note)
    arrow = "up" if change.difference > 0 else "down"
    if change.judgement is None:
        return Change(text=text, tone="flat", arrow=arrow, words=_("not judged"))
    is_better = (change.difference > 0) is (kpi.direction is Direction.AT_LEAST)
    return Change(
        text=text,
        tone="good" if is_better else "bad",
        arrow=arrow,
        words=_("better") if is_better else _("worse"),
    )
