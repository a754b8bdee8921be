import time

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from config.server import patience
from tests.services import POSTGRES_URL


@pytest.fixture
def hurried(monkeypatch):
    """This thread has no patience."""
    patience.set_seconds(0.2)
    yield
    del patience.waits.seconds


@pytest.fixture
def connection():
    server, _, _ = POSTGRES_URL.rpartition("/")
    with patience.HurriedConnection.connect(f"{server}/postgres", autocommit=True) as connection:
        yield connection


@pytest.mark.postgres
def test_a_server_that_is_silent_is_given_up(connection, hurried):
    with pytest.raises(psycopg.OperationalError, match=r"no answer within 0\.2 s"):
        connection.execute("SELECT pg_sleep(5)")
    assert connection.closed


@pytest.mark.postgres
def test_all_waits_of_a_request_end_at_one_moment(connection, monkeypatch):
    monkeypatch.setattr(patience, "LEAST_SECONDS", 0.05)
    began_at = time.monotonic()
    monkeypatch.setattr(patience.waits, "until", began_at + 0.3, raising=False)
    connection.execute("SELECT pg_sleep(0.2)")

    with pytest.raises(psycopg.OperationalError, match=r"no answer within 0\.1 s"):
        connection.execute("SELECT pg_sleep(5)")


@pytest.mark.parametrize(("seconds", "expected"), [(100.0, 100.0), (0.2, 0.5), (-5.0, 0.5)])
def test_a_database_that_is_well_has_time_to_answer(seconds, expected, monkeypatch):
    monkeypatch.setattr(patience.time, "monotonic", lambda: 1000.0)
    monkeypatch.setattr(patience.waits, "until", 1000.0 + seconds, raising=False)

    assert patience.seconds_left() == expected


@pytest.mark.postgres
def test_a_server_that_answers_is_not(connection, hurried):
    assert connection.execute("SELECT 1").fetchone() == (1,)
    assert connection.info.transaction_status is TransactionStatus.IDLE


@pytest.mark.postgres
def test_a_thread_without_a_limit_waits(connection):
    assert connection.execute("SELECT 1 FROM pg_sleep(0.3)").fetchone() == (1,)


def test_sqlite_waits_shorter_for_its_lock():
    database = {"ENGINE": "django.db.backends.sqlite3", "OPTIONS": {"timeout": 20, "init_command": "x"}}
    patience.bound_waits(database)
    assert database["OPTIONS"] == {"timeout": 3, "init_command": "x"}


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, "-c lock_timeout=3s -c statement_timeout=6s"),
        (
            {"options": "-c statement_timeout=1s"},
            "-c lock_timeout=3s -c statement_timeout=6s -c statement_timeout=1s",
        ),
    ],
)
def test_postgresql_gives_up_by_itself_and_the_urls_own_options_win(own, expected):
    database = {"ENGINE": "django.db.backends.postgresql", "OPTIONS": {"pool": {"max_size": 8}, **own}}
    for _ in range(2):
        patience.bound_waits(database)
        assert database["OPTIONS"] == {
            "connect_timeout": 3,
            "options": expected,
            "pool": {"max_size": 8, "timeout": 1.5, "connection_class": patience.HurriedConnection},
        }


def test_a_connect_timeout_of_the_url_stays():
    assert patience.hurried({"connect_timeout": "9"})["connect_timeout"] == "9"
