from datetime import UTC, datetime

import pytest
from django.utils import timezone

from telemetry import keys
from telemetry.door import throttling
from telemetry.keys import create_key
from telemetry.models import ApiKey, Scope


@pytest.fixture(autouse=True)
def _fresh_process() -> None:
    """What a process remembers between requests does not outlive a test."""
    keys.key_of.cache_clear()
    throttling.buckets.clear()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, now: datetime) -> datetime:
    """The views' clock stands still at `now`."""
    monkeypatch.setattr(timezone, "now", lambda: now)
    return now


@pytest.fixture
def ingest_key(db: None) -> ApiKey:
    return make_key()[0]


@pytest.fixture
def secret(db: None, clock: datetime) -> str:
    return make_key()[1]


def make_key(
    *,
    scope: str = Scope.INGEST,
    environment: str = "production",
    source: str = "web",
    rate: int | None = None,
) -> tuple[ApiKey, str]:
    made_at = datetime(2026, 1, 1, tzinfo=UTC)
    return create_key(
        scope=scope, environment=environment, source=source, now=made_at, requests_per_minute=rate
    )
