"""The pages of runs keep themselves up to date."""

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db]


def answer(route: Route, html: str, *, is_active: bool) -> None:
    headers = {"ETag": '"new"', "X-Active": "true" if is_active else "false"}
    route.fulfill(status=200, body=html, content_type="text/html", headers=headers)


def poll_now(page: Page) -> None:
    """Pause, and go on: that asks at once."""
    for _ in range(2):
        page.locator("[data-poll-pause]").click()


def test_shows_what_has_changed_and_keeps_what_the_reader_did(visit: Visit) -> None:
    page = visit.goto("/runs/running/")
    html = page.locator("[data-poll]").inner_html()
    page.locator("#every-event summary").click()
    page.route("**/*part=live*", lambda route: answer(route, f"<p id=came>Failed</p>{html}", is_active=False))

    poll_now(page)

    expect(page.locator("#came")).to_have_text("Failed")
    assert page.locator("#every-event").get_attribute("open") is not None
    assert visit.faults == []


def test_says_when_the_connection_is_lost_and_when_it_is_back(visit: Visit) -> None:
    page = visit.goto("/runs/")
    page.route("**/*part=live*", lambda route: route.abort())
    poll_now(page)
    expect(page.get_by_text("Connection lost, trying again")).to_be_visible()

    page.unroute("**/*part=live*")
    poll_now(page)

    expect(page.get_by_text("Connection lost, trying again")).not_to_be_visible()
    expect(page.locator("[data-poll-text]")).to_contain_text("Updated")


def test_asks_nothing_while_it_is_paused(visit: Visit) -> None:
    page = visit.goto("/runs/running/")

    page.locator("[data-poll-pause]").press("Enter")

    expect(page.locator("[data-poll-text]")).to_contain_text("Paused")
    assert page.locator("[data-poll-pause]").get_attribute("aria-pressed") == "true"


def test_reads_without_javascript(visit_without_script: Visit) -> None:
    page = visit_without_script.goto("/runs/failed/")

    assert page.get_by_role("heading", name="Waterfall").is_visible()
    assert not page.locator("[data-poll-bar]").is_visible()
