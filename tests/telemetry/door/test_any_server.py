"""What holds under any WSGI server, where nothing of config.rsgi runs: the application is asked as PEP 3333 says."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.signals import request_started
from django.db import close_old_connections
from pytest_django import Settings

from config import wsgi
from telemetry.door.body import MAX_BODY_BYTES

pytestmark = pytest.mark.django_db
DOOR = "/api/workbench/telemetry"


@pytest.fixture(autouse=True)
def _connection_stays() -> Iterator[None]:
    """The test's own transaction outlives the request."""
    request_started.disconnect(close_old_connections)
    yield
    request_started.connect(close_old_connections)


class Unread(io.RawIOBase):
    def readinto(self, buffer: Any) -> int:
        raise AssertionError("the body was read")


def ask(path: str, *, body: io.IOBase, **headers: str) -> tuple[int, str]:
    """(status, code) of a post."""
    statuses = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": body,
        **headers,
    }
    answer = wsgi.application(environ, lambda status, headers: statuses.append(int(status[:3])))  # type: ignore[arg-type]
    text = b"".join(answer)
    return statuses[0], json.loads(text)["code"]


@pytest.fixture
def authorization(secret: str) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"Bearer {secret}", "CONTENT_TYPE": "application/json"}


def test_an_unknown_key_is_refused_before_the_body_is_read() -> None:
    assert ask(DOOR, body=Unread(), CONTENT_LENGTH="100") == (401, "missing_key")


@pytest.mark.parametrize("path", [DOOR, "/v1/track", "/batch/", "/i/v1/analytics/events"])
def test_a_body_that_says_that_it_is_too_large_is_not_read(path: str, authorization: dict[str, str]) -> None:
    length = str(MAX_BODY_BYTES + 1)

    assert ask(path, body=Unread(), CONTENT_LENGTH=length, **authorization) == (413, "body_too_large")


def test_of_a_body_without_a_length_no_more_is_read_than_is_taken(authorization: dict[str, str]) -> None:
    body = io.BytesIO(b" " * (3 * MAX_BODY_BYTES))

    found = ask(DOOR, body=body, **authorization, **{"wsgi.input_terminated": "1"})

    assert found == (413, "body_too_large")
    assert body.tell() == MAX_BODY_BYTES + 1


@pytest.mark.parametrize("path", [DOOR, "/v1/track", "/batch/"])
def test_maintenance_is_said_before_the_body_is_read(
    path: str, authorization: dict[str, str], settings: Settings, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path
    (tmp_path / "maintenance").touch()

    assert ask(path, body=Unread(), CONTENT_LENGTH="100", **authorization) == (503, "maintenance")
