"""The services and programs that some tests need, as they are found on this machine."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import psycopg
import redis

POSTGRES_URL = os.environ.get("TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/portal")
REDIS_URL = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/9")

# What npm writes when it has installed all of them (make test).
SDKS = Path(__file__).parent / "clients" / "sdk" / "node_modules" / ".package-lock.json"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ALERTMANAGER = ("prometheus-alertmanager", "alertmanager")
NGINX = ("nginx", "/usr/sbin/nginx")
COMPILERS = ("cc", "gcc", "clang")


@lru_cache
def has_postgres() -> bool:
    """Whether the server answers; the database of the URL need not exist."""
    server, _, _ = POSTGRES_URL.rpartition("/")
    try:
        psycopg.connect(f"{server}/postgres", connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True


@lru_cache
def has_redis() -> bool:
    try:
        return bool(redis.Redis.from_url(REDIS_URL, socket_timeout=3, socket_connect_timeout=3).ping())
    except redis.RedisError:
        return False


def program(names: tuple[str, ...]) -> str:
    """The path of the first of these programs that is installed; empty when none is."""
    return next((path for name in names if (path := shutil.which(name))), "")


def as_root() -> list[str]:
    """What a command begins with to be run by root."""
    return [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]


@lru_cache
def can_mount() -> bool:
    """Whether a file system on memory can be mounted, and unmounted again."""
    with tempfile.TemporaryDirectory() as folder:
        mount = [*as_root(), "mount", "-t", "tmpfs", "tmpfs", folder]
        try:
            subprocess.run(mount, check=True, capture_output=True)
            subprocess.run([*as_root(), "umount", folder], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return False
    return True


# Marker → whether what it stands for was found.
NEEDS: dict[str, Callable[[], bool]] = {
    "postgres": has_postgres,
    "redis": has_redis,
    "prometheus": lambda: bool(program(("prometheus",)) and program(("promtool",))),
    "alertmanager": lambda: bool(program(ALERTMANAGER)),
    "browser": lambda: bool(program(CHROMIUM)),
    "nginx": lambda: bool(program(NGINX)),
    "caddy": lambda: bool(program(("caddy",))),
    "systemd": lambda: bool(program(("systemd-analyze",))),
    "sdks": SDKS.exists,
    "mount": can_mount,
    "compiler": lambda: bool(program(COMPILERS)),
}


def missing() -> list[str]:
    """Markers whose tests can't run here."""
    return [marker for marker, is_found in NEEDS.items() if not is_found()]
