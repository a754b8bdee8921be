from datetime import UTC, datetime
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import pytest
from django.http import Http404
from pytest_django import Settings

from kpis.reading.periods import Granularity
from pages.page_request import PageState
from pages.sharing.places import STATE_NAMES, is_relative, pinned, shared_place_or_404
from sharing.models import SharedPage
from tests.sharing.builders import make_place

NOW = datetime(2026, 2, 15, 13, 7, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def test_an_address_is_a_page_in_its_state() -> None:
    address = "/kpis/approval-rate/?environment=staging&range=7d&breakdown=source&csrf=x"

    place = shared_place_or_404(address, environments=["production", "staging"])

    assert place == make_place(
        SharedPage.KPI,
        kpi="approval-rate",
        environment="staging",
        state={"range": "7d", "breakdown": "source"},
    )


def test_a_link_keeps_all_that_a_page_keeps_in_its_url() -> None:
    parts = PageState(
        preset="7d",
        start="2026-02-01",
        end="2026-02-15",
        granularity=Granularity.HOUR,
        breakdown="source",
        compare="year",
        shape="stacked",
    )
    names = {name for name, _ in parse_qsl(parts.query().removeprefix("?"))}

    assert names == names & set(STATE_NAMES)
    assert len(names) == 7


@pytest.mark.parametrize("address", ["/", "/funnel/", "/agents/", "/costs/"])
def test_pages_of_sums_may_be_shared(address: str) -> None:
    assert shared_place_or_404(address, environments=["production"]).environment == "production"


@pytest.mark.parametrize(
    "address",
    ["", "x", "/runs/", "/live/", "/plan/", "/alerts/", "/api/kpis/", "/admin/", "//a/", "///costs/", "/\\a/",
     "http://[", "/none/", "/?environment=staging"],
)  # fmt: skip
def test_other_addresses_may_not(address: str) -> None:
    with pytest.raises(Http404):
        shared_place_or_404(address, environments=["production"])


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({}, ("2026-01-19", "2026-02-16")),
        ({"range": "7d"}, ("2026-02-09", "2026-02-16")),
        ({"from": "2026-02-01"}, ("2026-02-01", "2026-02-16")),
        ({"from": "2026-02-01", "to": "2026-02-08"}, ("2026-02-01", "2026-02-08")),
    ],
)
def test_a_pinned_page_keeps_the_dates_that_it_shows(
    state: dict[str, str], expected: tuple[str, str]
) -> None:
    place = make_place(state={**state, "sort": "-cost"})

    fixed = pinned(place, now=NOW).state

    assert fixed == {"sort": "-cost", "from": expected[0], "to": expected[1]}
    assert is_relative(place) is ("to" not in state)


def test_days_are_pinned_in_the_reporting_zone(settings: Settings) -> None:
    settings.REPORTING_TIME_ZONE = "Europe/Berlin"

    assert pinned(make_place(state={"range": "7d"}), now=NOW).state["from"] == "2026-02-09"


def test_a_page_of_no_dates_cannot_be_pinned() -> None:
    with pytest.raises(Http404):
        pinned(make_place(state={"from": "soon"}), now=NOW)
