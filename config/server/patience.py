"""How long the web server waits for the database: a request gets an answer, also while the database hangs.

Workers and commands are not hurried: they wait as config/databases.py says.
"""

import threading
import time
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen

from config.server.sessions import WritableSession

# To make one, and to get one of the pool: half of what a post waits in all.
CONNECT_SECONDS = 3
POOL_SECONDS = 1.5
LOCK_SECONDS = 3
# A database that is well answers within this, also to a request that has waited for long.
LEAST_SECONDS = 0.5
# Longer than any page or post takes, and shorter than a scrape is given.
STATEMENT_SECONDS = 6

waits = threading.local()


def set_seconds(seconds: float) -> None:
    """From now on this thread waits at most so long for one answer of PostgreSQL."""
    waits.seconds = seconds


def set_deadline(moment: float) -> None:
    """From now on this thread's waits for PostgreSQL end at this moment (monotonic seconds), all of them together."""
    waits.until = moment


def seconds_left() -> float | None:
    """How long this thread may wait now; None: without end."""
    until: float | None = getattr(waits, "until", None)
    if until is not None:
        return max(LEAST_SECONDS, until - time.monotonic())
    seconds: float | None = getattr(waits, "seconds", None)
    return seconds


class HurriedConnection(WritableSession):
    """Gives up a server that is silent for longer than the thread's patience (a frozen one never says no)."""

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        seconds = seconds_left()
        try:
            return super().wait(gen, interval, seconds if timeout is None else timeout)
        except psycopg.errors._WaitTimeout:
            if timeout is not None:
                raise
            # Nothing more can be said on it: the answer may still come.
            self.close()
            raise psycopg.OperationalError(f"no answer within {seconds:.1f} s") from None


def bound_waits(database: dict[str, Any]) -> None:
    """Bound the waits of the connections that this process makes from now on; safe to repeat.

    `database` is an entry of django.db.connections.settings.
    """
    if database["ENGINE"] == "django.db.backends.sqlite3":
        database["OPTIONS"] = {**database["OPTIONS"], "timeout": LOCK_SECONDS}
    else:
        database["OPTIONS"] = hurried(database["OPTIONS"])


def hurried(options: dict[str, Any]) -> dict[str, Any]:
    """The options of PostgreSQL; what DATABASE_URL sets itself stays."""
    limits = f"-c lock_timeout={LOCK_SECONDS}s -c statement_timeout={STATEMENT_SECONDS}s"
    own = str(options.get("options", "")).removeprefix(limits).strip()
    pool = {**options.get("pool", {}), "timeout": POOL_SECONDS, "connection_class": HurriedConnection}
    return {
        "connect_timeout": CONNECT_SECONDS,
        **options,
        "pool": pool,
        "options": f"{limits} {own}".strip(),
    }
