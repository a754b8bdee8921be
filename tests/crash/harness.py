"""Kills a process at every statement that it sends to the database, and lets another one take over.

`python -m tests.crash.harness SCENARIO [STRIDE]` makes a database of its own, next to the configured one, and prints
what it found as JSON: {"points": 57, "failures": ["at point 3: …"]}. Each crash point is a fork: it starts from the
prepared tables, works until the statement of that number and kills itself (SIGKILL) before it is sent. On SQLite the
tables are prepared once and their file is copied; on PostgreSQL every fork prepares them.
What a process leaves behind when it is killed after a statement is what it leaves behind when it is killed
before the next one. So every state between two statements is met, those around COMMIT too; the point behind
the last statement is the one at which all is committed and nothing was answered.
A database has a new state only after a commit. With a stride each point after a commit is tried, and every so many-th
of the others.
"""

import json
import os
import pickle
import shutil
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.db import connection

MAXIMUM_POINTS = 3000
# Outside a transaction every other statement is, or may be, a commit.
CHANGE_NOTHING = ("BEGIN", "SELECT", "PRAGMA")


class Crash:
    """Counts the statements of this process and kills it before the one numbered `point`; 0 is the first.

    `unchanged` are the points at which the database has the state that it had at the point before.
    """

    def __init__(self) -> None:
        self.point: int | None = None
        self.start_counting()

    def start_counting(self) -> None:
        self.seen = 0
        self.has_changed = True
        self.unchanged: set[int] = set()

    def arm(self, point: int) -> None:
        self.point = point
        self.start_counting()

    def pass_by(self, statement: str = "") -> None:
        # The pool of PostgreSQL connections has threads of its own; their statements change nothing.
        if self.point is None or threading.current_thread() is not threading.main_thread():
            return
        if self.seen == self.point:
            os.kill(os.getpid(), signal.SIGKILL)
        if not self.has_changed:
            self.unchanged.add(self.seen)
        self.has_changed = not connection.in_atomic_block and not statement.startswith(CHANGE_NOTHING)
        self.seen += 1


crash = Crash()


def watch_statements() -> None:
    """Let every statement pass by the crash point first, at the driver: nothing goes round it."""
    if connection.vendor == "postgresql":
        watch_psycopg()
    else:
        settings.DATABASES["default"]["OPTIONS"]["factory"] = WatchedConnection
        connection.settings_dict["OPTIONS"]["factory"] = WatchedConnection


class WatchedConnection(sqlite3.Connection):
    """SQLite tells of every statement that it begins: BEGIN, COMMIT and each row of executemany included."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.set_trace_callback(crash.pass_by)


def watch_psycopg() -> None:
    import psycopg

    for owner, names in (
        (psycopg.Cursor, ("execute", "executemany", "copy")),
        (psycopg.Connection, ("commit",)),
    ):
        for name in names:
            setattr(owner, name, watched(getattr(owner, name)))


def watched(method: Callable[..., Any]) -> Callable[..., Any]:
    def passing_by(self: Any, *arguments: Any, **options: Any) -> Any:
        crash.pass_by(str(arguments[0]) if arguments else "")
        return method(self, *arguments, **options)

    return passing_by


# Processes ------------------------------------------------------------------------------------------------


def in_child(work: Callable[[Callable[[Any], None]], Any]) -> tuple[list[Any], int]:
    """Fork and let the child work; answers what it sent, its result last, and its signal (0: it finished)."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        run_child(work, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        sent = list(messages(pipe))
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError(f"a child failed: {sent[-1] if sent else status}")
    return sent, os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def run_child(work: Callable[[Callable[[Any], None]], Any], writer: int) -> None:
    def send(message: Any) -> None:
        os.write(writer, pickle.dumps(message))

    try:
        send(work(send))
    except BaseException as error:
        send(repr(error))
        os._exit(1)
    os._exit(0)


def messages(pipe: Any) -> Iterator[Any]:
    while True:
        try:
            yield pickle.load(pipe)
        except EOFError:
            return


