import asyncio

import pytest

from config.server import senders
from config.server.senders import KnownSenders, is_post
from config.server.threads import ThreadShare
from telemetry import keys

SECRET = "wb_ingest_" + "a" * 43


@pytest.fixture
def asked(monkeypatch):
    """The secrets that the database was asked for; it knows SECRET."""
    asked = []

    def find_key(secret):
        asked.append(secret)
        return object() if secret == SECRET else None

    monkeypatch.setattr(keys, "find_key", find_key)
    return asked


def known_senders():
    return KnownSenders(ThreadShare("keys", threads=1, queue=1, database_seconds=3))


@pytest.mark.parametrize(
    ("environ", "is_known"),
    [
        ({"HTTP_AUTHORIZATION": f"Bearer {SECRET}"}, True),
        ({"HTTP_X_WORKBENCH_KEY": SECRET}, True),
        ({"QUERY_STRING": f"key={SECRET}"}, True),
        ({"HTTP_AUTHORIZATION": "Bearer wb_ingest_" + "b" * 43}, False),
    ],
)
def test_the_database_says_which_key_is_known(asked, environ, is_known):
    assert asyncio.run(known_senders().has_key(environ)) is is_known
    assert len(asked) == 1


def test_basic_credentials_carry_the_key_as_user(asked):
    credentials = "d2JfaW5nZXN0X2FhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE6"
    assert asyncio.run(known_senders().has_key({"HTTP_AUTHORIZATION": f"Basic {credentials}"}))


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"HTTP_AUTHORIZATION": "Bearer wb_ingest_short"},
        {"HTTP_AUTHORIZATION": "Basic \xff"},
        {"QUERY_STRING": "&".join(["a=1"] * 2000)},
    ],
)
def test_what_has_not_the_shape_of_a_key_costs_no_query(asked, environ):
    assert not asyncio.run(known_senders().has_key(environ))
    assert asked == []


def test_a_key_that_was_found_is_asked_for_once(asked):
    known = known_senders()
    for _ in range(3):
        assert asyncio.run(known.has_key({"HTTP_X_WORKBENCH_KEY": SECRET}))
    assert asked == [SECRET]


def test_a_key_is_not_known_for_ever(asked, monkeypatch):
    monkeypatch.setattr(senders, "KNOWN_SECONDS", 0)
    known = known_senders()
    for _ in range(2):
        asyncio.run(known.has_key({"HTTP_X_WORKBENCH_KEY": SECRET}))
    assert len(asked) == 2


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(senders, "MOST_KNOWN", 2)
    known = known_senders()
    for digest in "abc":
        known.remember(digest)
    assert list(known.found_at) == ["c"]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/api/workbench/telemetry", True),
        ("POST", "/v1/track", True),
        ("POST", "/v1/traces", True),
        ("POST", "/batch/", True),
        ("POST", "/login/", False),
        ("POST", "/admin/telemetry/apikey/add/", False),
        ("GET", "/v1/track", False),
        ("GET", "/metrics", False),
    ],
)
def test_posts_are_told_from_the_rest(method, path, expected):
    assert is_post(method, path) is expected
