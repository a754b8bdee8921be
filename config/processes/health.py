"""GET /healthz: the process lives. GET /readyz: what it needs is there, a line each."""

import json
import time
from collections.abc import Sequence
from functools import lru_cache

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from config import celery
from config.processes import heartbeat
from config.processes.probes import NotReady, Probe
from config.processes.storage import check_database, check_disk
from web.errors import RETRY_AFTER_SECONDS

# A bell rings every three seconds at least. Without a broker the scheduler leaves its sign every five seconds while it
# runs a task (config.processes.pulse).
LONGEST_SILENCE_SECONDS = 15
# Clocks are set by less than this all the time.
LARGEST_STEP_SECONDS = 1


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
    if not settings.REDIS_URL and not is_up_for_supervisor(heartbeat.SCHEDULER):
        raise NotReady("is being restarted")
    return silence(heartbeat.SCHEDULER)


def check_workers() -> str:
    """A worker ran a task lately or, where all are busy with a long one, one of them says that it lives."""
    if not settings.REDIS_URL:
        return "none, the scheduler runs the tasks"
    try:
        return silence(heartbeat.WORKER)
    except NotReady:
        if is_answering():
            return "busy"
        raise


def is_answering() -> bool:
    """Whether a worker answers a ping; each does while a task of it runs."""
    return bool(celery.app.control.inspect(timeout=1, limit=1).ping())


def silence(who: str) -> str:
    """How long ago it was last alive; raises NotReady when that is too long ago, or in the future."""
    seconds = heartbeat.silence(who)
    if seconds is None:
        raise NotReady("not seen yet")
    if seconds < -LARGEST_STEP_SECONDS:
        raise NotReady(f"last seen in the future by {-seconds:.0f} s")
    seconds = max(0.0, seconds)
    if seconds > LONGEST_SILENCE_SECONDS + 3 * settings.ROLLUP_INTERVAL_SECONDS:
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
    "disk": Probe(check_disk),
    "broker": Probe(check_broker),
    "scheduler": Probe(check_scheduler),
    "workers": Probe(check_workers),
}


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


def find_out(names: Sequence[str]) -> tuple[bool, list[str]]:
    """Whether all these checks are ok, and the line of each."""
    for name in names:
        PROBES[name].start(now=time.monotonic())
    findings = {name: PROBES[name].result() for name in names}
    lines = [f"{name}: {'ok' if ready else 'missing'}, {text}\n" for name, (ready, text) in findings.items()]
    return all(ready for ready, _ in findings.values()), lines


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """A line for each check: "database: ok, postgresql". 503 when one of them is not ok.

    ?check=NAME, which may be repeated, asks for these alone.
    """
    names = request.GET.getlist("check") or list(PROBES)
    if unknown := set(names) - set(PROBES):
        text = f"There is no check {min(unknown)[:40]!r}; there are {', '.join(PROBES)}.\n"
        return HttpResponse(text, status=400, content_type="text/plain; charset=utf-8")
    is_ready, lines = find_out(names)
    return HttpResponse(
        "".join(lines),
        status=200 if is_ready else 503,
        content_type="text/plain; charset=utf-8",
        headers={} if is_ready else {"Retry-After": str(RETRY_AFTER_SECONDS)},
    )
