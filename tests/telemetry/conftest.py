from datetime import datetime

import pytest

from telemetry import key_use, keys
from telemetry.door import throttling
from telemetry.intake import quarantine
from telemetry.models import ApiKey
from tests.builders import make_key, make_secret


@pytest.fixture(autouse=True)
def _fresh_process() -> None:
    """What a process remembers between requests does not outlive a test."""
    keys.key_of.cache_clear()
    key_use.noted.clear()
    throttling.buckets.clear()
    quarantine.budgets.clear()


@pytest.fixture
def ingest_key(db: None) -> ApiKey:
    return make_key()


@pytest.fixture
def secret(db: None, clock: datetime) -> str:
    return make_secret()
