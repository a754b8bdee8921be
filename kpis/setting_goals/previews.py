"""The effect of a changed target or baseline in words, for the admin."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from kpis.formatting import value_text
from kpis.reading.evaluation import (
    NOT_MEASURABLE,
    OFF_TARGET,
    ON_TARGET,
    TOO_CLOSE_TO_CALL,
    TOO_FEW_EVENTS,
)
from kpis.registry import Kpi
from kpis.setting_goals.effects import Effect, Rejudged

# What one day does, and several, whose verdict becomes this.
BECOMING = {
    ON_TARGET: ("becomes on target", "become on target"),
    OFF_TARGET: ("becomes off target", "become off target"),
    TOO_CLOSE_TO_CALL: ("becomes too close to call", "become too close to call"),
    TOO_FEW_EVENTS: ("has too few events", "have too few events"),
    NOT_MEASURABLE: ("cannot be measured", "cannot be measured"),
    None: ("has no target", "have no target"),
}
# Days in the table. The sentence counts them all.
MOST_ROWS = 14
VERDICTS = {
    ON_TARGET: "on target",
    OFF_TARGET: "off target",
    TOO_CLOSE_TO_CALL: "too close to call",
    TOO_FEW_EVENTS: "too few events",
    NOT_MEASURABLE: "cannot be measured",
    None: "no target",
}


@dataclass(frozen=True, kw_only=True)
class EffectText:
    """An effect as the page shows it: a heading, one sentence, and a table of the days that change."""

    title: str
    sentence: str
    table: dict[str, Any]


def effect_texts(effects: Sequence[Effect]) -> list[EffectText]:
    return [
        EffectText(
            title=f"{effect.kpi.title} in {effect.environment}",
            sentence=sentence_of(effect),
            table={"headers": ["Days", "Value", "Before", "After"], "rows": rows_of(effect)},
        )
        for effect in effects
        if effect.days
    ]


def sentence_of(effect: Effect) -> str:
    """`From 1 March 2026, 12 of 28 days change their verdict: 10 become off target, 2 become on target.`"""
    changed, all_days = effect.changed_days, len(effect.days)
    start = f"From {day_text(effect.total.first)}"
    if not changed:
        return f"{start}, none of {all_days} {plural('day', all_days)} changes its verdict."
    verdicts = [day.after for day in changed]
    counts = {verdict: verdicts.count(verdict) for verdict in BECOMING if verdict in verdicts}
    becoming = ", ".join(f"{count} {BECOMING[verdict][count > 1]}" for verdict, count in counts.items())
    verb = "changes its verdict" if len(changed) == 1 else "change their verdict"
    return f"{start}, {len(changed)} of {all_days} {plural('day', all_days)} {verb}: {becoming}."


def rows_of(effect: Effect) -> list[list[str]]:
    """All days together first, then the newest days that change."""
    newest = effect.changed_days[::-1][:MOST_ROWS]
    left_out = len(effect.changed_days) - len(newest)
    return [
        row_of(effect.kpi, text="All days together", day=effect.total),
        *(row_of(effect.kpi, text=day_text(day.first), day=day) for day in newest),
        *([[f"{left_out} earlier {plural('day', left_out)}", "", "", ""]] if left_out else []),
    ]


def row_of(kpi: Kpi, *, text: str, day: Rejudged) -> list[str]:
    value = value_text(day.value, unit=kpi.unit)
    return [text, value, VERDICTS[day.before], VERDICTS[day.after]]


def day_text(day: date) -> str:
    return f"{day.day} {day:%B} {day.year}"


def plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
