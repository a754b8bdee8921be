"""Servers and processes that are killed, frozen, emptied or doubled."""

import contextlib
import os
import signal
from functools import partial

import redis

from benchmarks.memory import parent_by_pid
from faults.programs import CELERY, Program, family, started, wait_until
from faults.stage import Stage, Strike

OUTAGE_SECONDS = 5
BACK_SECONDS = 30
KILLS = 2
BETWEEN_WORKERS_SECONDS = 8
# Less than an empty Redis needs.
TOO_LITTLE_MEMORY = 1_000


# PostgreSQL and Redis -------------------------------------------------------------------------------------


def kill_postgres(stage: Stage) -> None:
    kill_and_start(stage, server(stage.postgres))


def freeze_postgres(stage: Stage) -> None:
    freeze(stage, server(stage.postgres))


def kill_redis(stage: Stage) -> None:
    kill_and_start(stage, server(stage.redis))


def freeze_redis(stage: Stage) -> None:
    freeze(stage, server(stage.redis))


def flush_redis(stage: Stage) -> None:
    with client(stage) as connection:
        for _ in range(OUTAGE_SECONDS):
            connection.flushall()
            stage.hold(1)


def fill_redis(stage: Stage) -> None:
    """Every write is refused."""
    with client(stage) as connection:
        connection.config_set("maxmemory", TOO_LITTLE_MEMORY)
        stage.hold(OUTAGE_SECONDS)
        connection.config_set("maxmemory", 0)


def misuse_redis(stage: Stage) -> None:
    """Everything that the portal keeps there becomes something of another type."""
    with client(stage) as connection:
        for _ in range(OUTAGE_SECONDS):
            for name in connection.scan_iter():
                replace_by_other_type(connection, name)
            stage.hold(1)
        connection.flushdb()


def replace_by_other_type(connection: redis.Redis, name: bytes) -> None:
    is_text = connection.type(name) == b"string"
    connection.delete(name)
    if is_text:
        connection.rpush(name, "not a text")
    else:
        connection.set(name, "nothing but a text")


def server(program: Program | None) -> Program:
    """Raises ValueError for a fault that stands in the wrong place."""
    if program is None:
        raise ValueError("this portal has no such server")
    return program


def kill_and_start(stage: Stage, program: Program) -> None:
    program.kill()
    stage.hold(OUTAGE_SECONDS)
    program.start()


def freeze(stage: Stage, program: Program) -> None:
    program.freeze()
    try:
        stage.hold(OUTAGE_SECONDS)
    finally:
        program.thaw()


def client(stage: Stage) -> contextlib.closing[redis.Redis]:
    return contextlib.closing(redis.Redis(port=server(stage.redis).port, socket_timeout=5))


# The portal's own processes -------------------------------------------------------------------------------


def killing(name: str) -> Strike:
    """A fault that kills the child of that name with all that it started, and waits until it is there again."""

    def kill(stage: Stage) -> None:
        for _ in range(1 if stage.is_short else KILLS):
            before = stage.portal.child(name)
            kill_child(stage, name)
            is_back = wait_until(partial(is_another, stage, name, before), seconds=BACK_SECONDS)
            stage.expect(is_back, f"{name} was not started again")
            stage.hold(1)

    return kill


def kill_child(stage: Stage, name: str) -> None:
    """With all that it started."""
    for pid in family(stage.portal.child(name)):
        end(pid)


def is_another(stage: Stage, name: str, before: int) -> bool:
    return stage.portal.child(name) not in {0, before}


def kill_web_worker(stage: Stage) -> None:
    """One process of the web server; the others answer meanwhile."""
    for kill in range(1 if stage.is_short else KILLS):
        if kill:
            # Granian gives up when its workers keep dying.
            stage.hold(BETWEEN_WORKERS_SECONDS)
        end_web_worker(stage)


def end_web_worker(stage: Stage) -> None:
    web = stage.portal.child("web")
    end(max(pid for pid, parent in parent_by_pid().items() if parent == web))


def kill_supervisor(stage: Stage) -> None:
    """What a service manager does then: wait until all is gone, and start it again."""
    below = family(stage.portal.pid)
    end(stage.portal.pid)
    if stage.portal.process:
        stage.portal.process.wait()
    start_again(stage, below=below)


def start_again(stage: Stage, *, below: list[int]) -> None:
    """Start the portal, once all of these processes of its are gone."""
    stage.expect(
        wait_until(lambda: not parent_by_pid().keys() & set(below), seconds=BACK_SECONDS),
        "children outlived the supervisor",
    )
    stage.portal.start()


def run_two_schedulers(stage: Stage) -> None:
    folder = stage.portal.folder / "second"
    folder.mkdir(exist_ok=True)
    second = Program(command=[*CELERY, "beat", "--pidfile="], folder=folder, variables=stage.portal.variables)
    with started(second):
        stage.hold(2 * OUTAGE_SECONDS)
        stage.expect(second.process is not None and second.process.poll() is None, "the second one ended")


def end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
