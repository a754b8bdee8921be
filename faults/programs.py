"""The programs of the campaign: PostgreSQL, Redis and portals, each with a directory and a port of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.memory import ancestry, parent_by_pid
from benchmarks.servers import ROOT, STOP_SECONDS, NotStarted, environment, free_port, wait_for

CELERY = (sys.executable, "-m", "celery", "--quiet", "--app", "config")
POSTGRES_PROGRAMS = Path("/usr/lib/postgresql")


@dataclass(kw_only=True)
class Program:
    """A server that is started, killed, frozen and started again. `port` is 0 for one that does not listen."""

    command: list[str]
    folder: Path
    port: int = 0
    variables: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def pid(self) -> int:
        return self.process.pid if self.process else 0

    def start(self) -> None:
        """Returns when it listens. Raises NotStarted, with the end of its log."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT if self.user is None else self.folder,
                env=self.variables,
                stdout=log,
                stderr=log,
                process_group=0,
                user=self.user,
                group=self.user,
                extra_groups=[] if self.user else None,
            )
        if self.port:
            try:
                wait_for(self.process, port=self.port)
            except NotStarted as failure:
                raise NotStarted(f"{failure}. {self.last_words()}") from failure

    def start_if_ended(self) -> None:
        if self.process is not None and self.process.poll() is not None:
            self.start()

    def last_words(self) -> str:
        """The end of its log, which goes with its folder."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return f"Its log ends with: {lines[-1][:500]}" if lines else "Its log is empty."

    def signal_all(self, number: signal.Signals) -> None:
        """To it and to everything that it started."""
        for pid in family(self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self) -> None:
        self.signal_all(signal.SIGKILL)
        if self.process:
            self.process.wait(timeout=STOP_SECONDS)

    def freeze(self) -> None:
        self.signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self.signal_all(signal.SIGCONT)

    def stop(self) -> None:
        """End it and everything that it started. Safe to repeat."""
        if self.process is None or self.process.poll() is not None:
            return
        self.thaw()
        below = family(self.pid)
        self.process.send_signal(self.stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=STOP_SECONDS)
        for pid in below:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def started(program: Program) -> Iterator[Program]:
    try:
        program.start()
        yield program
    finally:
        program.stop()


def family(pid: int) -> list[int]:
    """The process and all below it; empty for 0."""
    parents = parent_by_pid()
    return [member for member in parents if pid and pid in ancestry(member, parents=parents)]


# PostgreSQL and Redis -------------------------------------------------------------------------------------


def postgres_programs() -> Path | None:
    """Where the newest PostgreSQL has its programs."""
    folders = sorted(POSTGRES_PROGRAMS.glob("*/bin"), key=lambda path: float(path.parent.name))
    return folders[-1] if folders else None


def postgres(folder: Path) -> Program:
    """A PostgreSQL server with the defaults of its makers, not started. Raises FileNotFoundError without one."""
    programs = postgres_programs()
    if programs is None:
        raise FileNotFoundError(f"no PostgreSQL below {POSTGRES_PROGRAMS}")
    # It refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    data, port = folder / "data", free_port()
    if user:
        subprocess.run(["chown", user, str(folder)], check=True)
    initdb = [str(programs / "initdb"), "--auth=trust", "--username=postgres", "--encoding=UTF8"]
    subprocess.run(
        [*initdb, f"--pgdata={data}"],
        cwd=folder,
        user=user,
        group=user,
        extra_groups=[] if user else None,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
    words = [f"--{name}={value}" for name, value in options.items()]
    return Program(
        command=[str(programs / "postgres"), "-D", str(data), "-p", str(port), *words],
        folder=folder,
        port=port,
        user=user,
        # The immediate way to stop: it leaves no shared memory behind.
        stop_signal=signal.SIGQUIT,
    )


def make_database(server: Program, *, name: str) -> str:
    """The URL of a new, empty database."""
    address = f"postgresql://postgres@127.0.0.1:{server.port}"
    with psycopg.connect(f"{address}/postgres", autocommit=True, connect_timeout=20) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return f"{address}/{name}"


def redis(folder: Path) -> Program:
    """A Redis that keeps nothing on disk, not started."""
    port = free_port()
    options = {"port": port, "bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": folder}
    options["maxmemory-policy"] = "noeviction"
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return Program(command=["redis-server", *words], folder=folder, port=port)


# The portal -----------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Portal(Program):
    """`manage.py portal`, as it comes out of the box."""

    data_dir: Path
    database_url: str = ""
    redis_url: str = ""

    @cached_property
    def prepared(self) -> dict[str, Any]:
        """What faults/prepare.py made in it and says of it."""
        command = [sys.executable, "-m", "faults.prepare"]
        done = subprocess.run(command, cwd=ROOT, env=self.variables, stdout=subprocess.PIPE, check=True)
        return dict(json.loads(done.stdout))

    def child(self, name: str) -> int:
        """The id of the web server, the scheduler or the worker; 0 while it is down."""
        return self.children()[name]

    def children(self) -> dict[str, int]:
        """The id of each by its name. There is a worker only with Redis; else the scheduler does its work."""
        state = json.loads((self.data_dir / "supervisor.json").read_text(encoding="utf-8"))
        return {name: int(child["pid"]) for name, child in state.items()}

    def get(self, path: str, *, timeout: float = 10, key: str = "") -> tuple[int, bytes]:
        """(status, body); 0 where there is no answer."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
        except OSError:
            return 0, b""

    def is_ready(self) -> bool:
        return self.get("/readyz")[0] == 200


def portal(folder: Path, *, database_url: str = "", redis_url: str = "", **more: str) -> Portal:
    """A portal whose DATA_DIR is the folder's `data`, not started."""
    port, data_dir = free_port(), folder / "data"
    data_dir.mkdir(exist_ok=True)
    variables = environment(
        data_dir=str(data_dir), database_url=database_url, port=port, **{"REDIS_URL": redis_url, **more}
    )
    return Portal(
        command=[sys.executable, "manage.py", "portal"],
        folder=folder,
        port=port,
        variables=variables,
        data_dir=data_dir,
        database_url=database_url,
        redis_url=redis_url,
    )


def wait_until(condition: Callable[[], bool], *, seconds: float, pause: float = 0.1) -> bool:
    """Whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True
