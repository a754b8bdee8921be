"""GET /healthz: the process lives. GET /readyz: what it needs is there, a line each.

Each check runs in a thread of its own with a deadline, and at most one at a time: a database or a broker that
hangs costs a request two seconds at most, and a process one thread a check.
"""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from django.conf import settings
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from config import celery
from config.processes import heartbeat
from web.errors import RETRY_AFTER_SECONDS

DEADLINE_SECONDS = 2.0
KEPT_SECONDS = 1.0
# Without a broker the scheduler runs the tasks itself, and is silent while a long one runs.
LONGEST_EMBEDDED_TASK_SECONDS = 300
LONGEST_SILENCE_SECONDS = 15


class NotReady(Exception):
    """Something that the portal needs is missing; the text says what, and nothing of its address."""


@dataclass
class Probe:
    """One check, run in the background; its newest finding is kept for a second."""

    check: Callable[[], str]
    finding: tuple[bool, str] = (False, "")
    started_at: float = float("-inf")
    thread: threading.Thread | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, *, now: float) -> None:
        """Begin a check, unless one is under way or has just ended; `now` is time.monotonic()."""
        with self.lock:
            is_running = self.thread is not None and self.thread.is_alive()
            if not is_running and now - self.started_at > KEPT_SECONDS:
                self.started_at = now
                self.thread = threading.Thread(target=self.run, daemon=True)
                self.thread.start()

    def run(self) -> None:
        try:
            self.finding = (True, self.check())
        except NotReady as fault:
            self.finding = (False, str(fault))
        except Exception as error:  # whatever a driver raises means: not ready
            self.finding = (False, f"{type(error).__name__}")
        finally:
            connections.close_all()

    def result(self) -> tuple[bool, str]:
        """(is ready, text), at the latest DEADLINE_SECONDS after the check began."""
        thread = self.thread
        if thread is not None:
            thread.join(max(0.0, self.started_at + DEADLINE_SECONDS - time.monotonic()))
        if thread is None or thread.is_alive():
            return False, f"no answer within {DEADLINE_SECONDS:g} s"
        return self.finding


def check_database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return connection.vendor


@lru_cache(maxsize=1)
def check_migrations() -> str:
    """All are applied. Only that is remembered; raises NotReady while some are missing."""
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        raise NotReady(f"{len(missing)} not applied; run manage.py migrate")
    return "all applied"


def check_broker() -> str:
    if not settings.REDIS_URL:
        return "none, the scheduler runs the tasks"
    heartbeat.client(settings.REDIS_URL).ping()
    return "redis"


def check_scheduler() -> str:
    if settings.REDIS_URL:
        return silence(heartbeat.SCHEDULER, longest=LONGEST_SILENCE_SECONDS)
    if not is_up_for_supervisor(heartbeat.SCHEDULER):
        raise NotReady("is being restarted")
    return silence(heartbeat.SCHEDULER, longest=LONGEST_EMBEDDED_TASK_SECONDS)


def check_workers() -> str:
    """A worker ran a task lately or, where all are busy with a long one, one of them says that it lives."""
    if not settings.REDIS_URL:
        return "none, the scheduler runs the tasks"
    try:
        return silence(heartbeat.WORKER, longest=LONGEST_SILENCE_SECONDS)
    except NotReady:
        if is_answering():
            return "busy"
        raise


def is_answering() -> bool:
    """Whether a worker answers a ping; each does while a task of it runs."""
    return bool(celery.app.control.inspect(timeout=1, limit=1).ping())


def silence(who: str, *, longest: float) -> str:
    """How long ago it was last alive; raises NotReady when that is too long ago."""
    seen_at = heartbeat.last_seen(who)
    if seen_at is None:
        raise NotReady("not seen yet")
    seconds = max(0.0, time.time() - seen_at)
    if seconds > longest + 3 * settings.ROLLUP_INTERVAL_SECONDS:
        raise NotReady(f"last seen {seconds:.0f} s ago")
    return f"last seen {seconds:.0f} s ago"


def is_up_for_supervisor(child: str) -> bool:
    """What DATA_DIR/supervisor.json says of it; True where nothing supervises."""
    try:
        children = json.loads((settings.DATA_DIR / "supervisor.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return True
    return bool(children.get(child, {}).get("up", True))


PROBES = {
    "database": Probe(check_database),
    "migrations": Probe(check_migrations),
    "broker": Probe(check_broker),
    "scheduler": Probe(check_scheduler),
    "workers": Probe(check_workers),
}


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """A line for each check: "database: ok, postgresql". 503 when one of them is not ok."""
    for probe in PROBES.values():
        probe.start(now=time.monotonic())
    findings = {name: probe.result() for name, probe in PROBES.items()}
    lines = [f"{name}: {'ok' if ready else 'missing'}, {text}\n" for name, (ready, text) in findings.items()]
    is_ready = all(ready for ready, _ in findings.values())
    return HttpResponse(
        "".join(lines),
        status=200 if is_ready else 503,
        content_type="text/plain; charset=utf-8",
        headers={} if is_ready else {"Retry-After": str(RETRY_AFTER_SECONDS)},
    )
