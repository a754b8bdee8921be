import json

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page

from telemetry import keys
from telemetry.models import RawEvent, Scope
from tests.browser.conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DOCS = "/api/docs/"
AXE_CONTRAST = """async () => {
  const result = await axe.run({ runOnly: ["color-contrast"] });
  return result.violations.flatMap(violation => violation.nodes.map(node => node.html));
}"""


def make_key(scope: Scope) -> str:
    return keys.create_key(scope=scope, environment="production", source="docs", now=timezone.now())[1]


def operation(page: Page, *, method: str, path: str) -> Locator:
    """The opened operation, ready to be executed."""
    block = page.locator(f".opblock-{method}", has=page.locator(f'[data-path="{path}"]'))
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    return block


def authorize(page: Page, *, scheme: str, secret: str) -> None:
    page.get_by_role("button", name="Authorize", exact=True).click()
    container = page.locator(".auth-container", has=page.get_by_role("heading", name=scheme))
    container.get_by_role("textbox").fill(secret)
    container.get_by_role("button", name="Apply credentials").click()
    page.locator(".close-modal").click()


def status_after_execute(block: Locator) -> str:
    block.get_by_role("button", name="Execute").click()
    return block.locator(".live-responses-table .response-col_status").last.inner_text()


@pytest.mark.parametrize("width", [375, 1280])
def test_fits_its_window_and_asks_nobody_else(visit: Visit, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 800})

    page = visit.goto(DOCS)
    page.locator(".opblock").first.wait_for()

    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert visit.faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_contrast(visit: Visit, axe: str, scheme: str) -> None:
    visit.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]

    page = visit.goto(DOCS)
    operation(page, method="post", path="/api/workbench/telemetry")
    status_after_execute(operation(page, method="get", path="/api/kpis/"))

    page.evaluate(axe)
    assert page.evaluate(AXE_CONTRAST) == []


def test_follows_the_theme_of_the_portal(visit: Visit) -> None:
    page = visit.goto(DOCS)

    page.locator("[data-theme-toggle]").click()

    assert page.locator("html.dark-mode").count() == 1


def test_tries_a_read_with_a_read_key(visit: Visit) -> None:
    secret = make_key(Scope.READ)
    page = visit.goto(DOCS)

    authorize(page, scheme="readKey", secret=secret)
    status = status_after_execute(operation(page, method="get", path="/api/kpis/"))

    assert status == "200"
    assert visit.faults == []


def test_tries_a_post_with_an_ingest_key(visit: Visit) -> None:
    secret = make_key(Scope.INGEST)
    event = {
        "event": "workbench.draft_created",
        "sessionId": "s-1",
        "timestamp": timezone.now().isoformat(),
        "properties": {"source": "chat"},
    }
    page = visit.goto(DOCS)

    authorize(page, scheme="bearerKey", secret=secret)
    block = operation(page, method="post", path="/api/workbench/telemetry")
    block.locator(".body-param__text").fill(json.dumps(event))
    status = status_after_execute(block)

    assert status == "200"
    assert RawEvent.objects.count() == 1
    assert visit.faults == []
