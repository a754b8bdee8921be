from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from pytest_django import Settings

from tests.kpis.builders import NOW


@pytest.fixture
def _clock_at_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages read the clock once, where a request comes in. It stands at NOW."""
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)


@pytest.fixture
def _built_script(settings: Settings, tmp_path: Path) -> None:
    """The chart's script lies where the build puts it, whether it was built or not."""
    script = tmp_path / "build" / "charts.js"
    script.parent.mkdir()
    script.touch()
    settings.STATICFILES_DIRS = [*settings.STATICFILES_DIRS, tmp_path]


@pytest.fixture
def reader(client: Client, db: None) -> Client:
    """A signed-in person without any rights."""
    client.force_login(get_user_model().objects.create_user("reader"))
    return client
