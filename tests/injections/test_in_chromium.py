"""The same in a real browser: no payload runs, opens a dialog, adds an element or is stopped only by the policy."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from kpis.models import Target
from telemetry.models import ApiKey, QuarantinedEvent
from tests.browser.conftest import Portal, Visit, open_tab
from tests.injections.payloads import BREAKDOWN, PAYLOADS, SAMPLE, fill, fill_breakdown
from workbench.models import WorkflowRun

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Those that show the most texts of others; test_pages.py has all tables.
SHOWN = (QuarantinedEvent, WorkflowRun, ApiKey, Target, User)
COUNT_MARKS = """() => [...document.querySelectorAll("*")].filter(
    (element) => element.localName.startsWith("x-pwn") || element.hasAttribute("data-pwn")
).length + (window.pwned === undefined ? 0 : 1)"""
RANGE = "environment=production&from=2026-02-01&to=2026-03-01"


@pytest.fixture
def visit(live_server: LiveServer, browser: Browser) -> Iterator[Visit]:
    """A tab of a superuser whose own name is a payload."""
    client = Client()
    client.force_login(User.objects.create_superuser("<img data-pwn src=x: onerror=pwned=1>me"))
    portal = Portal(origin=live_server.url, session=client.cookies["sessionid"].value)
    visit = open_tab(browser, portal=portal)
    visit.page.on("dialog", lambda dialog: visit.faults.append(f"dialog {dialog.message}"))
    yield visit
    visit.page.context.close()


def marks_on(page: Page) -> int:
    page.wait_for_load_state("networkidle")
    return int(page.evaluate(COUNT_MARKS))


def test_lists_and_rows_of_the_admin_run_no_payload(long_lists: None, visit: Visit) -> None:
    marks = {}
    for model in SHOWN:
        fill(model, SAMPLE)
        path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        marks[path] = marks_on(visit.goto(path))
        row = visit.page.locator(f"a[href^='{path}'][href*='/change/']").first.get_attribute("href") or ""
        marks[row] = marks_on(visit.goto(row))

    assert set(marks.values()) == {0}
    assert visit.faults == []


def test_pages_run_no_payload(visit: Visit) -> None:
    fill_breakdown()

    marks = [
        marks_on(visit.goto(path))
        for path in (
            f"/?{RANGE}",
            f"/kpis/{BREAKDOWN.slug}/?{RANGE}",
            f"/kpis/{BREAKDOWN.slug}/?{RANGE}&breakdown=workflow",
            f"/agents/?{RANGE}",
            f"/costs/?{RANGE}&by=agent",
            "/admin/",
        )
    ]

    assert marks == [0] * 6
    assert visit.faults == []
    assert any(payload in visit.page.content() for payload in ("&lt;img data-pwn", PAYLOADS[0]))


def test_a_payload_that_works_is_seen(visit: Visit) -> None:
    page = visit.goto("/")

    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<x-pwn></x-pwn><img data-pwn>')")

    assert marks_on(page) == 2
