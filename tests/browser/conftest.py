"""A headless Chromium that notes what a page must not do: errors, warnings, requests to elsewhere."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.test import Client
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

FRONTEND = Path(django_settings.BASE_DIR) / "frontend"
BUNDLE = Path(django_settings.BASE_DIR) / "static" / "build" / "charts.js"


@dataclass
class Visit:
    """A signed-in browser page on the portal, and what went wrong on it."""

    page: Page
    origin: str
    faults: list[str] = field(default_factory=list)

    def goto(self, path: str) -> Page:
        self.page.goto(self.origin + path)
        return self.page

    def note_request(self, url: str) -> None:
        if not url.startswith((self.origin, "data:")):
            self.faults.append(f"asked {url}")


@pytest.fixture
def visit(live_server: LiveServer, browser: Browser) -> Iterator[Visit]:
    """A page in a browser profile of its own."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as profile:
        profile.add_cookies([{"name": "sessionid", "value": sign_in(), "url": live_server.url}])
        yield make_visit(profile.new_page(), origin=live_server.url)


def make_visit(page: Page, *, origin: str) -> Visit:
    visit = Visit(page=page, origin=origin)
    page.on("console", lambda message: note_console(visit, message.type, message.text))
    page.on("pageerror", lambda error: visit.faults.append(str(error)))
    page.on("request", lambda request: visit.note_request(request.url))
    return visit


def note_console(visit: Visit, kind: str, text: str) -> None:
    if kind in {"error", "warning"}:
        visit.faults.append(text)


def sign_in() -> str:
    client = Client()
    client.force_login(get_user_model().objects.create_user("reader"))
    return client.cookies["sessionid"].value


@pytest.fixture
def bundle() -> Path:
    if not BUNDLE.exists():
        pytest.skip("The charts are not built (npm ci && npm run build in frontend/)")
    return BUNDLE


@pytest.fixture
def axe() -> str:
    """The source of axe-core, which finds faults of accessibility."""
    source = FRONTEND / "node_modules" / "axe-core" / "axe.min.js"
    if not source.exists():
        pytest.skip("axe-core is not installed (npm ci in frontend/)")
    return source.read_text(encoding="utf-8")
