"""A PostgreSQL that goes on, and does not do what it is asked: it ends sessions, cancels, is full, or only reads."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from faults.stage import Stage

TIMES = 5
FULL_SECONDS = 5
HELD_SECONDS = 5
MOST_SESSIONS = 200

OTHER_SESSIONS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def end_sessions(stage: Stage) -> None:
    """Each session of the portal is ended by the server, once a second."""
    with administrator(stage) as run:
        for _ in range(TIMES):
            run(f"SELECT pg_terminate_backend(pid) {OTHER_SESSIONS}")
            stage.hold(1)


def cancel_statements(stage: Stage) -> None:
    """Whatever runs is cancelled, many times a second."""
    with administrator(stage) as run:
        for _ in range(TIMES * 20):
            run(f"SELECT pg_cancel_backend(pid) {OTHER_SESSIONS} AND state <> 'idle'")
            stage.hold(0.05)


def use_up_connections(stage: Stage) -> None:
    """The portal's sessions are ended, and others take all that the server has."""
    with contextlib.ExitStack() as others, administrator(stage) as run:
        for _ in range(3):
            run(f"SELECT pg_terminate_backend(pid) {OTHER_SESSIONS} AND application_name <> 'other'")
            take_connections(stage, others)
            stage.hold(FULL_SECONDS / 3)


def take_connections(stage: Stage, others: contextlib.ExitStack) -> None:
    for _ in range(MOST_SESSIONS):
        try:
            session = psycopg.connect(stage.portal.database_url, application_name="other", connect_timeout=5)
        except psycopg.OperationalError:
            return
        others.enter_context(contextlib.closing(session))


def refuse_writing(stage: Stage) -> None:
    """As after a fail-over to a server that only reads: new sessions can't write, and the old ones are ended."""
    name = conninfo_to_dict(stage.portal.database_url)["dbname"]
    with administrator(stage) as run:
        run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        try:
            run(f"SELECT pg_terminate_backend(pid) {OTHER_SESSIONS}")
            stage.hold(HELD_SECONDS)
            status, _ = stage.portal.get("/readyz")
            stage.expect(status == 503, f"/readyz answers {status} while nothing can be written")
        finally:
            run("SET default_transaction_read_only = off")
            run(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    # The portal's sessions stay as they are: it has to ask for others by itself.


def lock_rows(stage: Stage) -> None:
    """A session that does nothing more holds the environments and the keys, then the tables of the newest events."""
    with administrator(stage) as run:
        for statement in (
            "SELECT * FROM telemetry_environment FOR UPDATE",
            "SELECT * FROM telemetry_apikey FOR UPDATE",
            "LOCK TABLE workbench_touchedbucket, telemetry_ledgerhour IN ACCESS EXCLUSIVE MODE",
        ):
            run("BEGIN")
            run(statement)
            stage.hold(HELD_SECONDS / 3)
            run("ROLLBACK")


@contextmanager
def administrator(stage: Stage) -> Iterator[Any]:
    """Runs statements in a session of its own, which the portal knows nothing of."""
    with psycopg.connect(stage.portal.database_url, autocommit=True, connect_timeout=20) as connection:
        yield connection.execute
