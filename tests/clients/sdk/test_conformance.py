"""Every SDK of the table sends two events and one call about a person, over a network that loses answers."""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from telemetry.models import Arrival, RawEvent
from tests.clients.sdk import table
from tests.clients.sdk.conftest import MODULES, ROOT, load_module, refused
from tests.clients.sdk.network import Network, lossy_network
from tests.clients.sdk.table import SDKS, Sdk

PROGRAMS = Path(__file__).parent / "programs"
RECORDINGS = Path(__file__).parent / "recorded"
CREATED = "workbench.draft_created"
PROPERTIES = {"source": "chat", "draftId": "d-1"}

IN_BROWSERS = [sdk for sdk in SDKS if sdk.runs_in == "browser"]
IN_PROCESSES = [sdk for sdk in SDKS if sdk.runs_in != "browser" and not sdk.recorded_version]
RECORDED = [sdk for sdk in SDKS if sdk.recorded_version]


@pytest.fixture
def network(live_server: LiveServer) -> Iterator[Network]:
    with lossy_network(live_server.url) as network:
        yield network


def check(sdk: Sdk, *, network: Network, moment: datetime) -> None:
    """Everything was stored or refused once, at its time, as the table says."""
    rows = RawEvent.objects.order_by("occurred_at", "session_id")
    first, second = rows.values_list("event", "session_id", "occurred_at", "properties")
    assert [first[:2], second[:2]] == [(CREATED, "s-1"), (CREATED, sdk.session)]
    assert first[3] == second[3] == PROPERTIES
    assert abs(first[2] - (moment if sdk.gives_time else datetime.now(UTC))) < timedelta(
        milliseconds=1 if sdk.gives_time else 30_000
    )
    assert abs(second[2] - datetime.now(UTC)) < timedelta(seconds=30)
    assert {name for name, _ in refused()} == set(sdk.refused)
    # The second copy of each request brought nothing new.
    assert duplicates() >= 2
    assert (network.paths, network.fields) == (set(sdk.posts_to), set(sdk.sends))


def wait_for_copies(page: Page, sdk: Sdk) -> None:
    """Until both copies of everything were stored, counted as duplicates or refused."""
    for _ in range(100):
        if duplicates() >= 2 and len(refused()) >= 2 * len(sdk.refused):
            return
        page.wait_for_timeout(100)


def duplicates() -> int:
    return sum(Arrival.objects.values_list("duplicates", flat=True))


@pytest.mark.processes
@pytest.mark.sdks
@pytest.mark.parametrize("sdk", IN_PROCESSES, ids=lambda sdk: f"{sdk.name} in {sdk.runs_in}")
def test_in_a_process(sdk: Sdk, network: Network, write_key: str, moment: datetime) -> None:
    program = str(PROGRAMS / sdk.program)
    interpreter = (
        [sys.executable]
        if sdk.runs_in == "Python"
        else [str(ROOT / "scripts" / "with-node"), sys.executable, "node"]
    )
    command = [*interpreter, program, *sdk.arguments, network.address, write_key, moment.isoformat()]

    done = subprocess.run(command, cwd=PROGRAMS, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    check(sdk, network=network, moment=moment)


@pytest.mark.parametrize("sdk", RECORDED, ids=lambda sdk: f"{sdk.name} {sdk.version}")
def test_as_recorded(sdk: Sdk, network: Network, write_key: str, moment: datetime) -> None:
    replaced = {
        "FIRST": moment.isoformat(),
        "NOW": datetime.now(UTC).isoformat(),
        "KEY": write_key,
        "BASIC": base64.b64encode(f"{write_key}:".encode()).decode(),
    }
    text = re.sub(
        r"\b(FIRST|NOW|KEY|BASIC)\b", lambda found: replaced[found[0]], (RECORDINGS / sdk.program).read_text()
    )

    for recorded in json.loads(text):
        with requests.post(
            network.address + recorded["path"],
            data=json.dumps(recorded["body"]),
            headers=recorded["headers"],
            timeout=10,
        ) as answer:
            assert answer.status_code == 200, answer.text

    check(sdk, network=network, moment=moment)


@pytest.mark.browser
@pytest.mark.sdks
@pytest.mark.parametrize("sdk", IN_BROWSERS, ids=lambda sdk: sdk.name)
def test_in_a_browser(sdk: Sdk, page: Page, network: Network, write_key: str, moment: datetime) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    load_module(page, sdk.bundle)

    page.evaluate(
        (PROGRAMS / sdk.program).read_text(),
        [network.address, write_key, moment.isoformat(), sdk.variant],
    )
    wait_for_copies(page, sdk)

    check(sdk, network=network, moment=moment)
    assert [address for address in asked if not address.startswith(network.address)] == []


def test_the_page_has_the_table() -> None:
    page = table.PAGE.read_text(encoding="utf-8")

    assert table.with_table(page) == page, "Run make docs."


@pytest.mark.sdks
def test_every_sdk_that_is_installed_is_in_the_table() -> None:
    installed = {*table.pinned_versions("Node")}

    of_spans = {name for name in installed if name.startswith("@opentelemetry/")}
    assert {sdk.package for sdk in SDKS if sdk.runs_in != "Python"} == installed - of_spans
    assert all((MODULES / name).is_dir() for name in installed)
