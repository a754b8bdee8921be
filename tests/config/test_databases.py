import sqlite3
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import databases
from config.server.sessions import WritableSession


def test_no_url_is_sqlite_in_data_dir(tmp_path):
    database = databases.from_url("", data_dir=tmp_path)

    assert database["ENGINE"] == "django.db.backends.sqlite3"
    assert database["NAME"] == str(tmp_path / "portal.sqlite3")


def test_sqlite_waits_for_its_lock_and_makes_commits_durable(tmp_path):
    options = databases.from_url("", data_dir=tmp_path)["OPTIONS"]

    assert options["transaction_mode"] == "IMMEDIATE"
    assert options["timeout"] == 20
    assert "journal_mode=WAL" in options["init_command"]
    assert "synchronous=FULL" in options["init_command"]
    assert "journal_size_limit=67108864" in options["init_command"]


@pytest.mark.parametrize(("must_exist", "is_made"), [(False, True), (True, False)])
def test_a_sqlite_file_that_must_exist_is_not_made(tmp_path, must_exist, is_made):
    settings = databases.from_url("", data_dir=tmp_path, must_exist=must_exist)
    connect = partial(
        sqlite3.connect, settings["NAME"], factory=settings["OPTIONS"].get("factory", sqlite3.Connection)
    )

    with nullcontext() if is_made else pytest.raises(sqlite3.OperationalError, match="file is gone"):
        connect().close()
    assert Path(settings["NAME"]).exists() is is_made

    Path(settings["NAME"]).touch()
    connect().close()


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////srv/portal.db", "/srv/portal.db"),
        ("sqlite:///portal.db", "portal.db"),
        ("sqlite:////srv/my%20portal.db", "/srv/my portal.db"),
    ],
)
def test_a_sqlite_url_names_a_file(tmp_path, url, path):
    assert databases.from_url(url, data_dir=tmp_path)["NAME"] == path


def test_a_postgresql_url_names_everything_that_a_connection_needs(tmp_path):
    url = "postgresql://us%40er:pass%2Fword@db.example:5433/por%20tal"

    database = databases.from_url(url, data_dir=tmp_path)

    expected = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "por tal",
        "USER": "us@er",
        "PASSWORD": "pass/word",
        "HOST": "db.example",
        "PORT": 5433,
        "CONN_MAX_AGE": 0,
    }
    assert database | expected == database


def test_postgresql_connections_are_pooled_and_statements_planned_once(tmp_path):
    options = databases.from_url("postgres://db.example/portal", data_dir=tmp_path)["OPTIONS"]

    assert options == {
        "pool": {"min_size": 1, "max_size": 8, "timeout": 5, "connection_class": WritableSession},
        "server_side_binding": True,
        "prepare_threshold": 2,
    }


def test_options_of_the_url_win(tmp_path):
    url = "postgresql://db.example/portal?sslmode=require&connect_timeout=3&server_side_binding=false"

    options = databases.from_url(url, data_dir=tmp_path)["OPTIONS"]

    assert options["sslmode"] == "require"
    assert options["connect_timeout"] == 3
    assert options["server_side_binding"] is False
    assert options["prepare_threshold"] == 2


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://jo:secret@host/name", "DATABASE_URL begins with 'mysql'"),
        ("jo:secret@host/name", "DATABASE_URL begins with 'jo'"),
        ("host/secret", "DATABASE_URL begins with ''"),
        ("postgresql://jo:secret@host:port/name", "DATABASE_URL has a port that is not a number"),
        ("postgresql://jo:sec#secret@host/name", "DATABASE_URL has a port that is not a number"),
        ("postgresql://jo:[secret@host/name", "password with a special character"),
        ("sqlite://", "DATABASE_URL names no file"),
        ("sqlite://:memory:", "DATABASE_URL names no file"),
    ],
)
def test_a_wrong_url_is_refused_without_repeating_it(tmp_path, url, sentence):
    with pytest.raises(ImproperlyConfigured, match=sentence) as caught:
        databases.from_url(url, data_dir=tmp_path)

    assert "secret" not in str(caught.value)
