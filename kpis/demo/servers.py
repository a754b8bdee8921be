"""What servers report: requests, streams, worker states, tool buffers, maintenance, workflows made elsewhere."""

from datetime import datetime, timedelta

from kpis.demo.day import Day
from kpis.demo.runs import MODELS

ROUTES = ("/api/chat", "/api/drafts", "/api/templates", "/api/runs")
OTHER_ORIGINS = ("manual", "api", "import", "other")


def create_workflows_elsewhere(day: Day) -> None:
    """Workflows that are made outside the workbench: fewer every week."""
    expected = 1 if day.date.weekday() >= 5 else day.by_growth(start=11, end=4)
    for _ in range(round(day.random.uniform(0.6, 1.4) * expected)):
        create_workflow(day, at=day.at(hour=day.random.uniform(7, 19)))


def create_workflow(day: Day, *, at: datetime) -> None:
    source = day.random.choices(OTHER_ORIGINS, weights=(60, 20, 15, 5))[0]
    created = day.identifier("wf")
    day.add("workflow.created", session="engine-eu-1", at=at, source=source, workflowId=created)


def serve_requests(day: Day) -> None:
    """The app server's requests, a few of them as streams; more of them in working hours."""
    for _ in range(round(day.by_growth(start=45, end=80) * (0.35 if day.date.weekday() >= 5 else 1))):
        serve_request(day, at=day.at(hour=min(max(day.random.gauss(12.5, 4), 0), 23.9)))


def serve_request(day: Day, *, at: datetime) -> None:
    """A request and, for some chats, its stream."""
    route = day.random.choices(ROUTES, weights=(50, 20, 15, 15))[0]
    server = f"appserver-{day.random.randint(1, 2)}"
    status = day.random.choices((200, 201, 400, 404, 429, 500, 503), weights=(860, 60, 25, 20, 12, 15, 8))[0]
    is_chat = route == "/api/chat"
    lasted = day.seconds(median=0.9 if is_chat else 0.06, spread=0.7)
    day.add("appserver.request_completed", session=server, at=at + lasted, route=route,
            method="POST" if is_chat or day.chance(0.3) else "GET", status=status,
            durationMs=lasted // timedelta(milliseconds=1),
            model=day.random.choice(tuple(MODELS)) if is_chat else None,
            errorCategory=error_category(status))  # fmt: skip
    if is_chat and day.chance(0.3):
        stream = day.identifier("st")
        day.add("appserver.stream_opened", session=server, at=at, streamId=stream, route=route)
        closed = at + day.seconds(median=20, spread=0.6)
        day.add("appserver.stream_closed", session=server, at=closed, streamId=stream, route=route)


def error_category(status: int) -> str | None:
    if status < 400:
        return None
    return {429: "rate_limited", 500: "internal", 503: "upstream"}.get(status, "client")


def change_app_servers(day: Day) -> None:
    """Worker restarts, tool-buffer flushes, and a maintenance window on Sunday mornings."""
    for server in ("appserver-1", "appserver-2"):
        start_worker(day, server=server, at=day.at(hour=0.1))
        if day.chance(0.3):
            restart_worker(day, server=server, at=day.at(hour=day.random.uniform(1, 22)))
    for _ in range(day.random.randint(2, 6)):
        flush_tool_buffer(day, at=day.at(hour=day.random.uniform(6, 20)))
    if day.date.weekday() == 6:
        maintain(day, at=day.at(hour=3), lasts=timedelta(minutes=30))


def maintain(day: Day, *, at: datetime, lasts: timedelta) -> None:
    for moment, enabled in ((at, True), (at + lasts, False)):
        day.add("appserver.maintenance_changed", session="appserver-1", at=moment, enabled=enabled)


def start_worker(day: Day, *, server: str, at: datetime) -> None:
    day.add(
        "appserver.worker_state_changed", session=server, at=at, workerId=f"{server}-worker", state="ready"
    )


def restart_worker(day: Day, *, server: str, at: datetime) -> None:
    for state, after, backoff, reason in (
        ("restarting", 0, None, "memory_limit"),
        ("backoff", 4, 5000, "start_failed"),
        ("ready", 12, None, None),
    ):
        day.add("appserver.worker_state_changed", session=server, at=at + timedelta(seconds=after),
                workerId=f"{server}-worker", state=state, backoffMs=backoff, reason=reason)  # fmt: skip


def flush_tool_buffer(day: Day, *, at: datetime) -> None:
    day.add("appserver.tool_buffer_changed", session="appserver-1", at=at, state="started")
    state, reason = day.random.choices((("flushed", None), ("aborted", "client_gone")), weights=(93, 7))[0]
    at += day.seconds(median=2, spread=0.5)
    day.add("appserver.tool_buffer_changed", session="appserver-1", at=at, state=state, reason=reason)
