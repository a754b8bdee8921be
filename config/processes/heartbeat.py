"""Signs of life of the scheduler and the workers: when each of them last did something.

They stand in Redis where there is one, because the processes may run on several machines; else in DATA_DIR.
Nothing of it is in the database: a quiet portal writes nothing there.
"""

import contextlib
import os
from functools import lru_cache
from pathlib import Path

import redis
from django.conf import settings

SCHEDULER = "scheduler"
WORKER = "worker"
KEPT_SECONDS = 24 * 60 * 60


def leave(who: str, *, now: float) -> None:
    """Say that `who` is alive at `now` (a Unix time). Safe to repeat; a broker that is away is left alone."""
    if not settings.REDIS_URL:
        path = sign(who)
        path.touch()
        os.utime(path, (now, now))
        return
    with contextlib.suppress(redis.RedisError):
        client(settings.REDIS_URL).set(f"portal:alive:{who}", now, ex=KEPT_SECONDS)


def last_seen(who: str) -> float | None:
    """The Unix time at which `who` was last alive; None when it never was. Raises redis.RedisError."""
    if not settings.REDIS_URL:
        path = sign(who)
        return path.stat().st_mtime if path.exists() else None
    value = client(settings.REDIS_URL).get(f"portal:alive:{who}")
    return float(value) if value else None


def forget() -> None:
    """Remove the signs that processes of an earlier start left in DATA_DIR."""
    for who in (SCHEDULER, WORKER):
        sign(who).unlink(missing_ok=True)


def sign(who: str) -> Path:
    path: Path = settings.DATA_DIR / f"{who}.alive"
    return path


@lru_cache(maxsize=4)
def client(url: str) -> redis.Redis:
    """A client that never waits longer than a second for a broker that hangs."""
    return redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
