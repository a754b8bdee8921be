"""The JavaScript client, built, in front of a scriptable portal, in Chromium."""

import fcntl
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

PACKAGE = Path(__file__).parents[2] / "clients" / "javascript"
NPM = shutil.which("npm")


@pytest.fixture(scope="session")
def package() -> Path:
    """clients/javascript, built."""
    if NPM is None:
        pytest.skip("Node is not installed")
    if not (PACKAGE / "node_modules").exists():
        pytest.skip("The JavaScript client's tools are not installed (npm ci in clients/javascript)")
    # Several processes may run the tests: one of them builds.
    with (PACKAGE / "node_modules" / ".build-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_stale():
            subprocess.run([NPM, "run", "--silent", "build"], cwd=PACKAGE, check=True)
    return PACKAGE


def is_stale() -> bool:
    # What the build writes last.
    built = PACKAGE / "dist" / "types.d.ts"
    sources = [*PACKAGE.glob("src/*"), *PACKAGE.glob("scripts/*"), *PACKAGE.glob("*.json")]
    return not built.exists() or built.stat().st_mtime < max(path.stat().st_mtime for path in sources)


@dataclass(frozen=True)
class ScriptedPortal:
    """clients/javascript/test/server.mjs: it answers as it is told, and serves the package's files."""

    url: str

    def ask(self, path: str, value: object = None) -> dict[str, Any]:
        data = None if value is None else json.dumps(value).encode()
        with urlopen(Request(self.url + path, data=data)) as response:
            state: dict[str, Any] = json.load(response)
        return state

    def answer_with(self, *steps: dict[str, object]) -> None:
        self.ask("/_script", steps)

    @property
    def stored(self) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = self.ask("/_state")["stored"]
        return events

    @property
    def posts(self) -> list[dict[str, Any]]:
        posts: list[dict[str, Any]] = self.ask("/_state")["posts"]
        return posts

    def draft_ids(self) -> list[str]:
        """The drafts of what is stored, in the order of their numbers."""
        drafts = [event["properties"].get("draftId", "") for event in self.stored]
        return sorted(filter(None, drafts), key=lambda draft: (len(draft), draft))


def run_portal(package: Path) -> Iterator[ScriptedPortal]:
    command = ["node", "test/server.mjs"]
    with subprocess.Popen(command, cwd=package, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield ScriptedPortal(url=process.stdout.readline().strip())
        finally:
            process.terminate()


@pytest.fixture
def scripted_portal(package: Path) -> Iterator[ScriptedPortal]:
    yield from run_portal(package)


@pytest.fixture
def other_origin(package: Path) -> Iterator[ScriptedPortal]:
    yield from run_portal(package)


@pytest.fixture
def profile(browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile of its own: storage that its pages share."""
    context = browser.new_context()
    yield context
    context.close()


@pytest.fixture
def open_page(profile: BrowserContext, scripted_portal: ScriptedPortal) -> Callable[..., Page]:
    """Opens a page of the scripted portal, with `telemetry` in it unless `options` is None."""

    def open_page(options: dict[str, object] | None = {}, *, url: str = scripted_portal.url) -> Page:  # noqa: B006
        page = profile.new_page()
        page.goto(f"{scripted_portal.url}/test/page.html")
        if options is not None:
            page.evaluate(START, {"url": url, "key": "wbk_test", **options})
        return page

    return open_page


START = """(options) => {
  window.edit = (from, to) => {
    for (let draft = from; draft < to; draft++) {
      telemetry.track("workbench.draft_edited", { draftId: `${draft}`, editType: "chat" });
    }
  };
  window.begin = () => {
    const onDropped = (count) => {
      localStorage.dropped = +(localStorage.dropped ?? 0) + count;
    };
    window.telemetry = WorkbenchTelemetry.createTelemetry({ flushInterval: 20, maxBackoff: 50, onDropped, ...options });
  };
  begin();
}"""


def wait_until(condition: Callable[[], object], *, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "It did not happen"
        time.sleep(0.02)
