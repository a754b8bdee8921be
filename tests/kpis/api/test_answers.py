"""Readings as answers, without a database."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from kpis.api.answers import comparison_json, evaluation_json, list_json
from kpis.reading.evaluation import Evaluation, Slice
from kpis.reading.goals import Goal
from kpis.reading.periods import Granularity, Range
from kpis.reading.readings import Comparison, KpiReading
from kpis.registry import REGISTRY, Kpi
from kpis.statistics.intervals import Interval

START = datetime(2026, 2, 9, 23, tzinfo=UTC)
DAY = Range(start=START, end=START + timedelta(days=1), zone=ZoneInfo("Europe/Berlin"))
COSTS = REGISTRY["execution-cost"]
SUGGESTIONS = REGISTRY["template-suggestion-rate"]

EVALUATION = Evaluation(
    period=DAY,
    numerator=2.5,
    denominator=4,
    value=2.5,
    reason=None,
    verdict="on_target",
    goal=Goal(target=3.0, baseline=5.0),
)
EVALUATION_JSON = {
    "numerator": 2.5,
    "denominator": 4,
    "value": 2.5,
    "interval": None,
    "verdict": "on_target",
    "is_too_close_to_call": False,
}


def make_comparison(
    *,
    kpi: Kpi = COSTS,
    breakdown: str = "",
    slices: Sequence[Slice] = (),
    computed_until: datetime | None = None,
) -> Comparison:
    """With itself as the range before."""
    reading = KpiReading(
        kpi=kpi,
        environment="production",
        range=DAY,
        granularity=Granularity.DAY,
        computed_until=computed_until,
        is_measurable=True,
        total=EVALUATION,
        series=(EVALUATION,),
        excluded={"no_start": 2},
        breakdown=breakdown,
        slices=tuple(slices),
        slices_left_out=7,
    )
    return Comparison(current=reading, previous=reading)


def test_answers_a_period_with_its_moments_and_its_target() -> None:
    answer = comparison_json(make_comparison())

    assert answer["total"] == EVALUATION_JSON
    assert answer["series"] == [
        {
            "period_start": "2026-02-09T23:00:00Z",
            "period_end": "2026-02-10T23:00:00Z",
            **EVALUATION_JSON,
            "target": 3.0,
        }
    ]


def test_answers_an_interval_with_its_level_and_an_open_end_with_null() -> None:
    evaluation = replace(EVALUATION, interval=Interval(1.5, None), is_too_close_to_call=True)

    assert evaluation_json(COSTS, evaluation) == EVALUATION_JSON | {
        "interval": {"low": 1.5, "high": None, "level": 0.95},
        "is_too_close_to_call": True,
    }


def test_answers_the_change_of_a_sum_without_a_judgement() -> None:
    answer = comparison_json(make_comparison())

    assert answer["previous"] == {"from": "2026-02-09T23:00:00Z", "to": "2026-02-10T23:00:00Z"}
    assert answer["change"] == {
        "previous_value": 2.5,
        "difference": 0.0,
        "interval": None,
        "judgement": None,
    }


@pytest.mark.parametrize(
    ("computed_until", "text"),
    [(None, None), (START, "2026-02-09T23:00:00Z")],
    ids=["nothing is computed", "something is computed"],
)
def test_says_how_far_the_environment_is_computed(computed_until: datetime | None, text: str | None) -> None:
    assert comparison_json(make_comparison(computed_until=computed_until))["computed_until"] == text


def test_has_no_breakdown_unless_one_was_asked_for() -> None:
    answer = comparison_json(make_comparison())

    assert {"dimension", "breakdown", "breakdown_left_out"}.isdisjoint(answer)


def test_answers_the_values_of_a_breakdown_and_how_many_more_there_are() -> None:
    part = Slice(value="triage", total=EVALUATION, series=())

    answer = comparison_json(make_comparison(breakdown="workflow", slices=[part]))

    assert answer["dimension"] == "workflow"
    assert answer["breakdown"] == [
        {
            "value": "triage",
            "total": EVALUATION_JSON,
            "change": {"previous_value": 2.5, "difference": 0.0, "interval": None, "judgement": None},
            "shift": None,
            "series": [],
        }
    ]
    assert answer["breakdown_left_out"] == 7


def test_lists_kpis_below_the_range_that_they_share() -> None:
    answer = list_json([make_comparison(), make_comparison(kpi=SUGGESTIONS)])

    assert (answer["environment"], answer["time_zone"]) == ("production", "Europe/Berlin")
    assert [(kpi["kpi"], kpi["value"], kpi["dimensions"]) for kpi in answer["kpis"]] == [
        ("execution-cost", 2.5, ["workflow"]),
        ("template-suggestion-rate", 2.5, []),
    ]
