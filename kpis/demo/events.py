"""A made-up team at work in the workbench: the events of the environment `demo`, seeded and repeatable.

The stories they tell: adoption grows as people join; drafts are accepted sooner every week; the assistant
suggests enough templates; the domain experts' templates are used too seldom; one workflow fails too often.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any

Event = dict[str, Any]

DEFAULT_DAYS = 60
DEFAULT_SEED = 2026
# The days over which the team grows into the workbench; later days are like the last of them.
GROWTH_DAYS = 60
USERS = 26
FOUNDING_USERS = 9
WORKING_HOURS = ((9.6, 1.3), (14.4, 1.7))

TOOLS = ("search_catalogue", "draft_workflow", "validate_workflow", "explain_step", "estimate_cost")
RESTRICTED_TOOLS = ("refund_payment", "change_contract", "restart_service", "send_letter")
TEMPLATES = tuple(f"tpl-{name}" for name in ("triage", "match", "report", "onboard", "review", "escalate"))
INTENTS = ("add_step", "rename", "change_condition", "add_approval", "fix_error")
ERRORS = ("Timeout", "ToolFailed", "InvalidInput", "RateLimited")
# Dollars for a thousand tokens.
MODELS = {"model-small": 0.0006, "model-medium": 0.004, "model-large": 0.018}
ROUTES = ("/api/chat", "/api/drafts", "/api/templates", "/api/runs")
OTHER_ORIGINS = ("manual", "api", "import", "other")


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """A published workflow: how long it takes, how often it fails, who works in it, its schedule."""

    name: str
    median_seconds: float
    failure_rate: float
    agents: tuple[str, ...]
    scheduled_a_day: int = 0
    trigger: str = "schedule"
    reports_cost: bool = True


WORKFLOWS = (
    Workflow(
        name="ticket-triage",
        median_seconds=35,
        failure_rate=0.02,
        agents=("classifier", "writer"),
        scheduled_a_day=9,
        trigger="webhook",
    ),
    Workflow(
        name="invoice-matching",
        median_seconds=95,
        failure_rate=0.16,
        agents=("retriever", "matcher"),
        scheduled_a_day=5,
    ),
    Workflow(
        name="customer-onboarding",
        median_seconds=240,
        failure_rate=0.04,
        agents=("planner", "writer"),
    ),
    Workflow(
        name="weekly-report",
        median_seconds=410,
        failure_rate=0.03,
        agents=("retriever", "writer", "reviewer"),
        scheduled_a_day=1,
    ),
    Workflow(
        name="incident-summary",
        median_seconds=70,
        failure_rate=0.03,
        agents=("retriever", "writer"),
        scheduled_a_day=2,
        trigger="api",
    ),
    Workflow(
        name="nightly-cleanup",
        median_seconds=150,
        failure_rate=0.02,
        agents=(),
        scheduled_a_day=1,
        trigger="system",
        reports_cost=False,
    ),
)


@dataclass(kw_only=True)
class Day:
    """One UTC day as it is being made up: its chance, how far the team has grown, and what happened."""

    date: date
    seed: int
    # 0 on the first day of all, 1 when the team has grown up.
    growth: float
    random: Random
    events: list[Event] = field(default_factory=list)
    made: int = 0

    def at(self, *, hour: float) -> datetime:
        return datetime.combine(self.date, time(), UTC) + timedelta(hours=hour)

    def identifier(self, prefix: str) -> str:
        """An id that no other thing of any day has."""
        self.made += 1
        return f"{prefix}-{self.date:%y%m%d}-{self.made}"

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def seconds(self, *, median: float, spread: float) -> timedelta:
        """A duration as people's durations are: many near the median, a few much longer."""
        return timedelta(milliseconds=round(1000 * median * self.random.lognormvariate(0, spread)))

    def grown(self, *, start: float, end: float) -> float:
        return start + (end - start) * self.growth

    def trace(self) -> tuple[str, str]:
        """A trace id and a span id, as W3C Trace Context writes them."""
        return f"{self.random.getrandbits(128):032x}", f"{self.random.getrandbits(64):016x}"

    def add(self, event: str, *, session: str, at: datetime, **properties: Any) -> None:
        """Record an event; properties that are None are left out."""
        given = {name: value for name, value in properties.items() if value is not None}
        self.events.append(build_event(event, session=session, at=at, properties=given, seed=self.seed))


