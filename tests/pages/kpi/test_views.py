import re
from datetime import date, timedelta
from html import unescape

import pytest
from django.test import Client
from pytest_django import Settings

from tests.kpis.builders import (
    DAY,
    NOW,
    make_baseline,
    make_bucket,
    make_durations,
    make_environment,
    make_shift,
    make_target,
)
from tests.pages.builders import make_days
from tests.pages.page_content import chart_of, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "_built_script")]

SUGGESTIONS = "/kpis/template-suggestion-rate/"
TIMES = "/kpis/time-to-create-workflow/"
# Granularity → the newest period of 11 to 15 February, in which NOW is.
OPEN_PERIODS = {
    "day": "15 Feb 2026",
    "week": "Week of 9 Feb 2026, from 11 Feb",
    "month": "Feb 2026, from 11 Feb",
    "hour": "15 Feb 2026, 12:00 (UTC)",
}
COMPARED = {
    "": "Previous period",
    "1": "Previous period",
    "weekdays": "Same weekdays before",
    "year": "Same period a year before",
}
# A duration's own percentile is its value: no column repeats it.
COLUMNS = {
    "template-suggestion-rate": "Template suggestion rate 95% interval Templates suggested Chat messages sent",
    "time-to-create-workflow": "Median 95% interval Drafts measured Mean p75 p90 p95 p99",
    "approval-wait": "p90 95% interval Approvals measured Mean p50 p75 p95 p99",
    "execution-cost": "Execution cost Runs with a cost Mean",
}


def test_shows_definition_percentiles_and_what_was_excluded(reader: Client) -> None:
    make_environment()
    make_durations("time-to-create-workflow", [60] * 20)
    make_bucket("time-to-create-workflow", dimension="excluded", value="no_creation", denominator=3)

    text = words(reader, TIMES)

    assert "the value is the median" in text
    assert "p95 · 95% within" in text
    assert "3 No creation is known for the accepted draft" in text
    assert "None is recorded for this environment" in text


def test_shows_where_a_baseline_comes_from(reader: Client) -> None:
    make_environment()
    make_baseline("time-to-create-workflow", "1500", since=date(2026, 1, 5))

    text = words(reader, TIMES)

    assert (
        "Value 25 min In force since 5 Jan 2026 Sample 36 Set by not recorded How it was measured Stopwatch"
        in text
    )
    assert "Target ≤ 12 min 30 s" in text


def test_shows_the_table_behind_the_chart_newest_first(reader: Client) -> None:
    make_environment()
    make_bucket(numerator=40, denominator=100)

    text = words(reader, SUGGESTIONS, **{"from": "2026-02-09", "to": "2026-02-11", "compare": "none"})

    assert (
        "10 Feb 2026 40% 27.8 to 57.6% 40 100 ≥ 30% Too close to call "
        "9 Feb 2026 no events – 0 0 ≥ 30% Too few events"  # noqa: RUF001
    ) in text


@pytest.mark.parametrize(("granularity", "name"), OPEN_PERIODS.items(), ids=OPEN_PERIODS)
def test_says_which_period_is_not_over(reader: Client, granularity: str, name: str) -> None:
    make_environment(computed_until=NOW + timedelta(minutes=1))

    query = {"from": "2026-02-11", "to": "2026-02-16", "granularity": granularity}
    text = words(reader, SUGGESTIONS, **query)

    assert f"Verdict {name}, so far no events" in text


@pytest.mark.parametrize(("slug", "columns"), COLUMNS.items(), ids=COLUMNS)
def test_has_the_columns_of_the_kpi_s_kind(reader: Client, slug: str, columns: str) -> None:
    make_environment()

    assert f"Period {columns} Target Verdict" in words(reader, f"/kpis/{slug}/", compare="none")


def test_says_what_too_few_is_only_where_there_is_too_few(reader: Client) -> None:
    make_environment()
    make_bucket(denominator=19)
    make_bucket(denominator=20, period_start=DAY + timedelta(days=1))

    with_19 = words(reader, SUGGESTIONS, **{"from": "2026-02-10", "to": "2026-02-11"})
    with_20 = words(reader, SUGGESTIONS, **{"from": "2026-02-11", "to": "2026-02-12"})

    note = "Too few events: no verdict below 20 chat messages sent."
    assert (note in with_19, note in with_20) == (True, False)


def test_shows_no_percentiles_of_nothing(reader: Client) -> None:
    make_environment()

    assert "Percentiles of the range" not in words(reader, TIMES)


