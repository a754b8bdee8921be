"""SDKs of others in front of the portal: each is only told where the portal is, and its key."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from telemetry.keys import create_key
from telemetry.models import QuarantinedEvent, RawEvent, Scope

ROOT = Path(__file__).resolve().parents[3]

# [name, session, occurred at, properties] of an event.
Row = list[Any]


@pytest.fixture
def write_key(transactional_db: None) -> str:
    _, secret = create_key(scope=Scope.INGEST, environment="production", source="sdk", now=timezone.now())
    return secret


@pytest.fixture
def moment() -> datetime:
    """An hour ago, in whole milliseconds: what every SDK can say."""
    return (datetime.now(UTC) - timedelta(hours=1)).replace(microsecond=123_000)


def stored() -> dict[str, Row]:
    """Every stored event by its id; no two have the same."""
    rows = RawEvent.objects.values_list("event_id", "event", "session_id", "occurred_at", "properties")
    by_id = {event_id: row for event_id, *row in rows}
    assert len(by_id) == RawEvent.objects.count()
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
