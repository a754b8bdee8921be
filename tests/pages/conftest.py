import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from tests.kpis.builders import NOW


@pytest.fixture
def _clock_at_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages read the clock once, where a request comes in. It stands at NOW."""
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)


@pytest.fixture
def reader(client: Client, db: None) -> Client:
    """A signed-in person without any rights."""
    client.force_login(get_user_model().objects.create_user("reader"))
    return client
