"""Where the portal stores what it keeps: whether database and disk can be written, and SQLite's log."""

import os
import sqlite3
import time
from dataclasses import dataclass

from django.conf import settings
from django.db import OperationalError, connection
from django.db.backends.utils import CursorWrapper

from config.processes.probes import NotReady
from web import maintenance

MIB = 1024 * 1024
# Below the first the disk counts as full; below one of the others it is said to be low.
FULL_BYTES = 20 * MIB
LOW_BYTES = 200 * MIB
LOW_SHARE = 0.05

# SQLite keeps a log of this size by itself (config/databases.py).
SMALL_LOG_BYTES = 64 * MIB
SHRINK_WAIT_MS = 200

WRITE_LOCK_MS = 1000
# A fold of many events holds SQLite's one lock for seconds, and posts wait that long.
LONGEST_LOCK_SECONDS = 10.0
SQLITE_REASONS = {
    sqlite3.SQLITE_BUSY: "is locked by another process",
    sqlite3.SQLITE_READONLY: "is read only",
    sqlite3.SQLITE_FULL: "has no space left",
}


@dataclass
class BusySpell:
    """How long something has been found busy without a break; `now` is monotonic seconds."""

    began_at: float | None = None

    def seconds(self, *, now: float) -> float:
        self.began_at = now if self.began_at is None else self.began_at
        return now - self.began_at

    def end(self) -> None:
        self.began_at = None


sqlite_lock = BusySpell()


def check_database() -> str:
    """Whether it can be read and written; nothing is. Raises NotReady."""
    return check_sqlite() if connection.vendor == "sqlite" else check_postgresql()


def check_sqlite() -> str:
    """Takes the write lock, writes what is there already, and takes it back."""
    if maintenance.is_database_gone():
        raise NotReady("its file is gone")
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {WRITE_LOCK_MS}")
        try:
            cursor.execute("BEGIN IMMEDIATE")
        except OperationalError as error:
            return check_lock(error)
        sqlite_lock.end()
        write_and_take_back(cursor)
    return "sqlite"


def write_and_take_back(cursor: CursorWrapper) -> None:
    """A file that can only be read gives the lock, but takes no write. The write never reaches the disk."""
    try:
        cursor.execute("PRAGMA user_version")
        (version,) = cursor.fetchone()
        cursor.execute(f"PRAGMA user_version = {version}")
    except OperationalError as error:
        raise NotReady(reason_of(error)) from error
    finally:
        cursor.execute("ROLLBACK")


def check_lock(error: OperationalError) -> str:
    """A lock that is held for long, and any other reason not to write, is NotReady."""
    is_locked = code_of(error) == sqlite3.SQLITE_BUSY
    if is_locked and sqlite_lock.seconds(now=time.monotonic()) <= LONGEST_LOCK_SECONDS:
        return "sqlite, busy"
    raise NotReady(reason_of(error)) from error


def reason_of(error: OperationalError) -> str:
    return SQLITE_REASONS.get(code_of(error), "cannot be written")


def code_of(error: OperationalError) -> int:
    """SQLite's code; its lowest byte is the kind, the others say more."""
    return int(getattr(error.__cause__, "sqlite_errorcode", 0)) & 0xFF


def check_postgresql() -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('transaction_read_only') = 'on', "
            "has_table_privilege('telemetry_arrival', 'INSERT')"
        )
        is_read_only, may_insert = cursor.fetchone()
    if is_read_only:
        raise NotReady("is read only")
    if not may_insert:
        raise NotReady("does not let the portal write")
    return "postgresql"


def check_disk() -> str:
    """The space that is left where DATA_DIR is. Raises NotReady before there is none."""
    disk = os.statvfs(settings.DATA_DIR)
    free, size = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    if free < FULL_BYTES:
        raise NotReady(f"almost full, {free // MIB} MiB free")
    is_low = free < LOW_BYTES or free < LOW_SHARE * size
    return f"{'low, ' if is_low else ''}{free // MIB} MiB free"


def shrink_log() -> None:
    """Give back what SQLite's write-ahead log has grown to, as after a reader that took long. Safe to repeat.

    While somebody reads from it, it stays as it is: posts do not wait for readers.
    """
    if connection.vendor != "sqlite" or log_size() <= SMALL_LOG_BYTES:
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        (before,) = cursor.fetchone()
        cursor.execute(f"PRAGMA busy_timeout = {SHRINK_WAIT_MS}")
        try:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            cursor.fetchall()
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {before}")


def log_size() -> int:
    """Bytes of the write-ahead log; 0 when there is none."""
    try:
        return os.stat(f"{connection.settings_dict['NAME']}-wal").st_size
    except OSError:
        return 0
