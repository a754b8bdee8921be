"""The live page shows what comes in."""

import json
from typing import Any
from urllib.request import Request, urlopen

import pytest
from django.utils import timezone
from playwright.sync_api import expect
from pytest_django.live_server_helper import LiveServer

from pages.polling.fragments import fragments
from tests.browser.conftest import Portal, Visit, fill_live, sign_in
from tests.builders import make_secret
from tests.kpis.builders import make_environment
from tests.telemetry.posts import URL, event

# In a transaction of the test's own nobody else could post, on SQLite.
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def portal(live_server: LiveServer) -> Portal:
    """With rows of its own: the others' tests only read."""
    fragments.forget()
    now, secret = timezone.now(), make_secret()
    make_environment(computed_until=now)
    fill_live(secret, now=now)
    return Portal(origin=live_server.url, session=sign_in(), secret=secret)


def post(portal: Portal, **fields: Any) -> None:
    """Post an event as another program does, to the portal that the page is shown by."""
    body = json.dumps(event(at=timezone.now(), **fields)).encode()
    headers = {"Authorization": f"Bearer {portal.secret}", "Content-Type": "application/json"}
    with urlopen(Request(portal.origin + URL, data=body, headers=headers), timeout=20):
        pass


def test_an_event_that_is_posted_shows_within_five_seconds(portal: Portal, visit: Visit) -> None:
    page = visit.goto("/live/")
    page.evaluate("window.isSamePage = true")
    opened = page.locator("details[id^=rejected-]").first
    opened.locator("summary").click()
    row = opened.get_attribute("id")

    post(portal, event_id="just-now", source="nothing-like-it")

    came = page.locator("[data-poll-fresh]", has_text="just-now")
    expect(came).to_contain_text("This must be one of: chat, template, blank.", timeout=5_000)
    assert page.evaluate("window.isSamePage")
    assert page.locator(f"#{row}").get_attribute("open") is not None
    assert visit.faults == []


def test_what_is_read_stays_where_it_is_when_others_come_above_it(portal: Portal, visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 800, "height": 400})
    page = visit.goto("/live/")
    read = page.locator("[data-poll-item]").last
    read.evaluate("item => scrollTo(0, scrollY + item.getBoundingClientRect().top - 5)")
    number, before = read.get_attribute("id"), read.evaluate("item => item.getBoundingClientRect().top")

    post(portal, event_id="above", source="chat")

    expect(page.locator("[data-poll-fresh]", has_text="above")).to_be_attached()
    after = page.locator(f"#{number}").evaluate("item => item.getBoundingClientRect().top")
    assert abs(after - before) < 2


def test_reads_without_javascript(visit_without_script: Visit) -> None:
    page = visit_without_script.goto("/live/?outcome=rejected")

    assert page.get_by_text("This must be RFC 3339 with a zone").first.is_visible()
    assert not page.locator("[data-poll-bar]").is_visible()