def build_event(event: str, *, session: str, at: datetime, properties: dict[str, Any], seed: int) -> Event:
    """An event as a client posts it; its id derives from the seed and its content."""
    body = {
        "event": event,
        "sessionId": session,
        "timestamp": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z",
        "properties": properties,
    }
    content = json.dumps([seed, body], sort_keys=True).encode()
    return {"id": f"demo-{hashlib.sha256(content).hexdigest()[:32]}", **body}


def moment_of(event: Event) -> datetime:
    """The event's timestamp (UTC)."""
    return datetime.fromisoformat(event["timestamp"])


def first_day(*, now: datetime, days: int) -> date:
    """The first of the days that end with the UTC day of now."""
    return now.astimezone(UTC).date() - timedelta(days=days - 1)


def demo_events(*, now: datetime, days: int = DEFAULT_DAYS, seed: int = DEFAULT_SEED) -> Iterator[Event]:
    """Valid events of the UTC days up to now (exclusive), in the order of their timestamps.

    A day's events depend on the seed, its date and its place in the row of days: with the same first day, a
    later now gives the same events and more.
    """
    start = first_day(now=now, days=days)
    later: list[Event] = []
    for index in range(days):
        day = make_day(start + timedelta(days=index), index=index, seed=seed)
        events = sorted([*later, *day.events], key=lambda event: (event["timestamp"], event["id"]))
        # What began today may end tomorrow.
        end = min(now, day.at(hour=24))
        yield from (event for event in events if moment_of(event) < end)
        later = [event for event in events if moment_of(event) >= day.at(hour=24)]


def make_day(day: date, *, index: int, seed: int) -> Day:
    """Everything that happens on a day, in no order."""
    made = Day(
        date=day,
        seed=seed,
        growth=min(index / (GROWTH_DAYS - 1), 1.0),
        random=Random(f"{seed}:{day.isoformat()}"),  # noqa: S311 - made-up data, to be repeated
    )
    for user in range(USERS):
        spend_user_day(made, user=user)
    run_scheduled_workflows(made)
    create_workflows_elsewhere(made)
    serve_requests(made)
    change_app_servers(made)
    return made


# People ---------------------------------------------------------------------------------------------------


def joins_at(user: int) -> float:
    """The growth at which a user begins to use the workbench."""
    return max(0.0, (user - FOUNDING_USERS + 1) / (USERS - FOUNDING_USERS) * 0.85)


def spend_user_day(day: Day, *, user: int) -> None:
    """A user's sessions of the day: on most weekdays, seldom at weekends."""
    is_weekend = day.date.weekday() >= 5
    activity = 0.07 if is_weekend else day.grown(start=0.66, end=0.8)
    if day.growth < joins_at(user) or not day.chance(activity):
        return
    for middle, spread in WORKING_HOURS:
        if day.chance(0.72):
            hour = min(max(day.random.gauss(middle, spread), 6.0), 20.0)
            spend_session(day, user=user, start=day.at(hour=hour))


def spend_session(day: Day, *, user: int, start: datetime) -> None:
    """A session: look around, talk to the assistant, make drafts, run what came of them."""
    session = day.identifier("s")
    user_id = f"user-{user:02d}"
    referrer = day.random.choice((None, "https://intranet.example.com/tools", "https://portal.example.com/"))
    day.add("workbench.session_started", session=session, at=start, userId=user_id, referrer=referrer)
    now = browse_templates(day, session=session, now=start)
    now = talk(day, session=session, now=now, messages=day.random.randint(0, 2), draft=None)
    for _ in range(day.random.choices((0, 1, 2), weights=(25, 60, 15))[0]):
        now = make_draft(day, session=session, user=user, now=now)
    now += day.seconds(median=60, spread=0.5)
    if day.chance(0.85):
        length = (now - start) // timedelta(milliseconds=1)
        day.add("workbench.session_ended", session=session, at=now, durationMs=length, userId=user_id)


def browse_templates(day: Day, *, session: str, now: datetime) -> datetime:
    for _ in range(day.random.choices((0, 1, 3), weights=(50, 35, 15))[0]):
        now += day.seconds(median=25, spread=0.6)
        source = day.random.choice(("library", "library", "chat_suggestion", None))
        template = day.random.choice(TEMPLATES)
        day.add("workbench.template_viewed", session=session, at=now, templateId=template, source=source)
    return now


