from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Portal, Visit, open_tab
from tests.browser.test_kpi_pages import AXE

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

OWN_PATHS = ("/account/", "/account/second-factor/", "/account/password/", "/account/sessions/")
ENTRANCE_PATHS = ("/login/", "/password/reset/", "/invitations/x/")


@pytest.fixture
def stranger(portal: Portal, browser: Browser) -> Iterator[Visit]:
    """A tab of somebody who is not signed in."""
    visit = open_tab(browser, portal=replace(portal, session="none"))
    yield visit
    visit.page.context.close()


def faults_of(visit: Visit, path: str, *, axe: str) -> list[str]:
    """Faults of accessibility, and what is wider than a phone."""
    visit.page.set_viewport_size({"width": 375, "height": 800})
    page = visit.goto(path)
    page.evaluate(axe)
    width = page.evaluate("document.documentElement.scrollWidth")
    return [*page.evaluate(AXE), *([f"{width} wide"] if width > 375 else [])]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", OWN_PATHS)
def test_ones_own_account_fits_and_is_accessible(visit: Visit, axe: str, path: str, scheme: str) -> None:
    visit.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]

    assert faults_of(visit, path, axe=axe) == []
    assert visit.faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ENTRANCE_PATHS)
def test_entrances_fit_and_are_accessible(stranger: Visit, axe: str, path: str, scheme: str) -> None:
    stranger.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]

    assert faults_of(stranger, path, axe=axe) == []


def test_the_menu_of_the_account_opens_without_javascript(visit_without_script: Visit) -> None:
    page = visit_without_script.goto("/")

    page.locator(".who summary").click()
    page.locator(".who-menu").get_by_role("link", name="Sessions").click()

    assert page.get_by_role("heading", name="Sessions").is_visible()
