import re
from datetime import timedelta

import pytest
from django.test import Client

from kpis.registry import DEFINITIONS
from tests.kpis.builders import DAY, NOW, make_bucket, make_environment
from tests.pages.page_content import words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "_built_script")]

SUGGESTIONS = "/kpis/template-suggestion-rate/"
TODAY = NOW.replace(hour=0)
NO_EVENTS = "No KPI has an event in this range"


def test_shows_every_kpi_by_persona(reader: Client) -> None:
    make_environment()

    text = words(reader, "/")

    for persona in ("Agent", "End user", "Leadership", "Domain expert", "Operator"):
        assert persona in text
    for kpi in DEFINITIONS:
        assert kpi.title in text


def test_shows_value_change_sample_target_and_verdict(reader: Client) -> None:
    make_environment()
    make_bucket(numerator=656, denominator=1_640)
    make_bucket(numerator=300, denominator=1_000, period_start=DAY - timedelta(days=28))

    text = words(reader, "/")

    assert (
        "Template suggestion rate 40% 95% interval: (36.5 to 43.8%) +10 points against the previous period, better "
        "656 / 1,640 chat messages sent On target Target ≥ 30% Baseline none"
    ) in text


def test_says_off_target_and_worse_in_words(reader: Client) -> None:
    make_environment()
    make_bucket(numerator=200, denominator=1_000)
    make_bucket(numerator=350, denominator=1_000, period_start=DAY - timedelta(days=28))

    text = words(reader, "/")

    assert "against the previous period, worse 200 / 1,000 chat messages sent Off target" in text


def test_calls_neither_a_change_nor_a_verdict_that_may_be_noise(reader: Client) -> None:
    make_environment()
    make_bucket(numerator=40, denominator=100)
    make_bucket(numerator=35, denominator=100, period_start=DAY - timedelta(days=28))

    assert (
        "Template suggestion rate 40% 95% interval: (27.8 to 57.6%) "
        "+5 points, within noise against the previous period "
        "40 / 100 chat messages sent Too close to call Target ≥ 30%"
    ) in words(reader, "/")


def test_compares_with_what_its_address_says(reader: Client) -> None:
    make_environment()
    make_bucket(numerator=40, denominator=100)
    make_bucket(numerator=60, denominator=100, period_start=DAY.replace(year=2025))

    text = words(reader, "/", compare="year")
    page = reader.get("/", {"compare": "year"}).content.decode()

    assert "−20 points, within noise against the same period a year before" in text  # noqa: RUF001
    assert "Changes are against the same period a year before, 19 Jan 2025" in text
    assert "/kpis/template-suggestion-rate/?compare=year" in page
    assert "against the" not in words(reader, "/", compare="none").replace("Target against", "")


def test_compares_nothing_with_too_few_events(reader: Client) -> None:
    make_environment()
    make_bucket(numerator=400, denominator=1_000)
    make_bucket(numerator=1, denominator=19, period_start=DAY - timedelta(days=28))

    assert "+34.7 points, too few to compare against the previous period" in words(reader, "/")


def test_shows_the_change_of_a_cost_without_a_judgement(reader: Client) -> None:
    make_environment()
    make_bucket("execution-cost", numerator=2_000_000, denominator=100)
    make_bucket("execution-cost", numerator=1_000_000, denominator=100, period_start=DAY - timedelta(days=28))

    text = words(reader, "/")

    assert "Execution cost $2.00 +100% against the previous period, not judged 100 runs" in text


def test_says_too_few_events_to_judge(reader: Client) -> None:
    make_environment()
    make_bucket(numerator=3, denominator=10)

    assert "3 / 10 chat messages sent Too few events to judge" in words(reader, "/")


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

    text = words(reader, "/")

    assert f"{NO_EVENTS} production is computed until 15 Feb 2026, 12:00" in text


def test_does_not_say_so_of_days_that_are_not_computed(reader: Client) -> None:
    make_environment()

    assert NO_EVENTS not in words(reader, "/", **{"from": "2026-03-01", "to": "2026-03-02"})


def test_does_not_say_so_where_a_single_event_happened(reader: Client) -> None:
    make_environment()
    make_bucket(denominator=1)

    assert NO_EVENTS not in words(reader, "/")


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


def test_says_on_top_what_changed_most_and_what_left_its_target_with_links_in_the_same_range(
    reader: Client,
) -> None:
    make_environment()
    make_bucket(numerator=200, denominator=1_000)
    make_bucket(numerator=400, denominator=1_000, period_start=DAY - timedelta(days=7))

    page = reader.get("/", {"range": "7d"}).content.decode()

    assert (
        f'<p><a href="{SUGGESTIONS}?range=7d">Template suggestion rate</a> changed most, '
        "from 40% to 20% (\N{MINUS SIGN}20 points, worse).</p>"
    ) in " ".join(page.split()).replace("<p> ", "<p>").replace(" </p>", "</p>")
    assert "(20%, target ≥ 30%) left its target." in page
