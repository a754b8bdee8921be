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
from telemetry.lifecycle import partitions

MOST_DESCRIPTORS = 4096


class StartRefused(Exception):
    """The portal can't start; the text says why and what to do about it."""


def lock_data_dir(path: Path) -> int:
    """Lock DATA_DIR; returns the file descriptor that holds the lock until it is closed.

    Raises StartRefused while another portal holds the lock.
    """
    descriptor = os.open(path / "portal.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StartRefused(
            f"Another portal runs on DATA_DIR {path}; stop it, or set DATA_DIR to another directory."
        ) from None
    return descriptor


def check_address(*, host: str, port: int) -> None:
    """Raises StartRefused if the web server could not listen there."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except OSError as error:
        raise StartRefused(
            f"Can't listen on {host} port {port}: {error.strerror}. Set PORT to a free one, like PORT=8001."
        ) from error


def prepare_database() -> None:
    """Apply the migrations and create the partitions of the coming days."""
    call_command("migrate", interactive=False, verbosity=0)
    partitions.ensure_partitions(today=timezone.now().date())


def collect_static_files() -> None:
    """Copy, hash and compress the static files if any has changed since the last time; with DEBUG do nothing.

    Two portals may share STATIC_ROOT: while one collects, the other waits.
    """
    if settings.DEBUG:
        return
    root = Path(settings.STATIC_ROOT)
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
    celery = [sys.executable, "-m", "celery", "--quiet", "--app", "config"]
    children = {"web": web_command(), "scheduler": [*celery, "beat", "--pidfile="]}
    if settings.REDIS_URL:
        children["worker"] = [*celery, "worker", "--concurrency=2", "--without-gossip", "--without-mingle"]
    return children


def web_command() -> list[str]:
    """The command of the web server; config/rsgi.py says how it treats slow clients."""
    options = {
        "interface": "rsgi",
        "host": settings.HOST,
        "port": settings.PORT,
        "workers": settings.WEB_WORKERS,
        "http": "1",
        # Connections that wait to be accepted, and those that each worker has open.
        "backlog": 2048,
        "backpressure": 1024,
        # What a connection may take of memory while its body waits to be read.
        "http1-buffer-size": 65_536,
        "http1-header-read-timeout": 10_000,
        "workers-kill-timeout": 5,
        "log-level": "warning",
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    # Granian replaces a worker that dies. If workers keep dying it ends, and the supervisor restarts it.
    flags = ["--no-ws", "--respawn-failed-workers"]
    return [sys.executable, "-m", "granian", *words, *flags, "config.rsgi:application"]


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
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = plan["scratch"]
    os.chdir(settings.BASE_DIR)
    sys.stdout.flush()
    # -P: its directory is not on the import path, where celery.py would hide the library.
    os.execv(sys.executable, [sys.executable, "-P", supervisor.__file__, json.dumps(plan)])  # noqa: S606


def raise_descriptor_limit() -> None:
    """Many systems begin with 1024, which a web worker's connections alone would use up."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def reachable_host() -> str:
    """A host by which this machine reaches the portal; HOST may stand for all addresses."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.HOST, settings.HOST)  # noqa: S104


def address() -> str:
    host = reachable_host()
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.PORT}"
