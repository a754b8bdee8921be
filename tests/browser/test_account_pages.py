from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Portal, Visit, open_tab
from tests.browser.looking import faults_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

OWN_PATHS = ("/account/", "/account/second-factor/", "/account/password/", "/account/sessions/")
ENTRANCE_PATHS = ("/login/", "/password/reset/", "/invitations/x/")
# An invitation that nobody made.
NOT_FOUND = "Failed to load resource: the server responded with a status of 404 (Not Found)"


@pytest.fixture
def stranger(portal: Portal, browser: Browser) -> Iterator[Visit]:
    """A tab of somebody who is not signed in."""
    visit = open_tab(browser, portal=replace(portal, session="none"))
    yield visit
    visit.page.context.close()


@pytest.mark.parametrize("path", OWN_PATHS)
def test_ones_own_account_fits_and_is_accessible(visit: Visit, axe: str, path: str) -> None:
    assert faults_of(visit, path, axe=axe) == []


@pytest.mark.parametrize("path", ENTRANCE_PATHS)
def test_entrances_fit_and_are_accessible(stranger: Visit, axe: str, path: str) -> None:
    assert set(faults_of(stranger, path, axe=axe)) <= {NOT_FOUND}


def test_the_menu_of_the_account_opens_without_javascript(visit_without_script: Visit) -> None:
    page = visit_without_script.goto("/")

    page.locator(".who summary").click()
    page.locator(".who-menu").get_by_role("link", name="Sessions").click()

    assert page.get_by_role("heading", name="Sessions").is_visible()
