"""Passwords are hashed one at a time on a machine: tests that run beside each other have a lock each."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from people import mailing


class AtOnce(Executor):
    """Runs what it is given in this thread, so that a test sees the mail when the page has answered."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@pytest.fixture
def has_mail(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail is configured; what is sent is in `mailoutbox`."""
    settings.EMAIL_URL = "smtp://mail.example.com"
    monkeypatch.setattr(mailing, "POOL", AtOnce())


@pytest.fixture(autouse=True)
def _own_lock(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