def talk(day: Day, *, session: str, now: datetime, messages: int, draft: str | None) -> datetime:
    """Chat messages, with the tools that the assistant invokes and the templates that it suggests."""
    for _ in range(messages):
        now += day.seconds(median=40, spread=0.6)
        day.add(
            "workbench.chat_message_sent",
            session=session,
            at=now,
            messageLength=round(day.random.lognormvariate(4.2, 0.7)),
            hasAttachment=day.chance(0.08),
        )
        answered = now + day.seconds(median=4, spread=0.5)
        if day.chance(0.55):
            tool = day.random.choice(TOOLS)
            succeeded = day.chance(0.96)
            day.add("workbench.chat_tool_invoked", session=session, at=answered, toolId=tool, draftId=draft,
                    success=succeeded)  # fmt: skip
        if day.chance(day.grown(start=0.31, end=0.4)):
            template = day.random.choice(TEMPLATES)
            day.add("workbench.template_suggested", session=session, at=answered, templateId=template,
                    draftId=draft, accepted=day.chance(0.4))  # fmt: skip
    return now


def make_draft(day: Day, *, session: str, user: int, now: datetime) -> datetime:
    """A draft from its creation to its acceptance, rejection or oblivion; returns when that was."""
    draft = day.identifier("d")
    source = day.random.choices(("chat", "template", "blank"), weights=(58, 12, 30))[0]
    # An older client creates drafts without saying which.
    is_named = day.chance(0.93)
    template = day.random.choice(TEMPLATES) if source == "template" else None
    nodes = day.random.randint(2, 6)
    now += day.seconds(median=20, spread=0.5)
    # A few are opened from a link: the workbench does not see them made, and their time cannot be measured.
    if day.chance(0.98):
        day.add("workbench.draft_created", session=session, at=now, source=source, nodeCount=nodes,
                draftId=draft if is_named else None, templateId=template)  # fmt: skip
    takes = day.seconds(median=day.grown(start=1500, end=610), spread=0.55)
    nodes = edit_draft(day, session=session, draft=draft, start=now, takes=takes, nodes=nodes)
    talk(day, session=session, now=now, messages=day.random.randint(1, 4), draft=draft)
    now += takes
    end = day.random.choices(("accepted", "rejected", None), weights=(76, 12, 12))[0]
    if end:
        day.add(f"workbench.draft_{end}", session=session, at=now, draftId=draft,
                source=source if day.chance(0.5) else None,
                nodeCount=nodes if end == "accepted" else None)  # fmt: skip
    if end == "accepted":
        run_draft(day, session=session, draft=draft, user=user, now=now)
    return now


def edit_draft(day: Day, *, session: str, draft: str, start: datetime, takes: timedelta, nodes: int) -> int:
    """The edits between a draft's creation and its end; returns its number of nodes."""
    if day.chance(day.grown(start=0.24, end=0.34)):
        at = start + takes * day.random.uniform(0.05, 0.6)
        template = day.random.choice(TEMPLATES)
        day.add("workbench.template_inserted", session=session, at=at, templateId=template, draftId=draft)
        day.add("workbench.draft_edited", session=session, at=at, draftId=draft, editType="template_insert")
    for share in sorted(day.random.uniform(0.1, 0.95) for _ in range(day.random.randint(0, 4))):
        nodes += day.random.randint(0, 2)
        edit_type = day.random.choice(("chat", "canvas"))
        intent = day.random.choice(INTENTS) if edit_type == "chat" else None
        day.add("workbench.draft_edited", session=session, at=start + takes * share, draftId=draft,
                editType=edit_type, nodeCount=nodes, intent=intent)  # fmt: skip
    return nodes


def run_draft(day: Day, *, session: str, draft: str, user: int, now: datetime) -> None:
    """Most accepted drafts are tried at once, some twice."""
    workflow = WORKFLOWS[(user + day.random.randint(0, 2)) % len(WORKFLOWS)]
    for _ in range(day.random.choices((0, 1, 2), weights=(25, 60, 15))[0]):
        now += day.seconds(median=90, spread=0.7)
        run_workflow(day, workflow, session=session, draft=draft, trigger="user", now=now)


# Runs -----------------------------------------------------------------------------------------------------


def run_scheduled_workflows(day: Day) -> None:
    """What runs without a person: around the clock, all days alike."""
    for workflow in WORKFLOWS:
        for _ in range(workflow.scheduled_a_day):
            run_workflow(
                day,
                workflow,
                session=day.identifier("engine"),
                draft=f"d-live-{workflow.name}",
                trigger=workflow.trigger,
                now=day.at(hour=day.random.uniform(0, 24)),
            )


