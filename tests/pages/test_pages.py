import json
import re
from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from kpis.registry import DEFINITIONS
from tests.kpis.builders import (
    DAY,
    NOW,
    make_baseline,
    make_bucket,
    make_durations,
    make_environment,
    make_target,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_clock_at_now", "_built_script")]

TIMES = "/kpis/time-to-create-workflow/"
SUGGESTIONS = "/kpis/template-suggestion-rate/"
ADOPTION = "/kpis/workbench-adoption/"
TODAY = NOW.replace(hour=0)


def words(client: Client, path: str, *, status: int = 200, **query: str) -> str:
    """The page as text: no tags, single spaces."""
    response = client.get(path, query)
    assert response.status_code == status
    text = re.sub(r"<[^>]+>", " ", response.content.decode())
    return " ".join(unescape(text).replace("\N{NARROW NO-BREAK SPACE}", " ").split())


def chart(client: Client, path: str, **query: str) -> Any:
    """What the page gives the script."""
    page = client.get(path, query).content.decode()
    found = re.search(r'<script id="chart-data"[^>]*>(.*?)</script>', page)
    assert found is not None
    return json.loads(found[1])


def fill(days: int) -> None:
    for number in range(days):
        for kpi in DEFINITIONS:
            make_bucket(kpi.slug, period_start=DAY - timedelta(days=number), denominator=40)


# Signing in -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", SUGGESTIONS])
def test_asks_strangers_to_sign_in(client: Client, path: str) -> None:
    response = client.get(path, {"range": "7d"})
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/login/?next=")


def test_signs_in_and_out(client: Client) -> None:
    get_user_model().objects.create_user("ada", password="correct horse")
    assert "Sign in" in words(client, "/login/")
    response = client.post("/login/", {"username": "ada", "password": "correct horse", "next": "/?range=7d"})
    assert (response.status_code, response.headers["Location"]) == (302, "/?range=7d")
    assert client.post("/logout/").status_code == 302
    assert client.get("/").status_code == 302


def test_says_when_the_password_is_wrong_and_keeps_the_name(client: Client) -> None:
    response = client.post("/login/", {"username": "ada", "password": "wrong"})
    assert "do not match" in response.content.decode()
    assert 'value="ada"' in response.content.decode()


# Overview ---------------------------------------------------------------------------------------------


def test_greets_an_empty_portal_with_what_to_do(reader: Client) -> None:
    assert "create_key --scope ingest" in words(reader, "/")
    assert "create_key --scope ingest" in words(reader, SUGGESTIONS)


def test_shows_every_kpi_by_persona(reader: Client) -> None:
    make_environment()
    text = words(reader, "/")
    for persona in ("Agent", "End user", "Leadership", "Domain expert", "Operator"):
        assert persona in text
    for kpi in DEFINITIONS:
        assert kpi.title in text


def test_shows_value_change_sample_target_and_verdict(reader: Client) -> None:
    make_environment()
    make_bucket(numerator=40, denominator=100)
    make_bucket(numerator=35, denominator=100, period_start=DAY - timedelta(days=28))
    text = words(reader, "/")
    assert (
        "Template suggestion rate 40% +5 points against the previous period, better "
        "40 / 100 chat messages sent On target Target ≥ 30% Baseline none"
    ) in text


def test_says_off_target_and_worse_in_words(reader: Client) -> None:
    make_environment()
    make_bucket(numerator=20, denominator=100)
    make_bucket(numerator=35, denominator=100, period_start=DAY - timedelta(days=28))
    assert "against the previous period, worse 20 / 100 chat messages sent Off target" in words(reader, "/")


def test_says_too_few_events_to_judge(reader: Client) -> None:
    make_environment()
    make_bucket(numerator=3, denominator=10)
    assert "30% 3 / 10 chat messages sent Too few events to judge" in words(reader, "/")


def test_says_that_adoption_cannot_be_measured_instead_of_100_per_cent(reader: Client) -> None:
    make_environment()
    make_bucket("workbench-adoption", numerator=50, denominator=50)
    for path in ("/", ADOPTION):
        text = words(reader, path)
        assert "Not measurable" in text
        assert "No other origin" in text
        assert "100%" not in text


def test_names_zone_range_and_how_far_it_is_computed(reader: Client, settings: Settings) -> None:
    settings.REPORTING_TIME_ZONE = "Europe/Berlin"
    make_environment()
    for path in ("/", SUGGESTIONS):
        text = words(reader, path, range="7d")
        assert "9 Feb 2026 – 15 Feb 2026 · days in Europe/Berlin" in text  # noqa: RUF001
        assert "computed until 15 Feb 2026, 13:00" in text


def test_tells_not_computed_from_zero(reader: Client) -> None:
    make_environment(computed_until=None)
    text = words(reader, "/")
    assert "Nothing is computed for production yet" in text
    assert "not the same as zero" in text
    assert "Too few events" not in text


def test_tells_a_day_that_is_not_over_from_the_others(reader: Client) -> None:
    make_environment()
    for number in range(3):
        make_bucket(numerator=10 * (number + 1), denominator=40, period_start=TODAY - timedelta(days=number))
    page = reader.get("/", {"range": "7d"}).content.decode()
    assert re.search(r'class="spark-line" d="M[\d.]+ [\d.]+ L[\d.]+ [\d.]+"', page)
    assert re.search(r'class="spark-open" d="M[\d.]+ [\d.]+ L[\d.]+ [\d.]+"', page)
    assert page.count("spark-hole") == 1
    assert "last 25% so far" in page
    assert "ends at the same time of day. A hollow point" in page


def test_draws_no_hollow_point_where_every_day_is_over(reader: Client) -> None:
    make_environment()
    make_bucket()
    page = reader.get("/", {"from": "2026-02-09", "to": "2026-02-12"}).content.decode()
    assert 'class="spark-open" d=""' in page
    assert "hollow" not in page
    assert "so far" not in page


def test_says_what_to_do_where_nothing_happened_at_all(reader: Client) -> None:
    make_environment()
    hint = "No KPI has an event in this range production is computed until 15 Feb 2026, 12:00"
    assert hint in words(reader, "/")
    assert hint not in words(reader, "/", **{"from": "2026-03-01", "to": "2026-03-02"})
    make_bucket(denominator=1)
    assert hint not in words(reader, "/")


def test_says_no_events_where_it_is_computed(reader: Client) -> None:
    make_environment()
    assert "No events in this range" in words(reader, "/")


def test_keeps_the_range_in_every_link(reader: Client) -> None:
    make_environment("demo")
    make_environment("production")
    page = reader.get("/", {"environment": "demo", "range": "7d"}).content.decode()
    assert f"{SUGGESTIONS}?environment=demo&amp;range=7d" in page
    assert "?environment=production&amp;range=7d" in page
    assert '"?environment=demo&amp;range=90d"' in page


@pytest.mark.parametrize("path", ["/", SUGGESTIONS])
@pytest.mark.parametrize(
    "query",
    [
        {"from": "soon"},
        {"range": "5d"},
        {"granularity": "minute"},
        {"from": "2020-01-01", "granularity": "hour"},
        {"from": "2001-01-01", "to": "2098-01-01", "granularity": "month"},
        {"from": "\x00"},
        {"breakdown": "nothing"},
    ],
)
def test_shows_the_default_range_with_the_fault_of_a_bad_one(
    reader: Client, path: str, query: dict[str, str]
) -> None:
    make_environment()
    text = words(reader, path, status=400, **query)
    assert "The default range is shown instead" in text
    assert "19 Jan 2026" in text


@pytest.mark.parametrize("path", ["/?environment=prod", "/kpis/happiness/", "/?environment=%00"])
def test_does_not_find_what_there_is_not(reader: Client, path: str) -> None:
    make_environment()
    assert reader.get(path).status_code == 404


# A KPI's page -----------------------------------------------------------------------------------------


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
    text = words(reader, SUGGESTIONS, **{"from": "2026-02-09", "to": "2026-02-11"})
    assert ("10 Feb 2026 40% 40 100 ≥ 30% On target 9 Feb 2026 no events 0 0 ≥ 30% Too few events") in text


@pytest.mark.parametrize(
    ("granularity", "label"),
    [
        ("week", "Week of 9 Feb 2026 no events"),
        ("month", "Feb 2026, from 9 Feb no events"),
        ("hour", "10 Feb 2026, 00:00 (UTC) no events"),
    ],
)
def test_names_the_periods_of_each_granularity(reader: Client, granularity: str, label: str) -> None:
    make_environment()
    query = {"from": "2026-02-09", "to": "2026-02-11", "granularity": granularity}
    assert label in words(reader, SUGGESTIONS, **query)


@pytest.mark.parametrize(
    ("granularity", "label"),
    [
        ("day", "15 Feb 2026, so far"),
        ("week", "Week of 9 Feb 2026, from 11 Feb, so far"),
        ("month", "Feb 2026, from 11 Feb, so far"),
        ("hour", "15 Feb 2026, 12:00 (UTC), so far"),
    ],
)
def test_says_of_which_period_there_is_a_part(reader: Client, granularity: str, label: str) -> None:
    make_environment(computed_until=NOW + timedelta(minutes=1))
    query = {"from": "2026-02-11", "to": "2026-02-16", "granularity": granularity}
    assert f"Verdict {label} no events" in words(reader, SUGGESTIONS, **query)


def test_shows_each_percentile_once_in_the_table(reader: Client) -> None:
    make_environment()
    make_durations("time-to-create-workflow", [60] * 20)
    assert "Period Median Drafts measured Mean p75 p90 p95 p99 Target Verdict" in words(reader, TIMES)
    waits = words(reader, "/kpis/approval-wait/")
    assert "Period p90 Approvals measured Mean p50 p75 p95 p99 Target Verdict" in waits


def test_says_what_too_few_is_only_where_there_is_too_few(reader: Client) -> None:
    make_environment()
    make_bucket(denominator=19)
    make_bucket(denominator=20, period_start=DAY + timedelta(days=1))
    note = "Too few events: no verdict below 20 chat messages sent."
    assert note in words(reader, SUGGESTIONS, **{"from": "2026-02-10", "to": "2026-02-11"})
    assert note not in words(reader, SUGGESTIONS, **{"from": "2026-02-11", "to": "2026-02-12"})


def test_shows_no_percentiles_of_nothing(reader: Client) -> None:
    make_environment()
    assert "Percentiles of the range" not in words(reader, TIMES)


def test_gives_the_script_a_line_for_whatever_has_values(reader: Client) -> None:
    make_environment()
    make_baseline("template-suggestion-rate", "0.1", since=date(2026, 1, 1))
    fill(60)

    lines = chart(reader, SUGGESTIONS, compare="1")["lines"]

    keys = [line["key"] for line in lines]
    assert keys == ["value", "previous", "target", "baseline", "count"]
    assert {len(line["values"]) for line in lines} == {28}


def test_lists_the_chart_s_lines_in_its_legend(reader: Client) -> None:
    make_environment()
    make_durations("time-to-create-workflow", [60] * 20)

    page = reader.get(TIMES).content.decode()

    entries = re.findall(r'data-chart-line="(\w+)" aria-pressed="(\w+)"', page)
    shown = {"value": "true", "count": "true"}
    hidden = dict.fromkeys(["p75", "p90", "p95", "p99"], "false")
    assert dict(entries) == shown | hidden


def test_writes_what_is_shown_at_the_pointer(reader: Client) -> None:
    make_environment()
    make_bucket(numerator=40, denominator=100)
    make_bucket(numerator=35, denominator=100, period_start=DAY - timedelta(days=1))

    query = {"from": "2026-02-10", "to": "2026-02-11", "compare": "1"}
    periods = chart(reader, SUGGESTIONS, **query)["periods"]

    figures = [
        ["Template suggestion rate", "40%"],
        ["Templates suggested", "40"],
        ["Chat messages sent", "100"],
        ["Target", "\N{GREATER-THAN OR EQUAL TO} 30%"],
        ["Previous period", "35%"],
    ]
    assert periods == [{"label": "10 Feb", "name": "10 Feb 2026", "figures": figures}]


def test_draws_no_previous_period_unless_asked(reader: Client) -> None:
    make_environment()
    fill(40)

    lines = chart(reader, SUGGESTIONS)["lines"]

    assert "previous" not in [line["key"] for line in lines]
    assert 'aria-checked="false"' in reader.get(SUGGESTIONS).content.decode()


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
    fill(3)
    page = reader.get(SUGGESTIONS, {"range": "7d", "granularity": "week"}).content.decode()
    link = unescape(re.findall(r'href="(/api/kpis/[^"]+)"', page)[0])
    response = reader.get(link)
    assert response.headers["Content-Type"].startswith("text/csv")
    assert response.content.decode().count("\n") == 2


def test_judges_each_row_by_the_target_of_its_time(reader: Client) -> None:
    make_environment()
    make_bucket(numerator=40, denominator=100)
    make_bucket(numerator=40, denominator=100, period_start=DAY - timedelta(days=1))
    make_target("template-suggestion-rate", "0.5", since=DAY.date())
    text = words(reader, SUGGESTIONS, **{"from": "2026-02-09", "to": "2026-02-11"})
    assert "10 Feb 2026 40% 40 100 ≥ 50% Off target 9 Feb 2026 40% 40 100 ≥ 30% On target" in text


def test_reads_without_the_built_script(reader: Client, settings: Settings) -> None:
    settings.STATICFILES_DIRS = []
    make_environment()
    fill(3)
    page = reader.get(SUGGESTIONS).content.decode()
    assert "charts.js" not in page
    assert "chart-drawing" not in page
    assert "The table below has every figure." in page


# All pages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", *(f"/kpis/{kpi.slug}/" for kpi in DEFINITIONS)])
def test_has_no_inline_script_style_or_foreign_address(reader: Client, path: str) -> None:
    make_environment()
    fill(40)
    make_durations("approval-wait", [5] * 30, period_start=NOW.replace(hour=0))
    page = reader.get(path, {"compare": "1"}).content.decode()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*(src=|application/json))", page)
    assert not re.findall(r'(?:src|href|action)="(?:https?:)?//', page)


@pytest.mark.parametrize("days", [1, 56])
def test_shows_the_overview_in_nine_queries(
    reader: Client, days: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_environment()
    fill(days)
    # Session, user, environments; freshness, targets, baselines, other origins, two ranges of buckets.
    with django_assert_num_queries(9):
        reader.get("/")


@pytest.mark.parametrize("days", [1, 56])
def test_shows_a_kpi_in_nine_queries_at_most(
    reader: Client, days: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_environment()
    fill(days)
    with django_assert_num_queries(9):
        reader.get(ADOPTION, {"breakdown": "origin", "compare": "1", "range": "90d"})
