"""Every example of docs/clients.md does what the page says."""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from tests.clients.sdk.conftest import ROOT, load_module, refused, stored, wait_for

PAGE = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
HERE = Path(__file__).parent
RUDDERSTACK = "const { RudderAnalytics } = rudderanalytics;"
PORTAL, KEY = "https://portal.example", "wb_ingest_KEY"
IMPORTS = {
    'import { AnalyticsBrowser } from "@segment/analytics-next";': "const { AnalyticsBrowser } = AnalyticsNext;",
    'import posthog from "posthog-js";': "",
    'import { RudderAnalytics } from "@rudderstack/analytics-js/bundled";': RUDDERSTACK,
}
BUNDLES = {
    "AnalyticsBrowser": "@segment/analytics-next/dist/umd/index.js",
    "RudderAnalytics": "@rudderstack/analytics-js/dist/npm/modern/bundled/umd/index.js",
    "posthog": "posthog-js/dist/array.full.no-external.js",
}


@dataclass(frozen=True)
class Example:
    """A block of the page; `answer` is the block of JSON behind it, empty where another follows."""

    language: str
    code: str
    answer: str


def examples() -> list[Example]:
    blocks = re.findall(r"^```(\S+(?: browser)?)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    return [
        Example(language, code, answer if follower == "json" else "")
        for (language, code), (follower, answer) in pairwise([*blocks, ("", "")])
        if language not in {"json", "yaml"}
    ]


def written_in(language: str) -> list[Example]:
    return [example for example in examples() if example.language == language]


@pytest.fixture
def adapt(live_server: LiveServer, write_key: str) -> Callable[[str], str]:
    """The example with this portal's address and key."""
    return lambda code: code.replace(PORTAL, live_server.url).replace(KEY, write_key)


def run(command: list[str], *, text: str = "") -> str:
    done = subprocess.run(command, input=text, cwd=HERE, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def is_stored_as_written() -> None:
    (row,) = stored().values()
    assert (row[0], row[1], row[3]) == (
        "workbench.draft_created",
        "s-1",
        {"source": "chat", "draftId": "d-1"},
    )
    assert refused() == []


def test_the_page_has_all_of_its_examples() -> None:
    assert [example.language for example in examples()] == [
        *("sh", "sh"),
        *("python", "js", "js browser"),
        *("python", "js", "js browser"),
        *("js", "python", "js", "js browser"),
        *("python", "sh"),
    ]


@pytest.mark.processes
@pytest.mark.parametrize("example", written_in("sh"))
def test_in_a_shell(example: Example, adapt: Callable[[str], str]) -> None:
    printed = run(["bash", "-c", adapt(example.code)])
    if example.answer:
        assert printed == example.answer.strip()
        is_stored_as_written()
    else:
        assert printed == '{"environment":"production","events":[]}'


@pytest.mark.processes
@pytest.mark.parametrize("example", written_in("python"))
def test_in_python(example: Example, adapt: Callable[[str], str]) -> None:
    run([sys.executable, "-c", adapt(example.code)])
    is_stored_as_written()


@pytest.mark.processes
@pytest.mark.sdks
@pytest.mark.parametrize("example", written_in("js"))
def test_in_node(example: Example, adapt: Callable[[str], str]) -> None:
    command = [str(ROOT / "scripts" / "with-node"), sys.executable, "node", "--input-type=module"]
    run(command, text=adapt(example.code))
    is_stored_as_written()


@pytest.mark.browser
@pytest.mark.sdks
@pytest.mark.parametrize("example", written_in("js browser"))
def test_in_a_browser(example: Example, page: Page, adapt: Callable[[str], str]) -> None:
    code = adapt(example.code)
    for bundle in (path for name, path in BUNDLES.items() if name in code):
        load_module(page, bundle)
    for statement, replacement in IMPORTS.items():
        code = code.replace(statement, replacement)
    page.add_script_tag(content=code, type="module")
    wait_for(page, 1)
    is_stored_as_written()