def run_workflow(
    day: Day, workflow: Workflow, *, session: str, draft: str, trigger: str, now: datetime
) -> None:
    """A workflow run with its agents and, sometimes, an approval that it waits for."""
    run = day.identifier("run")
    trace, _ = day.trace()
    names = {
        "runId": run,
        "workflowId": f"wf-{workflow.name}",
        "workflowName": workflow.name,
        "traceId": trace,
    }
    day.add(
        "workbench.workflow_run_started", session=session, at=now, draftId=draft, trigger=trigger, **names
    )
    end = now
    if workflow.agents and day.chance(0.22):
        end = ask_approval(day, session=session, run=run, draft=draft, now=end + timedelta(seconds=5))
    share = workflow.median_seconds / max(len(workflow.agents), 1)
    for agent in workflow.agents:
        end = run_agent(
            day, agent, workflow=workflow, session=session, run=run, trace=trace, now=end, median=share
        )
    end += day.seconds(median=5 if workflow.agents else share, spread=0.4)
    failed = day.chance(workflow.failure_rate * (3 if is_bad_day(day) else 1))
    status = "failed" if failed else day.random.choices(("completed", "cancelled"), weights=(97, 3))[0]
    day.add("workbench.workflow_run_completed", session=session, at=end, status=status,
            durationMs=(end - now) // timedelta(milliseconds=1) if day.chance(0.9) else None,
            errorType=day.random.choice(ERRORS) if failed else None, **names)  # fmt: skip


def is_bad_day(day: Day) -> bool:
    """An outage of a system that the workflows need, every second Thursday."""
    return day.date.weekday() == 3 and day.date.isocalendar().week % 2 == 0


def run_agent(
    day: Day,
    agent: str,
    *,
    workflow: Workflow,
    session: str,
    run: str,
    trace: str,
    now: datetime,
    median: float,
) -> datetime:
    """An agent's attempts: after a failure it tries again, at most twice; returns when the last one ended."""
    model = day.random.choice(tuple(MODELS))
    for attempt in range(1, 4):
        now += timedelta(seconds=1)
        names = {
            "runId": run, "agentRunId": day.identifier("ar"), "agentName": agent, "agentId": f"agent-{agent}",
            "action": f"{agent}.work", "model": model, "attempt": attempt,
            "traceId": trace, "spanId": day.trace()[1],
        }  # fmt: skip
        day.add("agent.run_started", session=session, at=now, **names)
        lasted = day.seconds(median=median, spread=0.4)
        now += lasted
        status = day.random.choices(("completed", "failed", "cancelled"), weights=(950, 40, 10))[0]
        tokens = round(day.random.lognormvariate(7.2, 0.6))
        cost = (
            round(tokens * 1.3 / 1000 * MODELS[model], 6)
            if workflow.reports_cost and day.chance(0.9)
            else None
        )
        day.add("agent.run_completed", session=session, at=now, status=status,
                durationMs=lasted // timedelta(milliseconds=1), costUsd=cost,
                inputTokens=tokens, outputTokens=round(tokens * 0.3),
                errorType=day.random.choice(ERRORS) if status == "failed" else None, **names)  # fmt: skip
        if status != "failed":
            break
    return now


def ask_approval(day: Day, *, session: str, run: str, draft: str, now: datetime) -> datetime:
    """A RESTRICTED tool waits for a person; returns when it was decided (or when it was given up)."""
    tools = day.random.sample(RESTRICTED_TOOLS, k=day.random.choice((1, 1, 2)))
    has_id = day.chance(0.7)
    names = {"approvalId": day.identifier("ap") if has_id else None, "runId": run}
    day.add("workbench.approval_requested", session=session, at=now, toolIds=tools, contextType="workflow",
            draftId=draft, workflowId=None, **names)  # fmt: skip
    if day.chance(0.05):
        return now + timedelta(minutes=30)
    now += day.seconds(median=200, spread=0.85)
    day.add("workbench.approval_completed", session=session, at=now, approved=day.chance(0.88),
            toolIds=tools if day.chance(0.7) else None,
            approverId=f"user-{day.random.randrange(FOUNDING_USERS):02d}", **names)  # fmt: skip
    return now


# Servers --------------------------------------------------------------------------------------------------


