"""Signs of life of the scheduler, the workers and the watch: how long ago each of them last did something.

They stand in Redis where there is one, because the processes may run on several machines; else in DATA_DIR.
Nothing of it is in the database: a quiet portal writes nothing there. No wall clock is asked, because it may
jump: within a machine the time since boot counts, and between machines Redis counts.
"""

import contextlib
import os
import time
from functools import lru_cache
from pathlib import Path

import redis
from django.conf import settings

SCHEDULER = "scheduler"
WORKER = "worker"
# Who looks for alerts: the schedule, or a web process in its place.
WATCH = "watch"
WEB_WATCH = "web-watch"
KEPT_SECONDS = 24 * 60 * 60


def since_boot() -> float:
    """Seconds on a clock that all processes of this machine share and that nobody can set."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def leave(who: str) -> None:
    """Say that `who` is alive. Safe to repeat; a broker that is away and a full disk are left alone."""
    if settings.REDIS_URL:
        with contextlib.suppress(redis.RedisError):
            client(settings.REDIS_URL).set(f"portal:alive:{who}", 1, ex=KEPT_SECONDS)
        return
    path, now = sign(who), since_boot()
    with contextlib.suppress(OSError):
        # The file stays empty: what is already there needs no space on the disk.
        path.touch(mode=0o600)
        os.utime(path, (now, now))


def silence(who: str) -> float | None:
    """How many seconds ago `who` was last alive; None when it never was. Raises redis.RedisError.

    Below zero is a moment in the future: the clock that it was written by has been set since.
    """
    if settings.REDIS_URL:
        left_ms = int(client(settings.REDIS_URL).pttl(f"portal:alive:{who}"))
        return KEPT_SECONDS - left_ms / 1000 if left_ms >= 0 else None
    try:
        return since_boot() - sign(who).stat().st_mtime
    except OSError:
        return None


def forget() -> None:
    """Remove the signs that processes of an earlier start left in DATA_DIR."""
    for who in (SCHEDULER, WORKER, WATCH, WEB_WATCH):
        sign(who).unlink(missing_ok=True)


def sign(who: str) -> Path:
    path: Path = settings.DATA_DIR / f"{who}.alive"
    return path


@lru_cache(maxsize=4)
def client(url: str) -> redis.Redis:
    """A client that never waits longer than a second for a broker that hangs."""
    return redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
