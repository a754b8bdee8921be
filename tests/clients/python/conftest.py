"""The Python client as an application has it, in front of a portal that does what a test says."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[3] / "clients" / "python" / "src"
sys.path.insert(0, str(SOURCE))

from workbench_analytics import Backoff, Client  # noqa: E402

from tests.clients.python.scripted_portal import ScriptedPortal, running_portal  # noqa: E402


@pytest.fixture
def portal() -> Iterator[ScriptedPortal]:
    with running_portal() as portal:
        yield portal


@pytest.fixture
def make_client(portal: ScriptedPortal) -> Iterator[Callable[..., Client]]:
    """A client that waits for milliseconds where a real one waits for seconds."""
    clients = []

    def make(**options: Any) -> Client:
        quick = {
            "flush_seconds": 0.01,
            "timeout_seconds": 5,
            "backoff": Backoff(first_seconds=0.002, longest_seconds=0.02),
        }
        client = Client(**{"url": portal.url, "key": "wb_key", **quick, **options})
        clients.append(client)
        return client

    yield make
    portal.released.set()
    for client in clients:
        client.shutdown(0)
        if client._thread:
            client._thread.join(2)


@pytest.fixture
def client(make_client: Callable[..., Client]) -> Client:
    return make_client()
