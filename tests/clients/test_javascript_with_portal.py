"""The JavaScript client and the portal's own door: what is tracked is what is stored."""

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from telemetry.models import QuarantinedEvent, RawEvent
from tests.builders import make_secret
from tests.clients.conftest import ScriptedPortal, wait_until

SCRIPT = """
import { createTelemetry } from "./dist/index.js";

const [url, key] = process.argv.slice(1);
const rejected = [];
const onRejected = ({ code, field, message }) => rejected.push({ code, field, message });
const telemetry = createTelemetry({ url, key, sessionId: "server-7", onRejected });
telemetry.track("workbench.draft_created", { source: "chat", draftId: "d-1", nodeCount: 3 });
telemetry.track("workbench.draft_created", { source: "phone" });
telemetry.track("workbench.chat_message_sent");
for (let number = 0; number < 1000; number++) {
  telemetry.track("workbench.template_viewed", { templateId: `t-${number}` });
}
await telemetry.shutdown();
console.log(JSON.stringify(rejected));
"""


@pytest.fixture
def key(live_server: LiveServer) -> str:
    return make_secret()


def run_in_node(package: Path, *arguments: str) -> list[dict[str, str]]:
    command = ["node", "--input-type=module", "--eval", SCRIPT, *arguments]
    done = subprocess.run(command, cwd=package, check=True, capture_output=True, text=True, timeout=60)
    rejected: list[dict[str, str]] = json.loads(done.stdout)
    return rejected


def test_events_from_node_are_stored_once_and_as_they_were_tracked(
    package: Path, live_server: LiveServer, key: str
) -> None:
    before = datetime.now(tz=UTC) - timedelta(seconds=1)
    run_in_node(package, live_server.url, key)
    draft = RawEvent.objects.get(event="workbench.draft_created")
    assert (draft.environment, draft.source, draft.session_id) == ("production", "web", "server-7")
    assert draft.properties == {"source": "chat", "draftId": "d-1", "nodeCount": 3}
    assert before < draft.occurred_at < datetime.now(tz=UTC)
    assert RawEvent.objects.filter(event="workbench.template_viewed").count() == 1000
    assert RawEvent.objects.count() == 1002


def test_rejected_event_comes_back_with_the_portals_reason(
    package: Path, live_server: LiveServer, key: str
) -> None:
    message = "This must be one of: chat, template, blank."
    assert run_in_node(package, live_server.url, key) == [
        {"code": "not_in_enum", "field": "properties.source", "message": message}
    ]
    assert QuarantinedEvent.objects.count() == 1


@pytest.mark.browser
@pytest.mark.parametrize("old", [False, True], ids=["keepalive", "beacon"])
def test_closed_page_of_another_origin_leaves_its_events_in_the_portal(
    open_page: Callable[..., Page],
    scripted_portal: ScriptedPortal,
    live_server: LiveServer,
    settings: Settings,
    key: str,
    old: bool,
) -> None:
    settings.CORS_ALLOWED_ORIGINS = [scripted_portal.url]
    page = open_page({"flushInterval": 60_000, "key": key, "userId": "u-1"}, url=live_server.url)
    if old:
        page.evaluate("delete Request.prototype.keepalive")
    page.evaluate("edit(0, 3)")
    page.close()
    wait_until(lambda: RawEvent.objects.count() == 5)
    events = RawEvent.objects.order_by("event").values_list("event", flat=True)
    assert [name.removeprefix("workbench.") for name in events] == [
        *["draft_edited"] * 3,
        "session_ended",
        "session_started",
    ]
    ended = RawEvent.objects.get(event="workbench.session_ended")
    assert 0 < ended.properties["durationMs"] < 60_000
    assert ended.properties["userId"].startswith("u_")


@pytest.mark.browser
def test_sample_workbench_shows_each_events_verdict(
    open_page: Callable[..., Page],
    scripted_portal: ScriptedPortal,
    live_server: LiveServer,
    settings: Settings,
    key: str,
) -> None:
    settings.CORS_ALLOWED_ORIGINS = [scripted_portal.url]
    page = open_page(None)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{scripted_portal.url}/example/?url={live_server.url}&key={key}")
    act_a_workbench(page)
    page.wait_for_function("document.querySelectorAll('[data-verdict=accepted]').length === 14")
    assert page.locator("[data-verdict=rejected]").count() == 1
    assert page.locator(".reason").all_inner_texts() == [
        "not_in_enum properties.source: This must be one of: chat, template, blank.",
        "unknown_property properties.colour: The plan does not list this property. "
        "Leave it out, or add it to the plan.",
    ]
    assert RawEvent.objects.count() == 14
    runs = RawEvent.objects.filter(event="workbench.workflow_run_completed")
    ends = {run["status"]: run for run in runs.values_list("properties", flat=True)}
    assert ends["completed"]["retryOfRunId"] == ends["failed"]["runId"]
    assert all(url.startswith((scripted_portal.url, live_server.url, "data:")) for url in asked)


def act_a_workbench(page: Page) -> None:
    page.get_by_role("textbox", name="Message").fill("Restart it")
    page.get_by_role("button", name="Send", exact=True).click()
    page.get_by_text("I made a draft of it").wait_for()
    page.get_by_role("button", name="Look at Rotate a secret").click()
    page.get_by_role("button", name="Add a node").click()
    page.get_by_role("button", name="Accept").click()
    page.get_by_role("checkbox", name="Runs fail").check()
    page.get_by_role("button", name="Run").click()
    page.get_by_role("button", name="Approve").click()
    page.get_by_text("Failed in").wait_for()
    page.get_by_role("checkbox", name="Runs fail").uncheck()
    page.get_by_role("button", name="Retry").click()
    page.get_by_role("button", name="Send a wrong event").click()
    page.get_by_text("Completed in").wait_for()
