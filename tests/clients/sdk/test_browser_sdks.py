"""@segment/analytics-next and posthog-js in Chromium, on a page of another origin than the portal's."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from tests.clients.sdk.conftest import refused, stored
from tests.services import CHROMIUM, program

pytestmark = [pytest.mark.browser, pytest.mark.sdks]

MODULES = Path(__file__).parent / "node_modules"
CREATED = "workbench.draft_created"
PROPERTIES = {"source": "chat", "draftId": "d-1"}


class EmptyPage(BaseHTTPRequestHandler):
    """An application's page. Chromium lets a page speak to this machine only when the page came from it too."""

    def do_GET(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>app</title>")

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def origin(settings: Settings) -> Iterator[str]:
    """Where the application is; its pages may post to the portal."""
    with ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage) as server:
        Thread(target=server.serve_forever).start()
        origin = f"http://127.0.0.1:{server.server_port}"
        settings.CORS_ALLOWED_ORIGINS = [origin]
        yield origin
        server.shutdown()


@pytest.fixture
def page(origin: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(origin)
        yield page
        browser.close()


@pytest.fixture
def asked(page: Page) -> list[str]:
    """Every address that the page asks, in order."""
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    return addresses


def load(page: Page, path: str) -> None:
    page.add_script_tag(content=(MODULES / path).read_text(encoding="utf-8"))


def wait_for(page: Page, count: int) -> None:
    """Until so many events were stored or refused."""
    for _ in range(100):
        if len(stored()) + len(refused()) >= count:
            return
        page.wait_for_timeout(100)


SEGMENT = """
async ([host, writeKey, timestamp, strategy]) => {
  const [analytics] = await AnalyticsNext.AnalyticsBrowser.load(
    { writeKey, cdnURL: host },
    { integrations: { "Segment.io": { deliveryStrategy: { strategy, config: { size: 3, timeout: 500 } } } } },
  );
  const properties = { source: "chat", draftId: "d-1" };
  const event = "workbench.draft_created";
  await Promise.all([
    analytics.track(event, { ...properties, sessionId: "s-1" }, { timestamp, messageId: "m-1" }),
    analytics.track(event, properties, { timestamp, messageId: "m-2", context: { sessionId: "s-2" } }),
    analytics.track(event, properties, { timestamp, anonymousId: "s-3", messageId: "m-3" }),
    analytics.identify("u-1", { email: "ann@example.com" }),
    analytics.page(),
  ]);
  return analytics.user().anonymousId();
}
"""


@pytest.mark.parametrize("strategy", ["standard", "batching"])
def test_analytics_js_calls_are_stored_once(
    strategy: str, page: Page, asked: list[str], live_server: LiveServer, write_key: str, moment: datetime
) -> None:
    load(page, "@segment/analytics-next/dist/umd/index.js")
    page.evaluate(SEGMENT, [live_server.url, write_key, moment.isoformat(), strategy])
    wait_for(page, 5)
    assert stored() == {f"m-{number}": [CREATED, f"s-{number}", moment, PROPERTIES] for number in (1, 2, 3)}
    assert sorted(refused()) == [("identify", "unsupported_type"), ("page", "unsupported_type")]
    assert [address for address in asked if not address.startswith(live_server.url)] == []


POSTHOG = """
([host, key, timestamp]) => new Promise((resolve) => {
  posthog.init(key, {
    api_host: host,
    opt_out_useragent_filter: true, // It sends nothing from browsers that programs steer.
    capture_pageview: true,
    loaded: (posthog) => {
      const event = "workbench.draft_created";
      const properties = { source: "chat", draftId: "d-1" };
      posthog.capture(event, { ...properties, sessionId: "s-1" }, { timestamp: new Date(timestamp) });
      posthog.capture(event, properties);
      resolve(posthog.get_session_id());
    },
  });
})
"""


def test_posthog_js_captures_are_stored_once(
    page: Page, asked: list[str], live_server: LiveServer, write_key: str, moment: datetime
) -> None:
    load(page, "posthog-js/dist/array.full.no-external.js")
    session_id = page.evaluate(POSTHOG, [live_server.url, write_key, moment.isoformat()])
    wait_for(page, 3)
    past, present = sorted(stored().values(), key=lambda row: row[2])
    assert past == [CREATED, "s-1", moment, PROPERTIES]
    assert present[:2] + present[3:] == [CREATED, session_id, PROPERTIES]
    assert abs(present[2] - datetime.now(UTC)) < timedelta(seconds=30)
    assert set(refused()) == {("$pageview", "unsupported_type")}
    assert [address for address in asked if not address.startswith(live_server.url)] == []
