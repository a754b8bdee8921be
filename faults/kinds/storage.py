"""A disk that is full, a database that somebody holds, and a clock that is set."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from faults.clock import DAY_SECONDS
from faults.programs import wait_until
from faults.stage import Stage

HELD_SECONDS = 8
FULL_SECONDS = 5
# So long until SQLite meets the end of the disk.
FILLING_SECONDS = 20
LEFT_FREE_BYTES = 256 * 1024
PAGES = ("/healthz", "/login/", "/metrics")


def fill_disk(stage: Stage) -> None:
    """Pages are answered and posts are refused while there is no space."""
    filler = stage.portal.data_dir / "filler"
    free = os.statvfs(stage.portal.data_dir)
    try:
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - LEFT_FREE_BYTES)
        is_noticed = wait_until(lambda: not stage.portal.is_ready(), seconds=FILLING_SECONDS)
        stage.expect(is_noticed, "/readyz says nothing of a full disk")
        stage.hold(FULL_SECONDS)
        for path in PAGES:
            status, _ = stage.portal.get(path)
            stage.expect(status == 200, f"{path} answers {status} on a full disk")
    finally:
        filler.unlink(missing_ok=True)


def set_clock(stage: Stage) -> None:
    """A day ahead, and back."""
    if stage.clock is None:
        raise ValueError("this portal has the machine's clock")
    stage.clock.set(DAY_SECONDS)
    stage.hold(HELD_SECONDS)
    stage.clock.set(0)


# Locks ----------------------------------------------------------------------------------------------------


def hold_write_lock(stage: Stage) -> None:
    """Somebody else writes, and does not end."""
    with session(stage) as run:
        if stage.portal.database_url:
            run("BEGIN")
            run("LOCK TABLE telemetry_rawevent, telemetry_arrival IN ACCESS EXCLUSIVE MODE")
        else:
            begin_writing(run)
        stage.hold(HELD_SECONDS)
        run("ROLLBACK")


def begin_writing(run: Any) -> None:
    """As soon as the posts leave a gap."""
    deadline = time.monotonic() + HELD_SECONDS
    while True:
        with contextlib.suppress(sqlite3.OperationalError):
            run("BEGIN IMMEDIATE")
            return
        if time.monotonic() > deadline:
            raise TimeoutError("the posts hold the database all the time")


def read_for_long(stage: Stage) -> None:
    """A reader keeps all old rows alive."""
    with session(stage) as run:
        run("BEGIN ISOLATION LEVEL REPEATABLE READ" if stage.portal.database_url else "BEGIN")
        run("SELECT count(*) FROM telemetry_rawevent")
        stage.hold(HELD_SECONDS)
        run("ROLLBACK")


@contextmanager
def session(stage: Stage) -> Iterator[Any]:
    """Runs statements in one connection of its own, which commits nothing by itself."""
    if stage.portal.database_url:
        with psycopg.connect(stage.portal.database_url, autocommit=True, connect_timeout=20) as connection:
            yield connection.execute
    else:
        path = stage.portal.data_dir / "portal.sqlite3"
        with contextlib.closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as connection:
            yield lambda statement: connection.execute(statement).fetchall()
