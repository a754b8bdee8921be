import re
from datetime import timedelta

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.kpis.builders import DAY, make_environment
from tests.kpis.usage_builders import make_usage
from tests.pages.page_content import words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

USD = 1_000_000


@pytest.fixture
def _filled() -> None:
    make_environment()
    make_usage("writer", cost_micro_usd=4 * USD, input_tokens=2000, calls=3)
    make_usage("writer", model="model-large", cost_micro_usd=3 * USD, period_start=DAY + timedelta(days=1))
    make_usage("matcher", workflow="match", cost_micro_usd=1 * USD)
    make_usage("", workflow="match", model="", agent_runs=0, estimated_micro_usd=2 * USD)
    make_usage("writer", cost_micro_usd=5 * USD, period_start=DAY - timedelta(days=28))


def rows_in(client: Client, **query: str) -> list[tuple[str, str]]:
    """(name, cost) of each row, the sum last."""
    page = client.get("/costs/", query).content.decode()
    found = re.findall(r'<tr><th scope="row">(.*?)</th><td><strong>(.*?)</strong>', page, re.DOTALL)
    return [(re.sub(r"<[^>]+>", "", name), cost) for name, cost in found]


@pytest.mark.usefixtures("_filled")
@pytest.mark.parametrize(
    ("by", "rows"),
    [
        ("", [("triage", "$7.00"), ("match", "$3.00")]),
        ("agent", [("writer", "$7.00"), ("No agent", "$2.00"), ("matcher", "$1.00")]),
        ("model", [("model-small", "$5.00"), ("model-large", "$3.00"), ("No model", "$2.00")]),
    ],
)
def test_every_breakdown_has_the_same_sum(reader: Client, by: str, rows: list[tuple[str, str]]) -> None:
    assert rows_in(reader, by=by) == [*rows, ("All", "$10.00")]


@pytest.mark.usefixtures("_filled")
def test_shows_every_day_the_newest_first(reader: Client) -> None:
    rows = rows_in(reader, by="day", range="7d")

    assert rows[0] == ("15 Feb 2026", "$0.00")
    assert rows[4:] == [
        ("11 Feb 2026", "$3.00"),
        ("10 Feb 2026", "$7.00"),
        ("9 Feb 2026", "$0.00"),
        ("All", "$10.00"),
    ]


@pytest.mark.usefixtures("_filled")
def test_says_what_is_estimated_and_what_changed(reader: Client) -> None:
    text = words(reader, "/costs/")

    assert "$10.00 +100% against the previous period, not judged" in text
    assert "Reported $8.00 Estimated $2.00 Previous period $5.00" in text
    assert "triage $7.00 +40% against the previous period, not judged 70% $7.00 $0.00 2k 0 3" in text
    assert "match $3.00 – 30% $1.00 $2.00 0 0 0" in text  # noqa: RUF001
    assert "estimated at $0.01 each" in text


@pytest.mark.usefixtures("_filled")
def test_draws_a_bar_a_day_that_says_what_it_shows(reader: Client) -> None:
    page = reader.get("/costs/", {"by": "agent", "range": "7d"}).content.decode()

    assert page.count('<g class="stack-bar">') == 7
    assert "<title>10 Feb 2026: $7.00\nNo agent: $2.00\nmatcher: $1.00\nwriter: $4.00</title>" in page


def test_draws_the_smaller_ones_as_one(reader: Client) -> None:
    make_environment()
    for number in range(9):
        make_usage(f"agent-{number}", cost_micro_usd=(9 - number) * USD)

    text = words(reader, "/costs/", by="agent")

    assert "agent-5 $4.00 3 others $6.00" in text


@pytest.mark.usefixtures("_filled")
def test_rows_lead_to_their_runs_and_tabs_keep_environment_and_range(reader: Client) -> None:
    page = reader.get("/costs/", {"range": "90d", "sort": "cost"}).content.decode()

    moments = "from=2025-11-18T00%3A00%3A00Z&amp;to=2026-02-16T00%3A00%3A00Z"
    assert f'<a href="/runs/?environment=production&amp;{moments}&amp;workflow=match">' in page
    assert '<a href="?range=90d&amp;by=model">' in page
    assert rows_in(reader, range="90d", sort="cost")[0] == ("match", "$3.00")


@pytest.mark.parametrize("query", [{"by": "user"}, {"sort": "price"}, {"by": "day", "sort": "change"}])
def test_does_not_find_what_there_is_not(reader: Client, query: dict[str, str]) -> None:
    make_environment()

    assert reader.get("/costs/", query).status_code == 404


def test_says_what_an_empty_page_means(reader: Client) -> None:
    assert "create_key --scope ingest" in words(reader, "/costs/")
    make_environment()
    assert "Nothing ran in this range" in words(reader, "/costs/")


@pytest.mark.parametrize("by", ["workflow", "agent", "model", "day"])
@pytest.mark.parametrize("days", [1, 20])
def test_shows_each_breakdown_in_nine_queries(
    reader: Client, by: str, days: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_environment()
    for number in range(days):
        make_usage(f"agent-{number}", cost_micro_usd=USD, period_start=DAY - timedelta(days=number))

    # Session, user, two of rights, environments, the person's limit; freshness, usage of two ranges.
    with django_assert_num_queries(9):
        reader.get("/costs/", {"by": by})
