"""@segment/analytics-next and posthog-js in Chromium, on a page of another origin than the portal's."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from tests.clients.sdk.conftest import load_module, refused, stored, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.sdks]

CREATED = "workbench.draft_created"
PROPERTIES = {"source": "chat", "draftId": "d-1"}


@pytest.fixture
def asked_addresses(page: Page) -> list[str]:
    """Every address that the page asks, in order."""
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    return addresses


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
    strategy: str,
    page: Page,
    asked_addresses: list[str],
    live_server: LiveServer,
    write_key: str,
    moment: datetime,
) -> None:
    load_module(page, "@segment/analytics-next/dist/umd/index.js")
    page.evaluate(SEGMENT, [live_server.url, write_key, moment.isoformat(), strategy])
    wait_for(page, 5)
    assert stored() == {f"m-{number}": [CREATED, f"s-{number}", moment, PROPERTIES] for number in (1, 2, 3)}
    assert sorted(refused()) == [("identify", "unsupported_type"), ("page", "unsupported_type")]
    assert [address for address in asked_addresses if not address.startswith(live_server.url)] == []


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
    page: Page, asked_addresses: list[str], live_server: LiveServer, write_key: str, moment: datetime
) -> None:
    load_module(page, "posthog-js/dist/array.full.no-external.js")
    session_id = page.evaluate(POSTHOG, [live_server.url, write_key, moment.isoformat()])
    wait_for(page, 3)
    past, present = sorted(stored().values(), key=lambda row: row[2])
    assert past == [CREATED, "s-1", moment, PROPERTIES]
    assert present[:2] + present[3:] == [CREATED, session_id, PROPERTIES]
    assert abs(present[2] - datetime.now(UTC)) < timedelta(seconds=30)
    assert set(refused()) == {("$pageview", "unsupported_type")}
    assert [address for address in asked_addresses if not address.startswith(live_server.url)] == []
