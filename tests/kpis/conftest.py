from datetime import datetime

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from pytest_django import Settings

from tests.kpis.builders import NOW


@pytest.fixture(autouse=True)
def _plain_static_files(settings: Settings) -> None:
    """Pages in tests name static files as they lie; only collectstatic gives them hashed names."""
    storage = "django.contrib.staticfiles.storage.StaticFilesStorage"
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": storage}}


@pytest.fixture
def _still(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The edge's clock stands at NOW."""
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    return NOW


@pytest.fixture
def reader(client: Client, db: None) -> Client:
    """A signed-in person without any rights."""
    client.force_login(get_user_model().objects.create_user("reader"))
    return client
