"""SDKs of others in front of the portal: each is only told where the portal is, and its key."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from telemetry.models import QuarantinedEvent, RawEvent
from tests.builders import make_secret

ROOT = Path(__file__).resolve().parents[3]
MODULES = Path(__file__).parent / "node_modules"

# [name, session, occurred at, properties] of an event.
Row = list[Any]


@pytest.fixture
def write_key(transactional_db: None) -> str:
    return make_secret()


@pytest.fixture
def moment() -> datetime:
    """An hour ago, in whole milliseconds: what every SDK can say."""
    return (datetime.now(UTC) - timedelta(hours=1)).replace(microsecond=123_000)


def stored() -> dict[str, Row]:
    """Every stored event by its id; no two have the same."""
    columns = ("event_id", "event", "session_id", "occurred_at", "properties")
    # One query: events may arrive meanwhile.
    rows = list(RawEvent.objects.values_list(*columns))
    by_id = {event_id: row for event_id, *row in rows}
    assert len(by_id) == len(rows)
    return by_id


def refused() -> list[tuple[str, str]]:
    return list(QuarantinedEvent.objects.order_by("id").values_list("event", "code"))


@pytest.fixture
def run_node(live_server: LiveServer, write_key: str, moment: datetime) -> Callable[[str], Any]:
    """Runs a script of this directory; answers what it prints as JSON."""

    def run(script: str) -> Any:
        command = [str(ROOT / "scripts" / "with-node"), sys.executable, "node", script]
        arguments = [live_server.url, write_key, moment.isoformat()]
        done = subprocess.run(
            [*command, *arguments], cwd=Path(__file__).parent, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


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
def page(origin: str, browser: Browser) -> Iterator[Page]:
    """A page of the application, in a browser profile of its own."""
    with browser.new_context() as profile:
        page = profile.new_page()
        page.goto(origin)
        yield page


def load_module(page: Page, path: str) -> None:
    page.add_script_tag(content=(MODULES / path).read_text(encoding="utf-8"))


def wait_for(page: Page, count: int) -> None:
    """Until so many events were stored or refused."""
    for _ in range(100):
        if len(stored()) + len(refused()) >= count:
            return
        page.wait_for_timeout(100)
