import pytest
from django.core.exceptions import ImproperlyConfigured

from config import databases


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


def test_sqlite_url_names_a_file(tmp_path):
    assert databases.from_url("sqlite:////srv/portal.db", data_dir=tmp_path)["NAME"] == "/srv/portal.db"


def test_postgresql_url_is_taken_apart(tmp_path):
    url = "postgresql://us%40er:pass%2Fword@db.example:5433/por%20tal?sslmode=require"
    database = databases.from_url(url, data_dir=tmp_path)
    assert database == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "por tal",
        "USER": "us@er",
        "PASSWORD": "pass/word",
        "HOST": "db.example",
        "PORT": "5433",
        "OPTIONS": database["OPTIONS"],
    }
    assert database["OPTIONS"]["sslmode"] == "require"
    assert database["OPTIONS"]["server_side_binding"] is True


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://host/name", "DATABASE_URL begins with 'mysql'"),
        ("postgresql://host:port/name", "DATABASE_URL has a port that is not a number"),
    ],
)
def test_a_wrong_url_is_refused_without_repeating_it(tmp_path, url, sentence):
    with pytest.raises(ImproperlyConfigured, match=sentence) as caught:
        databases.from_url(url, data_dir=tmp_path)
    assert url not in str(caught.value)
