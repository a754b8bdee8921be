"""The steps before the portal's processes start. Each is safe to repeat."""

import contextlib
import fcntl
import hashlib
import json
import os
import resource
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from config.processes import heartbeat, memory, supervisor
from config.server import web_server
from telemetry.lifecycle import partitions

CELERY = (sys.executable, "-m", "celery", "--quiet", "--app", "config")
WORKER_CONCURRENCY = 2
MOST_DESCRIPTORS = 4096
MOST_CONNECTIONS = 1024
LOCK_FILE = "portal.lock"


class StartRefused(Exception):
    """The portal can't start; the text says why and what to do about it."""


def is_file_at(path: Path, descriptor: int) -> bool:
    """Whether the path still leads to the file that is open."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def lock_data_dir(path: Path) -> int:
    """Lock DATA_DIR; returns the file descriptor that holds the lock until it is closed.

    Raises StartRefused while another portal holds the lock.
    """
    while True:
        descriptor = os.open(path / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise StartRefused(
                f"Another portal runs on DATA_DIR {path}; stop it, or set DATA_DIR to another directory."
            ) from None
        if is_file_at(path / LOCK_FILE, descriptor):
            return descriptor
        # Who held it removed the file (a restore that was refused): a lock on it would keep nobody out.
        os.close(descriptor)


def check_address(*, host: str, port: int, setting: str = "PORT") -> None:
    """Raises StartRefused if nothing could listen there; `setting` names where the port comes from."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except OSError as error:
        raise StartRefused(
            f"Can't listen on {host} port {port}: {error.strerror}."
            f" Set {setting} to a free one, like {setting}={port + 1}."
        ) from error


def prepare_database() -> None:
    """Apply the migrations and create the partitions of the coming days."""
    call_command("migrate", interactive=False, verbosity=0)
    partitions.ensure_partitions(today=timezone.now().date())


def collect_static_files() -> None:
    """Copy, hash and compress the static files if any has changed since the last time; with DEBUG do nothing.

    Two portals may share STATIC_ROOT: while one collects, the other waits.
    """
    root = Path(settings.STATIC_ROOT)
    if settings.DEBUG or is_delivered(root):
        return
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        collected = root / ".collected"
        fingerprint = fingerprint_of_static_files()
        if not collected.exists() or collected.read_text() != fingerprint:
            call_command("collectstatic", interactive=False, verbosity=0)
            # On a full disk they are collected again at the next start.
            with contextlib.suppress(OSError):
                collected.write_text(fingerprint)


def is_delivered(root: Path) -> bool:
    """Whether the files came collected and can't be changed, as in a container image."""
    return (root / "staticfiles.json").exists() and not os.access(root, os.W_OK)


def fingerprint_of_static_files() -> str:
    """A hash that changes with any static file's path, size or modification time."""
    digest = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for path in sorted(static_files()):
        stat = os.stat(path)
        digest.update(f"{path} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def static_files() -> Iterator[str]:
    for finder in get_finders():
        for name, files in finder.list([]):
            yield files.path(name)


def clear_signs_of_earlier_processes() -> None:
    """Metrics and signs of life that processes of an earlier start left.

    Raises StartRefused when somebody else's directory is where the metrics belong.
    """
    try:
        memory.make_scratch_dir()
    except OSError as error:
        raise StartRefused(f"Can't make {memory.scratch_dir()}: {error.strerror}.") from error
    heartbeat.forget()


def commands() -> dict[str, list[str]]:
    """The portal's processes by name: web, scheduler and, with a broker, worker."""
    children = {"web": web_command(), "scheduler": [*CELERY, "beat", "--pidfile="]}
    if settings.REDIS_URL:
        children["worker"] = worker_command()
    return children


def worker_command(*, concurrency: int = WORKER_CONCURRENCY) -> list[str]:
    return [*CELERY, "worker", f"--concurrency={concurrency}", "--without-gossip", "--without-mingle"]


def web_command() -> list[str]:
    """The command of the web server; config/rsgi.py says how it treats slow clients."""
    options = {
        "interface": "rsgi",
        "host": settings.HOST,
        "port": settings.PORT,
        "workers": settings.WEB_WORKERS,
        "http": "1",
        # Connections that wait to be accepted, and those that each worker has open; it opens files as well.
        "backlog": 2048,
        "backpressure": min(MOST_CONNECTIONS, descriptor_limit() // 2),
        # What a connection may take of memory while its body waits to be read.
        "http1-buffer-size": 65_536,
        "http1-header-read-timeout": 10_000,
        "workers-kill-timeout": 5,
        "log-level": "warning",
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    # -P: the modules beside the program are not on the import path.
    program = [sys.executable, "-P", web_server.__file__]
    return [*program, *words, "--no-ws", "config.rsgi:application"]


def become_web_server() -> NoReturn:
    """Replace this process by the web server alone."""
    connections.close_all()
    if not has_metrics_dir():
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(memory.make_scratch_dir())
    os.environ["STORE_MUST_EXIST"] = "true"
    raise_descriptor_limit()
    os.chdir(settings.BASE_DIR)
    os.execv(sys.executable, web_command())  # noqa: S606  (the command is our own)


def become_worker(*, concurrency: int) -> NoReturn:
    """Replace this process by a Celery worker, which needs a directory to count in if it is to show its metrics."""
    connections.close_all()
    if not has_metrics_dir() and settings.WORKER_METRICS_PORT:
        scratch = memory.make_scratch_dir(port=settings.WORKER_METRICS_PORT)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(scratch)
    os.chdir(settings.BASE_DIR)
    os.execv(sys.executable, worker_command(concurrency=concurrency))  # noqa: S606  (the command is our own)


def has_metrics_dir() -> bool:
    """Whether PROMETHEUS_MULTIPROC_DIR is set. It is made, and what is in it stays: others may count there already."""
    given = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if given:
        Path(given).mkdir(mode=0o700, parents=True, exist_ok=True)
    return bool(given)


def become_supervisor(*, lock: int, announcement: str) -> NoReturn:
    """Replace this process by config/processes/supervisor.py, which needs a tenth of its memory."""
    connections.close_all()
    plan: dict[str, Any] = {
        "commands": commands(),
        "state": str(settings.DATA_DIR / "supervisor.json"),
        "host": reachable_host(),
        "port": settings.PORT,
        "announcement": announcement,
        "lock": lock,
        "scratch": str(memory.scratch_dir()),
    }
    os.set_inheritable(lock, True)
    raise_descriptor_limit()
    os.environ |= {"PROMETHEUS_MULTIPROC_DIR": plan["scratch"], "STORE_MUST_EXIST": "true"}
    os.chdir(settings.BASE_DIR)
    sys.stdout.flush()
    # -P: its directory is not on the import path, where celery.py would hide the library.
    os.execv(sys.executable, [sys.executable, "-P", supervisor.__file__, json.dumps(plan)])  # noqa: S606  (the command is our own)


def raise_descriptor_limit() -> None:
    """Many systems begin with 1024, which a web worker's connections alone would use up."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptor_limit(), hard))


def descriptor_limit() -> int:
    """How many files and connections each process of the portal will be able to open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)


def reachable_host() -> str:
    """A host by which this machine reaches the portal; HOST may stand for all addresses."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.HOST, settings.HOST)  # noqa: S104  (compared, not listened at)


def address() -> str:
    host = reachable_host()
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.PORT}"
