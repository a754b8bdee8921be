"""Whoever has the pages of runs open sees what was posted within 5 seconds, without loading them again.

The page's clock is ours, so nothing waits: it goes on by the longest time that may pass between two questions.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from pages.polling.fragments import fragments
from telemetry import keys
from telemetry.models import Scope
from tests.browser.conftest import Portal, open_tab, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Of the 5 seconds the rollup has 2.
MILLISECONDS = 3_000
RUN = {"runId": "r-live", "workflowName": "triage"}
APPROVAL = {"approvalId": "a-1", "runId": "r-live", "toolIds": ["deploy"], "contextType": "release"}


@pytest.fixture
def key() -> str:
    return keys.create_key(scope=Scope.INGEST, environment="production", source="live", now=timezone.now())[1]


@pytest.fixture
def page(live_server: LiveServer, browser: Browser, key: str) -> Iterator[Page]:
    visit = open_tab(browser, portal=Portal(origin=live_server.url, session=sign_in()))
    visit.page.clock.install()
    yield visit.page
    assert visit.faults == []
    visit.page.context.close()


def post(name: str, key: str, **properties: Any) -> None:
    """An event of now, which is in the runs when this returns."""
    event = {
        "event": name,
        "sessionId": "s-1",
        "timestamp": timezone.now().isoformat(),
        "properties": properties,
    }
    headers = {"Authorization": f"Bearer {key}"}
    answer = Client().post(
        "/api/workbench/telemetry", event, content_type="application/json", headers=headers
    )
    assert answer.json()["accepted"] == 1
    call_command("rollup")
    fragments.forget()


def test_shows_a_start_an_approval_and_a_failure(live_server: LiveServer, page: Page, key: str) -> None:
    page.goto(f"{live_server.url}/runs/")
    row = page.get_by_role("row").filter(has_text="r-live")

    post("workbench.workflow_run_started", key, **RUN)
    page.clock.run_for(MILLISECONDS)
    expect(row).to_contain_text("Running")

    post("workbench.approval_requested", key, **APPROVAL)
    page.clock.run_for(MILLISECONDS)
    expect(row).to_contain_text("waits for approval")

    post("workbench.workflow_run_completed", key, **RUN, status="failed", errorType="Timeout")
    page.clock.run_for(MILLISECONDS)
    expect(row).to_contain_text("Failed")
    expect(row).to_contain_text("Timeout")
    expect(row).not_to_contain_text("waits for approval")


def test_shows_an_approval_and_a_failure_of_the_run_itself(
    live_server: LiveServer, page: Page, key: str
) -> None:
    post("workbench.workflow_run_started", key, **RUN)
    page.goto(f"{live_server.url}/runs/r-live/")

    post("workbench.approval_requested", key, **APPROVAL)
    page.clock.run_for(MILLISECONDS)
    expect(page.get_by_text("Approval: release")).to_be_visible()

    post("workbench.workflow_run_completed", key, **RUN, status="failed", errorType="Timeout")
    page.clock.run_for(MILLISECONDS)
    expect(page.get_by_role("heading", name="Error: Timeout")).to_be_visible()
