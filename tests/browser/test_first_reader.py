"""A first-time reader of the demo finds answers, each within two clicks from the overview."""

import re
from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.test import modify_settings
from django.utils import timezone
from playwright.sync_api import Browser, Page
from pytest_django import DjangoDbBlocker
from pytest_django.live_server_helper import LiveServer

from kpis.demo.loading import load_demo
from tests.browser.conftest import Portal, Visit, open_tab, sign_in
from tests.builders import NOW

pytestmark = [pytest.mark.browser, pytest.mark.django_db]


CLICKS = 2


@pytest.fixture(scope="module")
def portal(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Portal]:
    """The demo, as somebody has it who started the portal on a day of which the figures are known."""
    with (
        django_db_blocker.unblock(),
        modify_settings(ALLOWED_HOSTS={"append": "localhost"}),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(timezone, "now", lambda: NOW)
        load_demo(now=NOW)
        server = LiveServer("localhost")
        yield Portal(origin=server.url, session=sign_in())
        server.stop()
        call_command("flush", interactive=False, verbosity=0)


@pytest.fixture
def overview(portal: Portal, browser: Browser) -> Iterator[Page]:
    visit: Visit = open_tab(browser, portal=portal)
    page, opened = visit.goto("/?environment=demo"), list[str]()
    page.on("framenavigated", lambda frame: opened.append(frame.url))
    yield page
    assert len(opened) <= CLICKS
    assert visit.faults == []
    visit.page.context.close()


def text_of(page: Page, selector: str) -> str:
    return " ".join(page.locator(selector).first.inner_text().split())


def test_which_workflow_fails_most_and_since_when(overview: Page) -> None:
    overview.get_by_role("link", name="Workflow success rate").last.click()
    overview.get_by_role("link", name="Workflow", exact=True).click()

    rows = [" ".join(row.split()) for row in overview.locator(".slices > li").all_inner_texts()]
    worst = min(rows, key=lambda row: float(re.findall(r"([\d.]+)%", row)[0]))
    assert worst.startswith("invoice-matching")
    assert "Worse since 29 Jan 2026" in worst
    # The trend's annotations say what was done then.
    assert "Released invoice-matching 2.0 29 Jan 2026" in text_of(overview, "main")


def test_whether_drafts_got_faster_this_month_or_it_is_noise(overview: Page) -> None:
    overview.get_by_role("link", name="This month").click()
    overview.get_by_role("link", name="Time to create a workflow").last.click()

    assert "% against the previous period, better" in text_of(overview, ".headline")


def test_what_happened_on_the_worst_day(overview: Page) -> None:
    overview.get_by_role("link", name="Workflow success rate").last.click()
    rows = overview.locator("section[aria-labelledby=data] tbody tr").all()
    worst = min(rows, key=lambda row: float(row.locator("td").first.inner_text().rstrip("%")))
    day = worst.get_by_role("link").inner_text()

    worst.get_by_role("link").click()

    told = text_of(overview, "main")
    assert day == "5 Feb 2026"
    assert "5 Feb 2026" in told
    assert told.count("Not among: runs completed") > 10


def test_which_client_version_sends_refused_events(overview: Page) -> None:
    overview.get_by_role("link", name="Plan", exact=True).click()

    assert text_of(overview, "tr:has-text('workbench-web/')").startswith("workbench-web/1.9 demo")
    assert re.search(r"workbench-web/2\.4 demo [\d.k]+ 0", text_of(overview, "main"))


def test_where_sessions_stop(overview: Page) -> None:
    overview.get_by_role("link", name="Funnel", exact=True).click()

    assert "More sessions stop after opening the workbench than anywhere else" in text_of(overview, "main")
