from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from kpis.reading.periods import Granularity, InvalidRange, recent_days
from kpis.registry import REGISTRY
from pages.page_request import PageState

NOW = datetime(2026, 2, 15, 12, tzinfo=UTC)
ZONE = ZoneInfo("UTC")
COST = REGISTRY["execution-cost"]


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"environment": "demo"},
        {"range": "90d", "granularity": "week"},
        {"from": "2026-02-01", "to": "2026-02-10", "breakdown": "workflow", "compare": "1"},
    ],
)
def test_writes_the_query_that_it_was_read_from(query: dict[str, str]) -> None:
    state = PageState.from_query(query, kpi=COST)
    written = dict(part.split("=") for part in state.query().removeprefix("?").split("&") if part)
    assert written == query


def test_changes_one_part_and_keeps_the_others() -> None:
    state = PageState.from_query({"environment": "demo", "range": "7d"})
    assert state.query(granularity=Granularity.WEEK) == "?environment=demo&range=7d&granularity=week"


def test_takes_only_environment_and_range_to_another_page() -> None:
    query = {
        "environment": "demo",
        "range": "7d",
        "breakdown": "workflow",
        "compare": "1",
        "granularity": "hour",
    }
    assert PageState.from_query(query, kpi=COST).shared().query() == "?environment=demo&range=7d"


@pytest.mark.parametrize(("name", "days"), [("", 28), ("7d", 7), ("90d", 90)])
def test_shows_recent_days(name: str, days: int) -> None:
    state = PageState.from_query({"range": name})
    assert state.range(zone=ZONE, now=NOW) == recent_days(days, zone=ZONE, now=NOW)


def test_prefers_a_named_range_to_dates() -> None:
    assert not PageState.from_query({"range": "7d", "from": "2026-01-01"}).is_custom


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"range": "5d"}, "range"),
        ({"granularity": "minute"}, "granularity"),
        ({"granularity": "total"}, "granularity"),
        ({"breakdown": "trigger"}, "breakdown"),
    ],
)
def test_refuses_what_the_page_does_not_have(query: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidRange) as caught:
        PageState.from_query(query, kpi=COST)
    assert caught.value.field == field


def test_refuses_more_periods_than_a_page_may_have() -> None:
    hours = {"from": "2026-01-01", "granularity": "hour"}
    PageState.from_query({**hours, "to": "2026-02-11T16:00:00Z"}).range(zone=ZONE, now=NOW)
    with pytest.raises(InvalidRange, match="more than 1000"):
        PageState.from_query({**hours, "to": "2026-02-11T16:15:00Z"}).range(zone=ZONE, now=NOW)