def test_gives_the_script_a_line_for_whatever_has_values(reader: Client) -> None:
    make_environment()
    make_baseline("template-suggestion-rate", "0.1", since=date(2026, 1, 1))
    make_days(60)

    lines = chart_of(reader, SUGGESTIONS, compare="1")["lines"]

    keys = [line["key"] for line in lines]
    assert keys == ["value", "interval", "previous", "target", "baseline", "count"]
    assert {len(line["values"]) for line in lines} == {28}


def test_lists_the_chart_s_lines_in_its_legend(reader: Client) -> None:
    make_environment()
    make_durations("time-to-create-workflow", [60] * 20)

    page = reader.get(TIMES).content.decode()

    entries = re.findall(r'data-chart-line="(\w+)" aria-pressed="(\w+)"', page)
    shown = {"value": "true", "interval": "true", "count": "true"}
    hidden = dict.fromkeys(["p75", "p90", "p95", "p99"], "false")
    assert dict(entries) == shown | hidden


def test_writes_what_is_shown_at_the_pointer(reader: Client) -> None:
    make_environment()
    make_bucket(numerator=40, denominator=100)
    make_bucket(numerator=35, denominator=100, period_start=DAY - timedelta(days=1))

    query = {"from": "2026-02-10", "to": "2026-02-11", "compare": "1"}
    periods = chart_of(reader, SUGGESTIONS, **query)["periods"]

    figures = [
        ["Template suggestion rate", "40%"],
        ["95% interval", "27.8 to 57.6%"],
        ["Templates suggested", "40"],
        ["Chat messages sent", "100"],
        ["Target", "\N{GREATER-THAN OR EQUAL TO} 30%"],
        ["Previous period", "35%"],
    ]
    counted = (
        "/kpis/template-suggestion-rate/counted/?environment=production"
        "&from=2026-02-10T00%3A00%3A00Z&to=2026-02-11T00%3A00%3A00Z"
    )
    assert periods == [{"label": "10 Feb", "name": "10 Feb 2026", "url": counted, "figures": figures}]


def test_draws_a_band_with_an_open_end_where_there_are_too_few_durations(reader: Client) -> None:
    make_environment()
    make_durations("workflow-duration", [60] * 30)
    make_durations("workflow-duration", [60] * 80, period_start=DAY + timedelta(days=1))

    query = {"from": "2026-02-09", "to": "2026-02-12"}
    (band,) = (
        line
        for line in chart_of(reader, "/kpis/workflow-duration/", **query)["lines"]
        if line["key"] == "interval"
    )

    low, high = (pytest.approx(60, rel=0.02) for _ in range(2))
    assert (band["lows"], band["values"]) == ([None, low, low], [None, None, high])


def test_says_which_interval_a_kpi_has_and_what_it_leaves_out(reader: Client) -> None:
    make_environment()

    assert "Interval: 95%, Wilson's score interval of a proportion." in words(reader, "/kpis/approval-rate/")
    assert "entered by hand count like all others" in words(reader, "/kpis/workbench-adoption/")
    assert "it is no estimate and has no interval" in words(reader, "/kpis/execution-cost/")


@pytest.mark.parametrize(("compare", "name"), COMPARED.items(), ids=COMPARED)
def test_names_what_it_compares_with(reader: Client, compare: str, name: str) -> None:
    make_environment()
    make_bucket(numerator=40, denominator=100)
    earlier = {"year": DAY.replace(year=2025), "weekdays": DAY - timedelta(days=28)}
    make_bucket(numerator=60, denominator=100, period_start=earlier.get(compare, DAY - timedelta(days=1)))

    query = {"from": "2026-02-10", "to": "2026-02-11", "compare": compare}
    text = words(reader, SUGGESTIONS, **query)

    (line,) = (line for line in chart_of(reader, SUGGESTIONS, **query)["lines"] if line["key"] == "previous")
    assert (line["name"], line["values"]) == (name, [0.6])
    assert f"−20 points, within noise against the {name.lower()}" in text  # noqa: RUF001
    assert f"{name} 60% Templates suggested 40" in text
    assert f"Period Template suggestion rate {name} 95% interval" in text
    assert "10 Feb 2026 40% 60% 27.8 to 57.6%" in text


