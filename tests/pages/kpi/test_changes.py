"""What changed afterwards: on a KPI's page, and on the page of all changes."""

from datetime import timedelta

import pytest
from django.test import Client

from tests.kpis.builders import (
    DAY,
    NOW,
    make_baseline,
    make_bucket,
    make_environment,
    make_later_change,
    make_target,
)
from tests.pages.page_content import chart_of, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "_built_script")]

PAGE = "/kpis/template-suggestion-rate/"
CHANGES = f"{PAGE}changes/"


def test_a_kpi_s_page_says_what_became_of_each_day(reader: Client) -> None:
    make_environment()
    make_later_change()
    make_later_change(
        cause="erasure", value_after=0.25, denominator_after=16, first_changed_at=NOW + timedelta(hours=1)
    )

    text = words(reader, PAGE)

    assert (
        "10 Feb 2026 30% 3 / 10 25% 4 / 16 −5 points Late events, an erasure 15 Feb 2026, 13:00"  # noqa: RUF001
        in text
    )


def test_a_kpi_s_page_says_that_nothing_changed(reader: Client) -> None:
    make_environment()

    assert "No value of these days has changed since it was first shown." in words(reader, PAGE)


@pytest.mark.parametrize(("days", "note"), [(8, ""), (9, "The 8 newest days; 1 more changed too.")])
def test_a_kpi_s_page_has_the_newest_days_only(reader: Client, days: int, note: str) -> None:
    make_environment()
    for number in range(days):
        make_later_change(date=DAY.date() - timedelta(days=number))

    text = words(reader, PAGE)

    assert ("more changed too" in text, note in text) == (bool(note), True)


@pytest.mark.parametrize("granularity", ["day", "week", "month"])
def test_the_chart_marks_the_period_of_a_changed_day(reader: Client, granularity: str) -> None:
    make_environment()
    make_bucket()
    make_later_change()

    chart = chart_of(reader, PAGE, granularity=granularity)

    (line,) = (line for line in chart["lines"] if line["key"] == "changed")
    marked = [period for period, value in zip(chart["periods"], line["values"], strict=True) if value]
    assert [period["figures"][-1] for period in marked] == [
        ["Changed afterwards", "10 Feb 2026: first 30%, now 33.3%"]
    ]


def test_lists_each_change(reader: Client) -> None:
    make_environment()
    make_later_change(value_before=None, numerator_before=0, denominator_before=0)
    make_later_change(cause="rebuild", first_changed_at=NOW + timedelta(hours=1))

    text = words(reader, CHANGES)

    assert "10 Feb 2026 30% 3 / 10 33.3% 4 / 12 +3.3 points A rebuild 15 Feb 2026, 13:00" in text
    assert "10 Feb 2026 nothing 0 / 0 33.3% 4 / 12 – Late events" in text  # noqa: RUF001
    assert "No verdict of these days was changed" in text


def test_lists_targets_that_were_set_for_days_that_had_passed(reader: Client) -> None:
    make_environment()
    make_target("template-suggestion-rate", "0.5", since=DAY.date())

    text = words(reader, CHANGES)

    assert "Target none 50% from 10 Feb 2026 10 Feb 2026 every environment" in text


def test_a_target_may_be_a_factor_of_the_baseline(reader: Client) -> None:
    make_environment()
    make_target("time-to-create-workflow", "0.4", since=DAY.date())
    make_baseline("time-to-create-workflow", "1800", since=DAY.date())

    text = words(reader, "/kpis/time-to-create-workflow/changes/")

    assert "Target none 0.4 × the baseline from 10 Feb 2026" in text  # noqa: RUF001
    assert "Baseline none 30 min from 10 Feb 2026" in text


def test_says_that_nothing_changed(reader: Client) -> None:
    make_environment()

    assert "Nothing has changed of these days since they were shown" in words(reader, CHANGES)
