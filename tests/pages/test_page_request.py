from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from kpis.reading.environments import UnknownEnvironment
from kpis.reading.periods import CalendarUnit, Granularity, InvalidRange, calendar_range, recent_days
from kpis.registry import REGISTRY, Kpi
from pages.page_controls import fixed_query, range_links
from pages.page_request import PageRequest, PageState, moment_part
from tests.builders import NOW

ZONE = ZoneInfo("UTC")
COST = REGISTRY["execution-cost"]
EVERYTHING = {
    "environment": "demo",
    "range": "7d",
    "granularity": "hour",
    "breakdown": "workflow",
    "compare": "year",
}
QUERIES = {
    "defaults": {},
    "environment": {"environment": "demo"},
    "everything": EVERYTHING,
    "dates": {"from": "2026-02-01", "to": "2026-02-10"},
}
# What is wrong with a query → the query, and the field that is told.
BAD_QUERIES = {
    "unknown range": ({"range": "5d"}, "range"),
    "unknown granularity": ({"granularity": "minute"}, "granularity"),
    "granularity that is no series": ({"granularity": "total"}, "granularity"),
    "dimension of another KPI": ({"breakdown": "trigger"}, "breakdown"),
}


def page_request(query: dict[str, str], *, kpi: Kpi | None = None) -> PageRequest:
    return PageRequest.from_query(query, environments=["demo", "production"], zone=ZONE, now=NOW, kpi=kpi)


# The state in the URL ---------------------------------------------------------------------------------


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_writes_the_query_that_it_was_read_from(query: dict[str, str]) -> None:
    text = PageState.from_query(query, kpi=COST).query()

    parts = text.removeprefix("?").split("&")
    assert dict(part.split("=") for part in parts if part) == query


def test_changes_one_part_and_keeps_the_others() -> None:
    state = PageState.from_query({"environment": "demo", "range": "7d"})

    query = state.query(granularity=Granularity.WEEK)

    assert query == "?environment=demo&range=7d&granularity=week"


def test_links_to_the_defaults_without_what_the_address_has_now() -> None:
    assert PageState.from_query({"range": "7d"}).link(preset="28d") == "?"


def test_takes_only_environment_and_range_to_another_page() -> None:
    state = PageState.from_query(EVERYTHING, kpi=COST)

    assert state.shared().query() == "?environment=demo&range=7d"


def test_keeps_the_rest_when_other_dates_are_chosen() -> None:
    fields = PageState.from_query(EVERYTHING, kpi=COST).kept_fields()

    assert fields == {"granularity": "hour", "breakdown": "workflow", "compare": "year"}


@pytest.mark.parametrize(("name", "days"), [("", 28), ("7d", 7), ("90d", 90)])
def test_shows_recent_days(name: str, days: int) -> None:
    shown = PageState.from_query({"range": name}).range(zone=ZONE, now=NOW)

    assert shown == recent_days(days, zone=ZONE, now=NOW)


def test_shows_the_quarter_before_this_one() -> None:
    shown = PageState.from_query({"range": "last_quarter"}).range(zone=ZONE, now=NOW)

    assert shown == calendar_range(CalendarUnit.QUARTER, zone=ZONE, now=NOW, back=1)


def test_names_every_range_and_links_to_it() -> None:
    links = range_links(PageState(environment="demo", preset="month"))

    assert [(link.label, link.url.rpartition("=")[2], link.is_current) for link in links] == [
        ("7 days", "7d", False),
        ("28 days", "demo", False),
        ("90 days", "90d", False),
        ("This month", "month", True),
        ("Last month", "last_month", False),
        ("This quarter", "quarter", False),
        ("Last quarter", "last_quarter", False),
    ]


def test_prefers_a_named_range_to_dates() -> None:
    assert not PageState.from_query({"range": "7d", "from": "2026-01-01"}).is_custom


@pytest.mark.parametrize(("query", "field"), BAD_QUERIES.values(), ids=BAD_QUERIES)
def test_refuses_what_the_page_does_not_have(query: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidRange) as caught:
        PageState.from_query(query, kpi=COST)

    assert caught.value.field == field


def test_shows_a_thousand_periods() -> None:
    state = hours_until("2026-02-11T16:00:00Z")

    state.range(zone=ZONE, now=NOW)


def test_refuses_more_than_a_thousand_periods() -> None:
    state = hours_until("2026-02-11T16:15:00Z")

    with pytest.raises(InvalidRange, match="more than 1000"):
        state.range(zone=ZONE, now=NOW)


@pytest.mark.parametrize("name", ["90d", "last_quarter"])
def test_refuses_as_many_periods_of_a_range_that_has_a_name(name: str) -> None:
    page = page_request({"environment": "demo", "range": name, "granularity": "hour"}, kpi=COST)

    assert page.fault is not None
    assert (page.status, page.state.granularity) == (400, Granularity.DAY)


def hours_until(end: str) -> PageState:
    return PageState.from_query({"from": "2026-01-01", "to": end, "granularity": "hour"})


# The request ------------------------------------------------------------------------------------------


def test_asks_for_what_the_address_says() -> None:
    page = page_request(EVERYTHING, kpi=COST)

    assert page.state == PageState.from_query(EVERYTHING, kpi=COST)
    assert page.range == recent_days(7, zone=ZONE, now=NOW)
    assert (page.environment, page.fault, page.status) == ("demo", None, 200)


@pytest.mark.django_db
def test_keeps_nothing_of_a_kpi_s_page_on_another() -> None:
    query = {"granularity": "hour", "compare": "year"}

    assert page_request(query).state == PageState()


@pytest.mark.django_db
def test_chooses_production_where_no_environment_is_named() -> None:
    assert page_request({}).environment == "production"


def test_falls_back_to_the_defaults_with_the_fault_and_keeps_the_environment() -> None:
    page = page_request({**EVERYTHING, "range": "5d"}, kpi=COST)

    assert page.state == PageState(environment="demo")
    assert page.range == recent_days(28, zone=ZONE, now=NOW)
    assert page.fault is not None
    assert (page.fault.field, page.status) == ("range", 400)


def test_writes_a_moment_within_a_day_with_its_zone() -> None:
    berlin = ZoneInfo("Europe/Berlin")

    assert moment_part(datetime(2026, 2, 1, 9, 30, tzinfo=UTC), zone=berlin) == "2026-02-01T10:30:00+01:00"
    assert moment_part(datetime(2026, 1, 31, 23, 0, tzinfo=UTC), zone=berlin) == "2026-02-01"


def test_a_fixed_address_has_the_ends_of_the_range_that_a_named_one_is_now() -> None:
    page = page_request(
        {"environment": "demo", "range": "7d", "granularity": "hour", "breakdown": "workflow"}, kpi=COST
    )

    assert fixed_query(page).endswith("&from=2026-02-09&to=2026-02-16&granularity=hour&breakdown=workflow")
    assert fixed_query(page).startswith("?environment=demo&from=")


def test_refuses_an_environment_that_there_is_not() -> None:
    with pytest.raises(UnknownEnvironment):
        page_request({"environment": "prod"})


def test_keeps_what_a_page_adds_to_its_url_and_leaves_it_out_elsewhere() -> None:
    state = PageState(environment="demo").with_extra(by="agent", sort="").with_extra(sort="-cost")

    assert state.link(preset="7d") == "?environment=demo&range=7d&by=agent&sort=-cost"
    assert state.kept_fields() == {"by": "agent", "sort": "-cost"}
    assert state.shared().query() == "?environment=demo"
