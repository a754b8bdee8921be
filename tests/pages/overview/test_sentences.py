"""What the overview says of changes and targets; the judgements themselves are kpis.statistics' and evaluation's."""

from collections.abc import Sequence
from datetime import date

import pytest

from kpis.reading.readings import Comparison
from pages.overview import sentences
from pages.overview.sentences import make_sentences, off_since
from tests.pages.overview.builders import Counts, make_comparison

BIG, LESS = (800, 1_000), (600, 1_000)


def said(*comparisons: Comparison) -> list[str]:
    """The sentences, with links in brackets."""
    found = make_sentences(comparisons, url_of=lambda kpi: f"/{kpi.slug}/")
    return ["".join(f"[{part.text}]" if part.url else part.text for part in sentence) for sentence in found]


def changed(slug: str, *, now: Counts, before: Counts = BIG, target: float | None = None) -> Comparison:
    return make_comparison(slug, days=[now], previous=before, target=target)


# What is there to say nothing about → the only sentence, or the first.
QUIET = {
    "nothing computed": ([make_comparison(days=[])], sentences.NOT_COMPUTED),
    "nothing happened": ([make_comparison()], sentences.NOTHING_HAPPENED),
    "nothing happened, but before": ([make_comparison(previous=BIG)], sentences.NOTHING_HAPPENED),
    "the first day": ([make_comparison(days=[BIG])], sentences.NOTHING_BEFORE),
    "one event": ([make_comparison(days=[(1, 1)], previous=BIG)], sentences.TOO_FEW),
    "one event before": ([make_comparison(days=[BIG], previous=(1, 1))], sentences.TOO_FEW),
    "within noise": ([make_comparison(days=[BIG], previous=(790, 1_000))], sentences.NO_CHANGE),
    "a sum": (
        [make_comparison("execution-cost", days=[(9_000_000, 100)], previous=(1_000_000, 100))],
        sentences.TOO_FEW,
    ),
}


@pytest.mark.parametrize(("comparisons", "sentence"), QUIET.values(), ids=QUIET)
def test_calls_nothing_a_change_that_is_none(comparisons: list[Comparison], sentence: str) -> None:
    assert said(*comparisons)[0] == sentence


def test_says_one_sentence_where_nothing_is_computed_or_happened() -> None:
    assert len(said(make_comparison(days=[]))) == len(said(make_comparison())) == 1


def test_names_the_largest_change_by_its_share_of_the_value() -> None:
    # 20 points of 80 are a quarter; 5 points of 10 are a half.
    larger = changed("agent-failure-rate", now=(100, 1_000), before=(50, 1_000))

    assert said(changed("approval-rate", now=LESS), larger)[0] == (
        "[Agent failure rate] changed most, from 5% to 10% (+5 points, worse); [Approval rate] changed too."
    )


def test_counts_the_changes_that_it_does_not_name() -> None:
    others = ["approval-rate", "workflow-success-rate", "template-usage-rate", "workbench-adoption"]
    first = changed("agent-failure-rate", now=(100, 1_000), before=(50, 1_000))

    assert said(first, *(changed(slug, now=LESS) for slug in others))[0].partition("; ")[2] == (
        "[Approval rate], [Workflow success rate], [Template usage rate] and 1 more changed too."
    )


def test_names_what_left_its_target_with_value_target_and_day() -> None:
    left = make_comparison(days=[BIG, BIG, (100, 1_000), (1, 2), (90, 1_000)], previous=BIG, target=0.7)

    assert said(left)[1] == "[Approval rate] (44.8%, target ≥ 70%, off since 3 Feb 2026) left its target."


def test_names_three_of_those_that_left_their_targets() -> None:
    slugs = ["approval-rate", "workflow-success-rate", "template-usage-rate", "workbench-adoption"]

    sentence = said(*(changed(slug, now=LESS, target=0.7) for slug in slugs))[1]

    assert sentence == (
        "[Approval rate] (60%, target ≥ 70%), [Workflow success rate] (60%, target ≥ 70%), "
        "[Template usage rate] (60%, target ≥ 70%) and 1 more left their targets."
    )


def test_nothing_is_said_to_have_left_its_target_where_nothing_was_counted_before() -> None:
    assert said(make_comparison(days=[LESS], target=0.7))[1] == "[Approval rate] is off target."
    assert said(make_comparison(days=[(71, 100)], target=0.7))[1] == "1 is too close to call."


# What is on the page → the second sentence, where nothing left its target.
STAYING = {
    "all on target": ([changed("approval-rate", now=BIG, target=0.7)], sentences.ALL_ON_TARGET),
    "no target": ([changed("approval-rate", now=BIG)], sentences.NOTHING_JUDGED),
    "still off": (
        [changed("approval-rate", now=LESS, before=LESS, target=0.7)],
        "Nothing left its target in this period; [Approval rate] is off target.",
    ),
    "two off": (
        [
            changed("approval-rate", now=LESS, before=LESS, target=0.7),
            changed("template-usage-rate", now=LESS, before=LESS, target=0.7),
        ],
        "Nothing left its target in this period; [Approval rate] and [Template usage rate] are off target.",
    ),
    "too close": (
        [changed("approval-rate", now=(69, 100), target=0.7)],
        "Nothing left its target; 1 is too close to call.",
    ),
}


@pytest.mark.parametrize(("comparisons", "sentence"), STAYING.values(), ids=STAYING)
def test_says_what_is_off_where_nothing_left_its_target(comparisons: list[Comparison], sentence: str) -> None:
    assert said(*comparisons)[1] == sentence


ON, OFF, CLOSE, FEW = (900, 1_000), (100, 1_000), (69, 100), (1, 2)
# Days from 1 Feb on, against a target of 70% → the day since when it is off.
SINCE = {
    "from one day on": ([ON, OFF, OFF], date(2026, 2, 2)),
    "days that say nothing between": ([ON, CLOSE, OFF, FEW, CLOSE], date(2026, 2, 3)),
    "the last day only": ([OFF, ON, OFF], date(2026, 2, 3)),
    "always": ([OFF, OFF], None),
    "on again": ([OFF, ON, FEW], None),
    "nothing to judge": ([FEW, CLOSE], None),
}


@pytest.mark.parametrize(("days", "since"), SINCE.values(), ids=SINCE)
def test_finds_the_day_since_when_it_is_off(days: Sequence[Counts], since: date | None) -> None:
    assert off_since(make_comparison(days=days, target=0.7).current) == since
