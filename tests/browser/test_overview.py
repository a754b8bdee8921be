"""The buttons of the overview in a browser: with the keyboard, and the focus stays where it was."""

import pytest
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from tests.browser.conftest import Portal, Visit, sign_in
from tests.kpis.builders import make_environment

# In a transaction of the test's own nobody else could write, on SQLite.
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FOCUSED = "document.activeElement.id"


@pytest.fixture
def portal(live_server: LiveServer) -> Portal:
    """With rows of its own: the others' tests only read."""
    make_environment(computed_until=timezone.now())
    return Portal(origin=live_server.url, session=sign_in())


def test_pins_and_moves_with_the_keyboard_and_keeps_the_focus(visit: Visit) -> None:
    page = visit.goto("/?range=7d")

    said, focused = [], []
    for button in ("pin-approval-wait", "up-approval-wait", "down-agent", "up-agent", "pin-approval-wait"):
        page.locator(f"#{button}").focus()
        with page.expect_navigation():
            page.keyboard.press("Enter")
        said.append(page.get_by_role("status").inner_text())
        focused.append(page.evaluate(FOCUSED) == button)

    assert said == [
        "Approval wait is pinned.",
        "Approval wait is 1 of 1 now.",
        "Agent is 2 of 5 now.",
        "Agent is 1 of 5 now.",
        "Approval wait is no longer pinned.",
    ]
    assert focused == [True] * 5
    assert "range=7d" in page.url
    assert visit.faults == []
