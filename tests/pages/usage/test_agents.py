import re
from datetime import timedelta

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.builders import NOW
from tests.kpis.builders import DAY, make_environment
from tests.kpis.usage_builders import make_failures, make_usage
from tests.pages.page_content import words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def agents_in(client: Client, **query: str) -> list[str]:
    page = client.get("/agents/", query).content.decode()
    return re.findall(r'<th scope="row"><a [^>]*>([^<]*)', page)


def links_in(client: Client, **query: str) -> list[str]:
    page = client.get("/agents/", query).content.decode()
    return [url.replace("&amp;", "&") for url in re.findall(r'href="(/runs/[^"]*)', page)]


def test_shows_the_figures_of_an_agent_and_its_changes(reader: Client) -> None:
    make_environment()
    make_failures(failed=2, finished=8)
    make_failures(failed=1, finished=10, period_start=DAY - timedelta(days=28))
    make_usage(agent_runs=20, period_start=DAY - timedelta(days=28), cost_micro_usd=1_000_000)
    make_usage(
        retries=3,
        input_tokens=1_234_567,
        output_tokens=950,
        cost_micro_usd=2_000_000,
        seconds=[2, 2, 2, 60],
        error_types={"Timeout": 2, "ToolFailed": 1, "A": 1, "B": 1, "…": 4},
    )

    text = words(reader, "/agents/")

    assert "writer 10 −50%" in text  # noqa: RUF001
    assert "25% 2 of 8 +15 points, too few to compare against the previous period" in text
    assert "3 1.23M 950 $2.00 +100%" in text
    assert "Timeout 2 A 1 B 1 · 5 others" in text
    assert "19 Jan 2026 – 15 Feb 2026" in text  # noqa: RUF001


def test_an_agent_leads_to_its_runs_and_each_error_to_those_that_have_it(reader: Client) -> None:
    make_environment()
    make_usage("a & b", error_types={"Tool=Failed": 2, "unknown": 1})

    moments = "from=2026-02-09T00%3A00%3A00Z&to=2026-02-16T00%3A00%3A00Z"
    assert links_in(reader, environment="production", range="7d") == [
        f"/runs/?environment=production&{moments}&agent=a+%26+b",
        f"/runs/?environment=production&{moments}&agent=a+%26+b&agent_error=Tool%3DFailed",
        f"/runs/?environment=production&{moments}&agent=a+%26+b&agent_error=unknown",
    ]


@pytest.mark.parametrize(
    ("sort", "agents"),
    [
        ("", ["b", "a", "c"]),
        ("agent", ["a", "b", "c"]),
        ("-cost", ["a", "b", "c"]),
        ("failures", ["c", "a", "b"]),
    ],
)
def test_sorts_by_the_column_of_the_url(reader: Client, sort: str, agents: list[str]) -> None:
    make_environment()
    for name, runs, cost, failed in (("a", 5, 3, 1), ("b", 9, 2, None), ("c", 1, 1, 0)):
        make_usage(name, agent_runs=runs, cost_micro_usd=cost)
        if failed is not None:
            make_failures(name, failed=failed)

    assert agents_in(reader, sort=sort) == agents


def test_keeps_the_order_when_the_range_changes(reader: Client) -> None:
    make_environment()
    make_usage()

    page = reader.get("/agents/", {"sort": "-cost"}).content.decode()

    assert 'href="?range=7d&amp;sort=-cost"' in page
    assert '<input type="hidden" name="sort" value="-cost">' in page
    assert 'aria-sort="descending"' in page


def test_says_what_an_empty_page_means(reader: Client) -> None:
    assert "create_key --scope ingest" in words(reader, "/agents/")
    make_environment()
    assert "No agent ran in this range" in words(reader, "/agents/")


def test_says_that_nothing_is_computed_yet(reader: Client) -> None:
    make_environment(computed_until=None)

    assert "Nothing is computed for production yet" in words(reader, "/agents/")


def test_shows_a_first_day_without_changes(reader: Client) -> None:
    make_environment()
    make_failures(failed=0, period_start=NOW.replace(hour=0))
    make_usage(period_start=NOW.replace(hour=0))

    text = words(reader, "/agents/")

    assert "writer 10 0% 0 of 10 – – 0 0 0 $0.00 none" in text  # noqa: RUF001


@pytest.mark.parametrize("path", ["/agents/?sort=price", "/agents/?environment=prod"])
def test_does_not_find_what_there_is_not(reader: Client, path: str) -> None:
    make_environment()

    assert reader.get(path).status_code == 404


@pytest.mark.parametrize("agents", [1, 120])
def test_shows_any_number_of_agents_in_twelve_queries(
    reader: Client, agents: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_environment()
    for number in range(agents):
        make_usage(f"agent-{number}", agent_runs=number)
        make_failures(f"agent-{number}")

    # Session, user, two of rights, environments, the person's limit; freshness, runs and failures of two ranges,
    # usage of two ranges, durations and errors.
    with django_assert_num_queries(12):
        reader.get("/agents/")

    assert len(agents_in(reader)) == min(agents, 100)
    assert ("and 20 smaller agents" in words(reader, "/agents/")) is (agents > 100)
