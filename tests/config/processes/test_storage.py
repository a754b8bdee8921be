import os
import sqlite3
from types import SimpleNamespace

import pytest
from django.db import OperationalError, connection

from config.processes import storage
from config.processes.probes import NotReady
from config.processes.storage import MIB, BusySpell
from config.tasks import shrink_log

GIB = 1024 * MIB


@pytest.mark.django_db(transaction=True)
def test_a_database_that_can_be_written_is_ready():
    assert storage.check_database() == connection.vendor


@pytest.mark.django_db(transaction=True)
@pytest.mark.only_on("sqlite")
def test_the_check_of_sqlite_leaves_nothing_behind():
    before = storage.log_size()
    storage.check_database()
    assert (storage.log_size(), connection.in_atomic_block) == (before, False)


@pytest.mark.django_db(transaction=True)
@pytest.mark.only_on("sqlite")
def test_a_file_that_can_only_be_read_is_not_ready():
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA query_only = ON")
        try:
            with pytest.raises(NotReady, match="is read only"):
                storage.check_database()
        finally:
            cursor.execute("PRAGMA query_only = OFF")
    assert storage.check_database() == "sqlite"


@pytest.fixture
def read_only():
    """The server takes no writes, as one that only follows another."""
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
        yield
        cursor.execute("SET default_transaction_read_only = off")


@pytest.mark.django_db(transaction=True)
@pytest.mark.only_on("postgresql")
def test_a_server_that_takes_no_writes_is_not_ready(read_only):
    with pytest.raises(NotReady, match="is read only"):
        storage.check_database()


@pytest.mark.django_db(transaction=True)
@pytest.mark.only_on("postgresql")
def test_a_role_that_may_not_write_is_not_ready():
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE portal_reader; SET ROLE portal_reader")
        try:
            with pytest.raises(NotReady, match="does not let the portal write"):
                storage.check_database()
        finally:
            cursor.execute("RESET ROLE; DROP ROLE portal_reader")


@pytest.fixture
def other_connection():
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    yield other
    other.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.only_on("sqlite")
def test_a_lock_that_is_held_for_long_is_a_fault(other_connection, monkeypatch):
    monkeypatch.setattr(storage, "WRITE_LOCK_MS", 10)
    monkeypatch.setattr(storage, "sqlite_lock", BusySpell())
    other_connection.execute("BEGIN IMMEDIATE")
    assert storage.check_database() == "sqlite, busy"

    storage.sqlite_lock.began_at -= storage.LONGEST_LOCK_SECONDS
    with pytest.raises(NotReady, match="is locked by another process"):
        storage.check_database()

    other_connection.execute("ROLLBACK")
    assert (storage.check_database(), storage.sqlite_lock.began_at) == ("sqlite", None)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (sqlite3.SQLITE_READONLY, "is read only"),
        (sqlite3.SQLITE_READONLY | (1 << 8), "is read only"),
        (sqlite3.SQLITE_FULL, "has no space left"),
        (sqlite3.SQLITE_IOERR, "cannot be written"),
    ],
)
def test_the_reason_is_told(code, text):
    error = OperationalError()
    error.__cause__ = sqlite3.OperationalError()
    error.__cause__.sqlite_errorcode = code
    with pytest.raises(NotReady, match=text):
        storage.check_lock(error)


@pytest.mark.django_db(transaction=True)
@pytest.mark.only_on("sqlite")
def test_a_file_that_is_gone_is_not_made_anew(settings, tmp_path, monkeypatch):
    monkeypatch.setitem(settings.DATABASES["default"], "NAME", str(tmp_path / "gone"))
    with pytest.raises(NotReady, match="its file is gone"):
        storage.check_database()
    assert list(tmp_path.iterdir()) == []


def disk(*, free, size):
    return SimpleNamespace(f_bavail=free // 4096, f_blocks=size // 4096, f_frsize=4096)


@pytest.mark.parametrize(
    ("free", "size", "text"),
    [
        (20 * MIB, GIB, "low, 20 MiB free"),
        (200 * MIB - 4096, GIB, "low, 199 MiB free"),
        (200 * MIB, GIB, "200 MiB free"),
        (499 * MIB, 10_000 * MIB, "low, 499 MiB free"),
        (500 * MIB, 10_000 * MIB, "500 MiB free"),
    ],
)
def test_a_disk_that_gets_full_is_said_to_be_low(monkeypatch, free, size, text):
    monkeypatch.setattr(os, "statvfs", lambda path: disk(free=free, size=size))
    assert storage.check_disk() == text


def test_a_disk_that_is_almost_full_is_not_ready(monkeypatch):
    monkeypatch.setattr(os, "statvfs", lambda path: disk(free=20 * MIB - 4096, size=GIB))
    with pytest.raises(NotReady, match="almost full, 19 MiB free"):
        storage.check_disk()


@pytest.fixture
def large_log(other_connection):
    """A log of more than 64 MiB, which a reader kept from beginning anew."""
    other_connection.execute("CREATE TABLE large (content BLOB)")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_autocheckpoint = 0")
        for _ in range(70):
            cursor.execute("INSERT INTO large VALUES (zeroblob(1000000))")
        yield
        cursor.execute("DROP TABLE large")
        cursor.execute("PRAGMA wal_autocheckpoint = 1000")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@pytest.mark.django_db(transaction=True)
@pytest.mark.only_on("sqlite")
def test_a_log_that_has_grown_is_cut(large_log):
    assert storage.log_size() > storage.SMALL_LOG_BYTES
    shrink_log()
    assert storage.log_size() == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.only_on("sqlite")
def test_a_log_that_somebody_reads_stays(large_log, other_connection):
    other_connection.execute("BEGIN")
    other_connection.execute("SELECT count(*) FROM large").fetchone()
    shrink_log()
    assert storage.log_size() > storage.SMALL_LOG_BYTES
    other_connection.execute("ROLLBACK")


@pytest.mark.django_db(transaction=True)
def test_a_small_log_is_left_alone(django_assert_num_queries):
    with django_assert_num_queries(0):
        shrink_log()