def wait_until_gone(backend: int) -> None:
    """PostgreSQL notices that a client died when it next listens to it; until then its locks are held."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [backend])
            if cursor.fetchone() is None:
                return
        time.sleep(0.005)
    raise RuntimeError("the killed process's connection did not end")


def backend_pid() -> int:
    """The server process of this connection; 0 on SQLite."""
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


# The database ---------------------------------------------------------------------------------------------


@contextmanager
def own_database() -> Iterator[None]:
    """A migrated database that only this process and its children use."""
    with tempfile.TemporaryDirectory(dir=settings.DATA_DIR) as folder:
        is_server = connection.vendor == "postgresql"
        name = f"crash_{os.getpid()}" if is_server else f"{folder}/crash.sqlite3"
        connection.settings_dict["TEST"]["NAME"] = name
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        if is_server:
            # The clients die here, not the server: what it answered needs no wait for the disk.
            with connection.cursor() as cursor:
                cursor.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        hang_up()
        try:
            yield
        finally:
            connection.creation.destroy_test_db(name, verbosity=0)


def hang_up() -> None:
    """A child must not share a connection with its parent."""
    connection.close()
    if connection.vendor == "postgresql":
        connection.close_pool()


def preparation(scenario: "Scenario") -> Callable[[], None]:
    """What makes the prepared tables; copying a file takes a tenth of the time that preparing them takes."""
    if connection.vendor == "postgresql":
        return scenario.prepare

    def prepare(_: object) -> None:
        scenario.prepare()
        # The last connection to close writes everything into the one file.
        connection.close()

    in_child(prepare)
    database = connection.settings_dict["NAME"]
    prepared = shutil.copyfile(database, f"{database}.prepared")

    def restore() -> None:
        for suffix in ("-wal", "-shm"):
            Path(f"{database}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(prepared, database)

    return restore


# Scenarios ------------------------------------------------------------------------------------------------


class Scenario:
    """One step of the portal, from the same tables every time."""

    def load(self) -> None:
        """Compute what needs no database, before the first fork: no fork does it again."""

    def set_up(self) -> None:
        """Once, before everything else."""
        raise NotImplementedError

    def prepare(self) -> None:
        raise NotImplementedError

    def step(self) -> Any:
        raise NotImplementedError

    def take_over(self, *, answer: Any) -> Any:
        """What another process does after the crash; returns the tables, which must always be the same."""
        raise NotImplementedError


def explore(scenario: Scenario, *, stride: int = 1) -> dict[str, Any]:
    """Crash at each point until the step gets through, and compare what is in the tables in the end.

    With a stride only the points after a commit and every so many-th other one: all of a long step take minutes.
    """
    scenario.load()
    in_child(lambda _: scenario.set_up())
    prepare = preparation(scenario)
    expected, unchanged = undisturbed(scenario, prepare=prepare)
    failures = []
    tried = 0
    for point in range(MAXIMUM_POINTS):
        if point % stride and point in unchanged:
            continue
        was_killed, problem = crash_at(point, scenario=scenario, prepare=prepare, expected=expected)
        if problem:
            failures.append(f"at point {point}: {problem}")
        if not was_killed:
            return {"points": tried, "failures": failures}
        tried += 1
    raise RuntimeError("the step never got through")


def undisturbed(scenario: Scenario, *, prepare: Callable[[], None]) -> tuple[Any, set[int]]:
    """The tables, and the points of the step at which the database has not changed."""

    def work(_: Callable[[Any], None]) -> Any:
        prepare()
        crash.arm(MAXIMUM_POINTS)
        answer = scenario.step()
        unchanged = crash.unchanged
        crash.point = None
        return scenario.take_over(answer=answer), unchanged

    expected, unchanged = in_child(work)[0][-1]
    return expected, unchanged


def crash_at(
    point: int, *, scenario: Scenario, prepare: Callable[[], None], expected: Any
) -> tuple[bool, str]:
    """Whether the step was killed at the point, and what is wrong after it (empty: nothing)."""

    def victim(send: Callable[[Any], None]) -> Any:
        prepare()
        send(backend_pid())
        crash.arm(point)
        answer = scenario.step()
        # Here the step is over and its answer about to leave: one more point.
        crash.pass_by()
        return answer

    def successor(_: Callable[[Any], None]) -> Any:
        if sent[0]:
            wait_until_gone(sent[0])
        return scenario.take_over(answer=sent[1] if len(sent) > 1 else None)

    sent, killed_by = in_child(victim)
    if killed_by not in {0, signal.SIGKILL}:
        return False, f"died of signal {killed_by}"
    try:
        found = in_child(successor)[0][-1]
    except RuntimeError as error:
        return bool(killed_by), str(error)
    return bool(killed_by), difference(found, expected)


def difference(found: dict[str, Any], expected: dict[str, Any]) -> str:
    """The tables that differ, with a row or two of each."""
    return "; ".join(
        f"{name} has {list((found[name] - expected[name]).items())[:2]} "
        f"and lacks {list((expected[name] - found[name]).items())[:2]}"
        for name in expected
        if found[name] != expected[name]
    )


def main(name: str, stride: int = 1) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    watch_statements()
    from tests.crash import scenarios

    with own_database():
        report = explore(scenarios.named(name), stride=stride)
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