def create_workflows_elsewhere(day: Day) -> None:
    """Workflows that are still made outside the workbench: fewer every week."""
    expected = 1 if day.date.weekday() >= 5 else day.grown(start=11, end=4)
    for _ in range(round(day.random.uniform(0.6, 1.4) * expected)):
        at = day.at(hour=day.random.uniform(7, 19))
        source = day.random.choices(OTHER_ORIGINS, weights=(60, 20, 15, 5))[0]
        created = day.identifier("wf")
        day.add("workflow.created", session="engine-eu-1", at=at, source=source, workflowId=created)


def serve_requests(day: Day) -> None:
    """The app server's requests, a few of them as streams; more of them in working hours."""
    for _ in range(round(day.grown(start=45, end=80) * (0.35 if day.date.weekday() >= 5 else 1))):
        at = day.at(hour=min(max(day.random.gauss(12.5, 4), 0), 23.9))
        route = day.random.choices(ROUTES, weights=(50, 20, 15, 15))[0]
        server = f"appserver-{day.random.randint(1, 2)}"
        status = day.random.choices(
            (200, 201, 400, 404, 429, 500, 503), weights=(860, 60, 25, 20, 12, 15, 8)
        )[0]
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
        worker = f"{server}-worker"
        day.add(
            "appserver.worker_state_changed",
            session=server,
            at=day.at(hour=0.1),
            workerId=worker,
            state="ready",
        )
        if day.chance(0.3):
            restart_worker(day, server=server, worker=worker)
    for _ in range(day.random.randint(2, 6)):
        flush_tool_buffer(day)
    if day.date.weekday() == 6:
        for hour, enabled in ((3.0, True), (3.5, False)):
            day.add(
                "appserver.maintenance_changed", session="appserver-1", at=day.at(hour=hour), enabled=enabled
            )


def restart_worker(day: Day, *, server: str, worker: str) -> None:
    at = day.at(hour=day.random.uniform(1, 22))
    for state, after, backoff, reason in (
        ("restarting", 0, None, "memory_limit"),
        ("backoff", 4, 5000, "start_failed"),
        ("ready", 12, None, None),
    ):
        day.add("appserver.worker_state_changed", session=server, at=at + timedelta(seconds=after),
                workerId=worker, state=state, backoffMs=backoff, reason=reason)  # fmt: skip


def flush_tool_buffer(day: Day) -> None:
    at = day.at(hour=day.random.uniform(6, 20))
    day.add("appserver.tool_buffer_changed", session="appserver-1", at=at, state="started")
    state, reason = day.random.choices((("flushed", None), ("aborted", "client_gone")), weights=(93, 7))[0]
    at += day.seconds(median=2, spread=0.5)
    day.add("appserver.tool_buffer_changed", session="appserver-1", at=at, state=state, reason=reason)


# Mistakes -------------------------------------------------------------------------------------------------

# One for each mistake that a client makes: event, properties, and how far its timestamp is off.
MISTAKES: tuple[tuple[str, dict[str, Any], timedelta], ...] = (
    ("workbench.draft_archived", {"draftId": "d-1"}, timedelta()),
    ("workbench.draft_accepted", {"nodeCount": 4}, timedelta()),
    ("workbench.draft_created", {"source": "clipboard", "nodeCount": "four"}, timedelta()),
    ("workbench.chat_message_sent", {"messageLength": "long"}, timedelta()),
    ("workbench.session_ended", {"durationMs": -5}, timedelta()),
    ("workbench.chat_message_sent", {"messageLength": 12, "mood": "cheerful"}, timedelta()),
    (
        "workbench.approval_requested",
        {"toolIds": ["send_letter"], "contextType": "jo@example.com"},
        timedelta(),
    ),
    ("workbench.session_started", {}, timedelta(days=2)),
    ("workbench.session_started", {}, timedelta(days=-500)),
)


def demo_mistakes(
    *, now: datetime, days: int = DEFAULT_DAYS, seed: int = DEFAULT_SEED
) -> Iterator[tuple[datetime, Event]]:
    """Events that the tracking plan refuses, each with the moment at which it is posted, in that order.

    About one every second day up to now (exclusive); the same first day and seed give the same ones.
    """
    start = first_day(now=now, days=days)
    for index in range(1, days, 2):
        day = start + timedelta(days=index)
        event, properties, offset = MISTAKES[index // 2 % len(MISTAKES)]
        at = datetime.combine(day, time(10, 30), UTC)
        if at < now:
            yield (
                at,
                build_event(event, session="s-old-client", at=at + offset, properties=properties, seed=seed),
            )
