"""An effect in words."""

from datetime import date, timedelta

import pytest

from kpis.reading.evaluation import OFF_TARGET, ON_TARGET, TOO_CLOSE_TO_CALL, TOO_FEW_EVENTS
from kpis.registry import REGISTRY
from kpis.setting_goals.effects import Effect, Rejudged
from kpis.setting_goals.previews import MOST_ROWS, effect_texts, sentence_of

FIRST = date(2026, 3, 1)


def effect_of(*days: tuple[str | None, str | None], kpi: str = "approval-rate") -> Effect:
    """Days from 1 March on with the verdicts before and after."""
    judged = [
        Rejudged(first=FIRST + timedelta(days=number), value=0.5, before=before, after=after)
        for number, (before, after) in enumerate(days)
    ]
    total = Rejudged(first=FIRST, value=0.5, before=ON_TARGET, after=OFF_TARGET)
    return Effect(kpi=REGISTRY[kpi], environment="production", days=judged, total=total)


@pytest.mark.parametrize(
    ("days", "sentence"),
    [
        ([(ON_TARGET, ON_TARGET)], "From 1 March 2026, none of 1 day changes its verdict."),
        (
            [(ON_TARGET, OFF_TARGET), (ON_TARGET, ON_TARGET)],
            "From 1 March 2026, 1 of 2 days changes its verdict: 1 becomes off target.",
        ),
        (
            [(None, OFF_TARGET), (None, ON_TARGET), (None, ON_TARGET), (None, TOO_FEW_EVENTS)],
            "From 1 March 2026, 4 of 4 days change their verdict: 2 become on target, 1 becomes off target, "
            "1 has too few events.",
        ),
        (
            [(ON_TARGET, TOO_CLOSE_TO_CALL)],
            "From 1 March 2026, 1 of 1 day changes its verdict: 1 becomes too close to call.",
        ),
        ([(ON_TARGET, None)], "From 1 March 2026, 1 of 1 day changes its verdict: 1 has no target."),
    ],
)
def test_the_sentence_counts_the_days_that_change(
    days: list[tuple[str | None, str | None]], sentence: str
) -> None:
    assert sentence_of(effect_of(*days)) == sentence


def test_the_table_has_the_newest_days_and_counts_the_others() -> None:
    (text,) = effect_texts([effect_of(*[(ON_TARGET, OFF_TARGET)] * (MOST_ROWS + 2))])

    first_column = [row[0] for row in text.table["rows"]]
    assert first_column[:2] == ["All days together", "16 March 2026"]
    assert first_column[-2:] == ["3 March 2026", "2 earlier days"]
    assert text.table["rows"][1][1:] == ["50%", "on target", "off target"]


def test_an_effect_without_days_is_left_out() -> None:
    assert effect_texts([effect_of()]) == []