def test_compares_with_nothing_where_that_is_asked(reader: Client) -> None:
    make_environment()
    make_days(40)

    lines = chart_of(reader, SUGGESTIONS, compare="none")["lines"]
    text = words(reader, SUGGESTIONS, compare="none")

    assert "previous" not in [line["key"] for line in lines]
    assert ("against the" in text, "Period Template suggestion rate 95% interval" in text) == (False, True)


def test_draws_nothing_where_there_is_no_value(reader: Client) -> None:
    make_environment()

    page = reader.get(SUGGESTIONS).content.decode()

    assert "chart" not in page
    assert "No events in this range" in page


def test_says_what_the_chart_shows_without_a_script(reader: Client) -> None:
    make_environment()
    make_bucket(numerator=40, denominator=100)
    make_bucket(numerator=20, denominator=100, period_start=DAY + timedelta(days=1))

    text = words(reader, SUGGESTIONS)

    assert "between 20% and 40%, last 20%. The table below has every figure." in text


def test_says_since_when_a_workflow_fails_more_often_and_how_it_changed(reader: Client) -> None:
    make_environment()
    make_shift("workflow-success-rate", dimension="workflow", value="triage", at=DAY - timedelta(days=5))

    text = words(reader, "/kpis/workflow-success-rate/", breakdown="workflow")
    by_hour = words(
        reader, "/kpis/workflow-success-rate/", breakdown="workflow", granularity="hour", range="7d"
    )

    assert text.count("Worse since 5 Feb 2026: 100% before, 20% from then on") == 2
    assert text.count("against the previous period, worse") == 2
    assert "from then on" not in by_hour


def test_names_the_first_day_of_the_week_since_which_it_is_better(reader: Client) -> None:
    make_environment()
    make_shift("agent-failure-rate", at=DAY - timedelta(days=50), days=100)

    text = words(
        reader, "/kpis/agent-failure-rate/", granularity="week", **{"from": "2025-09-01", "to": "2026-02-09"}
    )

    assert "Better since 22 Dec 2025: 100% before, 20% from then on" in text


def test_a_shift_that_cannot_be_seen_in_its_figures_is_not_said(reader: Client) -> None:
    make_environment()
    make_shift(
        "workflow-success-rate", at=DAY - timedelta(days=5), of=1_000_000, before=950_000, since=950_400
    )

    assert "from then on" not in words(reader, "/kpis/workflow-success-rate/")


def test_breaks_down_by_a_dimension(reader: Client) -> None:
    make_environment()
    make_bucket("execution-cost", dimension="workflow", value="triage", numerator=2_000_000, denominator=4)

    text = words(reader, "/kpis/execution-cost/", breakdown="workflow")

    assert "triage $2.00 4 runs with a cost" in text


def test_escapes_what_clients_sent(reader: Client) -> None:
    make_environment()
    make_bucket("execution-cost", numerator=1_000_000)
    make_bucket("execution-cost", dimension="workflow", value="<script>alert(1)</script>")

    page = reader.get("/kpis/execution-cost/", {"breakdown": "workflow"}).content.decode()

    assert "<script>alert" not in page


def test_links_the_csv_of_the_same_range(reader: Client) -> None:
    make_environment()
    make_days(3)

    page = reader.get(SUGGESTIONS, {"range": "7d", "granularity": "week"}).content.decode()
    link = unescape(re.findall(r'href="(/api/kpis/[^"]+)"', page)[0])
    response = reader.get(link)

    assert response.headers["Content-Type"].startswith("text/csv")
    assert response.content.decode().count("\n") == 2


def test_judges_each_row_by_the_target_of_its_time(reader: Client) -> None:
    make_environment()
    make_bucket(numerator=400, denominator=1_000)
    make_bucket(numerator=400, denominator=1_000, period_start=DAY - timedelta(days=1))
    make_target("template-suggestion-rate", "0.5", since=DAY.date())

    text = words(reader, SUGGESTIONS, **{"from": "2026-02-09", "to": "2026-02-11", "compare": "none"})

    interval = "35.6 to 44.9%"
    assert (
        f"10 Feb 2026 40% {interval} 400 1,000 ≥ 50% Off target "
        f"9 Feb 2026 40% {interval} 400 1,000 ≥ 30% On target"
    ) in text


def test_reads_without_the_built_script(reader: Client, settings: Settings) -> None:
    settings.STATICFILES_DIRS = []
    make_environment()
    make_days(3)

    page = reader.get(SUGGESTIONS).content.decode()

    assert "charts.js" not in page
    assert "chart-drawing" not in page
    assert "The table below has every figure." in page
