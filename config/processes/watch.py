"""Looks for the portal's own alerts, and sees to it that somebody does.

The schedule looks. That would find no fault that stops the schedule: without a broker one process runs every task, and
a rollup that hangs holds up all of them; with one, workers may hang or be gone. So the web processes, which are always
there, see how long ago anybody looked, and look themselves when that is too long.
"""

import logging
import threading
import time

import redis
from django.db import close_old_connections, connections
from django.utils import timezone

from alerts import own_alerts
from config.processes import heartbeat

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 20.0
# The schedule missed two turns.
OVERDUE_SECONDS = 50.0
# In the place of the schedule one web process looks in each interval.
SHARED_SECONDS = 15.0


def look_by_schedule() -> None:
    """Look now. Others see that the schedule does, also when it fails."""
    heartbeat.leave(heartbeat.WATCH)
    own_alerts.look(now=timezone.now())


def look_if_overdue(*, up_seconds: float) -> bool:
    """Look if the schedule does not, and no other web process does; returns whether it did.

    `up_seconds` is how long this process has been up.
    """
    if seconds_since(heartbeat.WATCH, unknown=up_seconds) < OVERDUE_SECONDS:
        return False
    if seconds_since(heartbeat.WEB_WATCH, unknown=up_seconds) < SHARED_SECONDS:
        return False
    heartbeat.leave(heartbeat.WEB_WATCH)
    own_alerts.look(now=timezone.now())
    return True


def seconds_since(who: str, *, unknown: float) -> float:
    """How long ago `who` looked; `unknown` where nobody did yet, the broker is away, or a clock was set back.

    To look once more does no harm, and without the broker nobody else does.
    """
    try:
        seconds = heartbeat.silence(who)
    except redis.RedisError:
        return unknown
    return seconds if seconds is not None and seconds >= 0 else unknown


def watch_in_background() -> threading.Thread:
    """Watch from a thread of this process, until it ends."""
    thread = threading.Thread(target=keep_watching, name="watch the schedule", daemon=True)
    thread.start()
    return thread


def keep_watching() -> None:
    started_at = time.monotonic()
    while True:
        time.sleep(INTERVAL_SECONDS)
        watch_once(up_seconds=time.monotonic() - started_at)


def watch_once(*, up_seconds: float) -> None:
    """A turn of the thread: whatever fails, the next turn comes."""
    close_old_connections()
    try:
        look_if_overdue(up_seconds=up_seconds)
    except Exception:
        # Whatever it is, the thread must live on.
        logger.exception("The web process could not look for alerts")
    finally:
        connections.close_all()
