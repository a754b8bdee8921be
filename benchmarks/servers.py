"""What the benchmarks start and stop: databases, web servers, and processes that have the portal's Django."""

import contextlib
import multiprocessing
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg

from config.processes.supervisor import die_with_parent

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
STOP_SECONDS = 20
# The only variables that a process inherits. No setting of the portal is among them.
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH")


class NotStarted(Exception):
    """A server did not answer in time, or ended."""


def environment(*, data_dir: str, database_url: str = "", port: int = 0, **more: str) -> dict[str, str]:
    """The variables of a process of the portal: its settings' defaults but for these."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return kept | {
        # Both are named even where they are empty: a .env file must not fill them in.
        "DATABASE_URL": database_url,
        "REDIS_URL": "",
        "DATA_DIR": data_dir,
        "PORT": str(port or free_port()),
        "WEB_WORKERS": "2",
        "DEMO": "0",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        **more,
    }


def free_port() -> int:
    """A port that nothing listens on; the system gives ports of this range to no outgoing connection."""
    for port in random.sample(range(20_000, 30_000), k=100):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise OSError("no port is free")


class Inside:
    """A process with the portal's Django, in which functions of benchmarks.inside run, one at a time."""

    def __init__(self, variables: dict[str, str]) -> None:
        self.executor = ProcessPoolExecutor(
            max_workers=1,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=set_up_django,
            initargs=(variables,),
        )
        self.latest: Future[Any] = self.executor.submit(os.getpid)
        self.pid: int = self.latest.result()

    def call(self, function: str, *arguments: Any, **named: Any) -> Any:
        """The answer of the function of that name; what it raises is raised here."""
        self.latest = self.executor.submit(call_inside, function, arguments, named)
        return self.latest.result()

    def stop(self) -> None:
        if not self.latest.done():
            # The benchmarks were told to stop. What it does may take minutes more.
            os.kill(self.pid, signal.SIGKILL)
        # A Ctrl-C in the terminal has reached it as well.
        with contextlib.suppress(BrokenProcessPool):
            self.call("hang_up")
        self.executor.shutdown()


@contextmanager
def inside(variables: dict[str, str]) -> Iterator[Inside]:
    process = Inside(variables)
    try:
        yield process
    finally:
        process.stop()


def set_up_django(variables: dict[str, str]) -> None:
    threading.Thread(target=end_with_parent, daemon=True).start()
    os.environ.clear()
    os.environ.update(variables)
    import django

    django.setup()


def end_with_parent() -> None:
    """Nobody else ends this process when the benchmarks are killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def call_inside(function: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
    return getattr(import_module("benchmarks.inside"), function)(*arguments, **named)


# Databases ------------------------------------------------------------------------------------------------


class Databases:
    """PostgreSQL databases that live as long as the benchmarks; each begins as a copy of a migrated one."""

    def __init__(self, server_url: str) -> None:
        self.server_url = server_url
        self.prefix = f"bench_{uuid.uuid4().hex[:10]}"
        self.names: list[str] = []

    def make(self) -> str:
        """The URL of a new database that has the portal's tables."""
        if not self.names:
            self.make_template()
        return self.create(template=self.names[0])

    def make_template(self) -> None:
        url = self.create(template="template1")
        with tempfile.TemporaryDirectory() as folder:
            variables = environment(data_dir=folder, database_url=url)
            with inside(variables | {"DJANGO_SETTINGS_MODULE": "benchmarks.settings"}) as process:
                process.call("prepare_database")

    def create(self, *, template: str) -> str:
        name = f"{self.prefix}_{len(self.names)}"
        self.names.append(name)
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        server, _, _ = self.server_url.rpartition("/")
        return f"{server}/{name}"

    def drop_all(self) -> None:
        while self.names:
            self.execute(f"DROP DATABASE IF EXISTS {self.names.pop()} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            connection.execute(statement)


# Servers --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Site:
    """A portal on PostgreSQL: its web server listens, and nothing folds what comes in until it is told to."""

    database_url: str
    port: int
    key: str
    inside: Inside


@contextmanager
def site(databases: Databases, *, settings: str = "config.settings", **more: str) -> Iterator[Site]:
    """A site with a database of its own; its web server has two workers and the portal's command line.

    `more` are settings that differ from their defaults.
    """
    database_url = databases.make()
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        variables = environment(
            data_dir=folder, database_url=database_url, port=port, DJANGO_SETTINGS_MODULE=settings, **more
        )
        with inside(variables) as process:
            process.call("prepare_static_files")
            key = process.call("make_key")
            command = process.call("web_command")
            metrics = Path(folder, "metrics")
            metrics.mkdir()
            with running(command, variables | {"PROMETHEUS_MULTIPROC_DIR": str(metrics)}, port=port):
                yield Site(database_url=database_url, port=port, key=key, inside=process)


@contextmanager
def running(command: list[str], variables: dict[str, str], *, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server that listens; all of its processes are gone afterwards, and when the benchmarks are killed."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=variables,
        stdout=subprocess.DEVNULL,
        process_group=0,
        preexec_fn=die_with_parent,
    )
    try:
        wait_for(process, port=port)
        yield process
    finally:
        stop(process)


def wait_for(process: subprocess.Popen[bytes], *, port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.1)
    raise NotStarted(f"{process.args!r} does not listen on port {port}")


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def manage(*words: str, variables: dict[str, str]) -> str:
    """What `manage.py` prints."""
    command = [sys.executable, "manage.py", *words]
    return subprocess.run(
        command, cwd=ROOT, env=variables, capture_output=True, text=True, check=True
    ).stdout.strip()
