import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from kpis.registry import DEFINITIONS
from people.models import OverviewVisit
from tests.kpis.builders import (
    NOW,
    make_bucket,
    make_durations,
    make_environment,
)
from tests.pages.builders import make_days
from tests.pages.page_content import words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "_built_script")]

SUGGESTIONS = "/kpis/template-suggestion-rate/"
ADOPTION = "/kpis/workbench-adoption/"


ON_BOTH = pytest.mark.parametrize("path", ["/", SUGGESTIONS], ids=["overview", "KPI"])
BAD_QUERIES = {
    "not a date": {"from": "soon"},
    "unknown range": {"range": "5d"},
    "unknown granularity": {"granularity": "minute"},
    "too many hours": {"from": "2020-01-01", "granularity": "hour"},
    "too many months": {"from": "2001-01-01", "to": "2098-01-01", "granularity": "month"},
    "NUL": {"from": "\x00"},
    "unknown breakdown": {"breakdown": "nothing"},
}
UNKNOWN = {
    "environment": "/?environment=prod",
    "KPI": "/kpis/happiness/",
    "environment of a KPI": f"{SUGGESTIONS}?environment=prod",
    "NUL": "/?environment=%00",
}


@ON_BOTH
def test_greets_an_empty_portal_with_what_to_do(reader: Client, path: str) -> None:
    assert "create_key --scope ingest" in words(reader, path)


@pytest.mark.parametrize("path", ["/", ADOPTION], ids=["overview", "KPI"])
def test_says_that_adoption_cannot_be_measured_instead_of_100_per_cent(reader: Client, path: str) -> None:
    make_environment()
    make_bucket("workbench-adoption", numerator=50, denominator=50)

    text = words(reader, path)

    assert "Not measurable" in text
    assert "No other origin" in text
    assert "100%" not in text


@ON_BOTH
def test_names_zone_range_and_how_far_it_is_computed(reader: Client, settings: Settings, path: str) -> None:
    settings.REPORTING_TIME_ZONE = "Europe/Berlin"
    make_environment()

    text = words(reader, path, range="7d")

    assert "9 Feb 2026 – 15 Feb 2026 · days in Europe/Berlin" in text  # noqa: RUF001
    assert "computed until 15 Feb 2026, 13:00" in text


@ON_BOTH
@pytest.mark.parametrize("query", BAD_QUERIES.values(), ids=BAD_QUERIES)
def test_shows_the_default_range_with_the_fault_of_a_bad_one(
    reader: Client, path: str, query: dict[str, str]
) -> None:
    make_environment()

    text = words(reader, path, status=400, **query)

    assert "The default range is shown instead" in text
    assert "19 Jan 2026" in text


@pytest.mark.parametrize("path", UNKNOWN.values(), ids=UNKNOWN)
def test_does_not_find_what_there_is_not(reader: Client, path: str) -> None:
    make_environment()

    assert reader.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/", *(f"/kpis/{kpi.slug}/" for kpi in DEFINITIONS)])
def test_has_no_inline_script_style_or_foreign_address(reader: Client, path: str) -> None:
    make_environment()
    make_days(40)
    make_durations("approval-wait", [5] * 30, period_start=NOW.replace(hour=0))

    page = reader.get(path, {"compare": "1"}).content.decode()

    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*(src=|application/json))", page)
    assert not re.findall(r'(?:src|href|action)="(?:https?:)?//', page)


@pytest.mark.parametrize("days", [1, 56])
def test_shows_the_overview_in_twenty_one_queries(
    reader: Client, days: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_environment()
    make_days(days)
    OverviewVisit.objects.create(
        user=User.objects.get(), environment="production", last_looked_at=NOW - timedelta(days=3)
    )

    # Session, user, two of rights, environments, the person's limit; freshness, targets, baselines,
    # other origins, two ranges of buckets and where they begin; users and sessions; alerts. Their last visit,
    # its two ranges and annotations; their arrangement.
    with django_assert_num_queries(21):
        reader.get("/")


@pytest.mark.parametrize("days", [1, 56])
def test_shows_a_kpi_in_seventeen_queries_at_most(
    reader: Client, days: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_environment()
    make_days(days)

    with django_assert_num_queries(17):
        reader.get(ADOPTION, {"breakdown": "origin", "compare": "1", "range": "90d"})
