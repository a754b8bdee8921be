"""Random event streams: small and rich in collisions for hypothesis, or large and realistic from a seed.

Every event is a JSON object that a client could post and that the plan accepts.
"""

import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from tests.oracle.compute import Entered, Post, first_of_each, identity

Document = dict[str, Any]
Documents = st.SearchStrategy[Document]
Draw = Callable[[st.SearchStrategy[Any]], Any]

ENVIRONMENTS = ("production", "staging")
SOURCES = ("web", "server")
# Names that differ only where a locale's order would not look: string order must decide.
SESSIONS = ("s-1", "S-1", "s_2")
DRAFTS = ("d-1", "D-1", "d1", "d_2")
RUNS = ("r-1", "R-1", "r_2")
AGENT_RUNS = ("a-1", "A-1", "a_2")
APPROVALS = ("p-1", "P-1", "p_2")
TOOLS = ("t-1", "T-1", "t_2")
AGENTS = ("planner", "Planner", "fix_er")
WORKFLOWS = ("report", "Report", "Überblick", "daily report")
DURATIONS_MS = (0, 1, 3, 999, 60_000, 61_001, 7_200_000, 2_592_000_000)
COSTS = (0, 0.0, 5e-07, 1.5e-06, 2.5e-06, 0.01, 0.1, 1, 1.0000005, 12.345678, 999_999.999999, 1_000_000)
STATUSES = ("completed", "failed", "cancelled")
TRIGGERS = ("user", "schedule", "webhook", "api", "system")


@dataclass(frozen=True, kw_only=True)
class Season:
    """A moment at which the world stands still, and moments before it at which a bucket or a day changes."""

    now: datetime
    anchors: Sequence[datetime]
    zones: Sequence[str]


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


SPRING = Season(
    now=utc(2026, 4, 10, 12),
    anchors=[
        utc(2026, 3, 28, 22),  # Beirut skips midnight
        utc(2026, 3, 28, 23),  # Berlin's day of 23 hours begins
        utc(2026, 3, 29, 0),
        utc(2026, 3, 29, 1),  # Berlin's clocks go forward
        utc(2026, 3, 29, 22),  # and that day ends
        utc(2026, 4, 2, 18, 15),  # midnight in Kathmandu
        utc(2026, 4, 10, 11, 45),
    ],
    zones=("UTC", "Europe/Berlin", "Asia/Kathmandu", "Asia/Beirut"),
)
AUTUMN = Season(
    now=utc(2026, 11, 5, 12),
    anchors=[
        utc(2026, 10, 24, 22),  # Berlin's day of 25 hours begins
        utc(2026, 10, 25, 0),
        utc(2026, 10, 25, 1),  # Berlin's clocks go back
        utc(2026, 10, 25, 23),  # and that day ends
        utc(2026, 11, 1, 4),  # Havana's midnight comes twice
        utc(2026, 11, 1, 5),
        utc(2026, 11, 5, 11, 45),
    ],
    zones=("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Havana"),
)
SEASONS = (SPRING, AUTUMN)
OFFSETS = [
    timedelta(microseconds=n)
    for n in (
        -900_000_000,
        -60_000_000,
        -1000,
        -1,
        0,
        1,
        1000,
        59_999_999,
        60_000_000,
        450_000_500,
        900_000_000,
    )
]
WRITTEN_IN = [UTC, timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(hours=-8))]


@dataclass(frozen=True, kw_only=True)
class Stream:
    """What is posted up to `now`, in no particular order, and what was entered by hand."""

    now: datetime
    zone: str
    posts: Sequence[Post]
    entered: Sequence[Entered]


# Events ---------------------------------------------------------------------------------------------------


def pick(values: Sequence[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


def event(name: str, required: Mapping[str, Any], optional: Mapping[str, Any]) -> Documents:
    properties = st.fixed_dictionaries(dict(required), optional=dict(optional))
    return st.builds(lambda given: {"event": name, "properties": given}, properties)


def tools(min_size: int) -> st.SearchStrategy[list[str]]:
    return st.lists(pick(TOOLS), min_size=min_size, max_size=3)


DRAFT_SOURCES = pick(("chat", "template", "blank"))
COUNTS = pick((0, 1, 2**31 - 1))
WORKFLOW = {
    "workflowId": pick(("w-1", "W-1", "w_2")),
    "workflowName": pick(WORKFLOWS),
    "traceId": pick(("x", "y")),
    "retryOfRunId": pick(RUNS),
}
TRACES = pick(("x", "y", "s-1"))
SPANS = pick(("1", "2", "3"))
SPAN = {"traceId": TRACES, "spanId": SPANS, "parentSpanId": SPANS}
AGENT = {"runId": pick(RUNS), "agentRunId": pick(AGENT_RUNS), "agentName": pick(AGENTS)}
AGENT_MORE = {"model": pick(("m-1", "M-1")), "action": pick(("plan", "act")), "attempt": pick((1, 2))}

DRAFT_EVENTS = (
    event(
        "workbench.draft_created", {"source": DRAFT_SOURCES}, {"draftId": pick(DRAFTS), "nodeCount": COUNTS}
    ),
    event("workbench.draft_created", {"source": DRAFT_SOURCES}, {"templateId": pick(("c-1",))}),
    event("workbench.draft_accepted", {"draftId": pick(DRAFTS)}, {}),
    event("workbench.draft_accepted", {"draftId": pick(DRAFTS)}, {"source": DRAFT_SOURCES}),
    event("workbench.template_inserted", {"draftId": pick(DRAFTS), "templateId": pick(("c-1", "c-2"))}, {}),
    event(
        "workflow.created",
        {"source": pick(("manual", "api", "import", "other"))},
        {"workflowId": pick(("w-1",))},
    ),
)
RUN_EVENTS = (
    event(
        "workbench.workflow_run_started",
        {"draftId": pick(DRAFTS), "runId": pick(RUNS)},
        {**WORKFLOW, "trigger": pick(TRIGGERS)},
    ),
    event(
        "workbench.workflow_run_completed",
        {"runId": pick(RUNS), "status": pick(STATUSES)},
        {
            **WORKFLOW,
            "durationMs": pick(DURATIONS_MS),
            "draftId": pick(DRAFTS),
            "errorType": pick(("timeout",)),
        },
    ),
    event("workbench.workflow_run_completed", {"runId": pick(RUNS), "status": pick(STATUSES)}, {}),
)
AGENT_EVENTS = (
    event("agent.run_started", AGENT, AGENT_MORE),
    event(
        "agent.run_completed",
        {**AGENT, "status": pick(STATUSES)},
        {
            **AGENT_MORE,
            "durationMs": pick(DURATIONS_MS),
            "inputTokens": COUNTS,
            "errorType": pick(("refused",)),
        },
    ),
    event("agent.run_completed", {**AGENT, "status": pick(STATUSES), "costUsd": pick(COSTS)}, SPAN),
    event("agent.run_started", {**AGENT, **SPAN}, {}),
    event(
        "agent.model_called",
        {"traceId": TRACES, "spanId": SPANS},
        {
            "parentSpanId": SPANS,
            "runId": pick(RUNS),
            "agentRunId": pick(AGENT_RUNS),
            "inputTokens": COUNTS,
            "costUsd": pick(COSTS),
        },
    ),
    event(
        "agent.model_called",
        {
            "traceId": TRACES,
            "spanId": SPANS,
            "parentSpanId": SPANS,
            "runId": pick(RUNS),
            "costUsd": pick(COSTS),
        },
        {},
    ),
)
APPROVAL_EVENTS = (
    event("workbench.approval_requested", {"toolIds": tools(0), "contextType": pick(("workflow",))}, {}),
    event(
        "workbench.approval_requested",
        {"toolIds": tools(1), "contextType": pick(("workflow", "incident"))},
        {"approvalId": pick(APPROVALS), "runId": pick(RUNS)},
    ),
    event("workbench.approval_completed", {"approved": st.booleans()}, {"toolIds": tools(0)}),
    event(
        "workbench.approval_completed",
        {"approved": st.booleans()},
        {"toolIds": tools(1), "approvalId": pick(APPROVALS), "approverId": pick(("u-1", "u-2"))},
    ),
)
OTHER_EVENTS = (
    event("workbench.session_started", {}, {"userId": pick(("u-1", "u-2"))}),
    event("workbench.session_ended", {}, {"durationMs": pick(DURATIONS_MS)}),
    event("workbench.draft_rejected", {"draftId": pick(DRAFTS)}, {"source": DRAFT_SOURCES}),
    event("workbench.draft_edited", {"draftId": pick(DRAFTS), "editType": pick(("chat", "canvas"))}, {}),
    event("workbench.template_viewed", {"templateId": pick(("c-1",))}, {"source": pick(("library",))}),
    event("workbench.chat_message_sent", {}, {"messageLength": COUNTS, "hasAttachment": st.booleans()}),
    event("workbench.chat_message_sent", {}, {}),
    event("workbench.chat_tool_invoked", {"toolId": pick(TOOLS)}, {"success": st.booleans()}),
    event("workbench.template_suggested", {"templateId": pick(("c-1", "c-2"))}, {"accepted": st.booleans()}),
    event("appserver.stream_opened", {"streamId": pick(("x-1", "x-2"))}, {}),
    event("appserver.stream_closed", {"streamId": pick(("x-1", "x-2"))}, {}),
    event(
        "appserver.worker_state_changed",
        {"workerId": pick(("k-1",)), "state": pick(("ready", "backoff"))},
        {},
    ),
    event("appserver.maintenance_changed", {"enabled": st.booleans()}, {}),
)
# A session that bears the id of the trace that an event names is none.
FUNNEL_EVENTS = (
    *OTHER_EVENTS[:1],
    *DRAFT_EVENTS[:-1],
    *RUN_EVENTS,
    event("workbench.workflow_run_started", {"runId": pick(RUNS), "traceId": pick(SESSIONS)}, {}),
)
# A stream that speaks of few kinds of things gives them more occasions to meet.
THEMES = (
    DRAFT_EVENTS,
    APPROVAL_EVENTS,
    RUN_EVENTS + AGENT_EVENTS,
    DRAFT_EVENTS + RUN_EVENTS + AGENT_EVENTS + APPROVAL_EVENTS + OTHER_EVENTS,
    FUNNEL_EVENTS,
)


# Streams --------------------------------------------------------------------------------------------------


@st.composite
def streams(draw: Draw, *, max_events: int = 40) -> Stream:
    """A stream of at most `max_events` events about few things at few moments, resends not included."""
    season = draw(pick(SEASONS))
    moments = draw(st.lists(moments_of(season), min_size=1, max_size=8, unique=True))
    theme = draw(pick(THEMES))
    environments = draw(pick((ENVIRONMENTS[:1], ENVIRONMENTS)))
    sessions = draw(pick((SESSIONS[:1], SESSIONS)))
    post = posts_of(theme, moments=moments, environments=environments, sessions=sessions)
    posts = draw(st.lists(post, min_size=1, max_size=max_events))
    zone = draw(pick(season.zones))
    entered = draw(st.lists(entered_counts(season), max_size=2, unique_by=place_of_count))
    return Stream(now=season.now, zone=zone, posts=settled(posts), entered=entered)


def moments_of(season: Season) -> st.SearchStrategy[datetime]:
    moments = st.builds(lambda anchor, offset: anchor + offset, pick(season.anchors), pick(OFFSETS))
    return moments.filter(lambda moment: moment <= season.now)


def posts_of(
    theme: Sequence[Documents],
    *,
    moments: Sequence[datetime],
    environments: Sequence[str],
    sessions: Sequence[str],
) -> st.SearchStrategy[Post]:
    return st.builds(
        posted,
        st.one_of(*theme),
        environment=pick(environments),
        source=pick(SOURCES),
        session=pick(sessions),
        moment=pick(moments),
        written_in=pick(WRITTEN_IN),
        event_id=st.none() | st.integers(0, 9).map("e-{}".format),
    )


def posted(
    document: Document,
    *,
    environment: str,
    source: str,
    session: str,
    moment: datetime,
    written_in: timezone = UTC,
    event_id: str | None = None,
) -> Post:
    named = {} if event_id is None else {"id": event_id}
    timestamp = moment.astimezone(written_in).isoformat().replace("+00:00", "Z")
    whole = {**document, **named, "sessionId": session, "timestamp": timestamp}
    return Post(environment=environment, source=source, document=whole)


def settled(posts: Iterable[Post]) -> list[Post]:
    """The posts, with another id for a different event of the same id: which comes first would decide."""
    taken: dict[Any, Post] = {}
    for number, post in enumerate(posts):
        if "id" in post.document and taken.get(identity(post), post) != post:
            document = {**post.document, "id": f"{post.document['id']}-{number}"}
            post = Post(environment=post.environment, source=post.source, document=document)
        taken[identity(post)] = post
    return list(taken.values())


def place_of_count(entered: Entered) -> tuple[Any, ...]:
    return entered.environment, entered.date, entered.source


def entered_counts(season: Season) -> st.SearchStrategy[Entered]:
    return st.builds(
        Entered,
        environment=pick(ENVIRONMENTS),
        date=pick([anchor.date() for anchor in season.anchors]),
        source=pick(("manual", "spreadsheet", "workbench")),
        workflows=pick((0, 1, 7)),
    )


# Deliveries -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One request: events of one environment and source, through one of their keys."""

    environment: str
    source: str
    key: int
    documents: Sequence[bytes]


def deliveries(posts: Sequence[Post], *, seed: int, keys: int = 2) -> list[Batch]:
    """The posts in random order and batches, some of them several times, as a client's retries would."""
    dice = random.Random(seed)
    again = [post for post in posts if dice.random() < 0.3]
    shuffled = [*posts, *again, *dice.sample(again, len(again) // 2)]
    dice.shuffle(shuffled)
    batches = []
    while shuffled:
        same = [post for post in shuffled if (post.environment, post.source) == place_of(shuffled[0])]
        taken = same[: dice.choice((1, 2, 3, 5, 8, len(same)))]
        for post in taken:
            shuffled.remove(post)
        batches.append(
            Batch(
                environment=taken[0].environment,
                source=taken[0].source,
                key=dice.randrange(keys),
                documents=[json.dumps(post.document, ensure_ascii=False).encode() for post in taken],
            )
        )
    dice.shuffle(batches)
    return batches


def place_of(post: Post) -> tuple[str, str]:
    return post.environment, post.source


# Large and realistic --------------------------------------------------------------------------------------


class Storyteller:
    """Tells what sessions of people and servers would send, from a seed; it is all in `posts`."""

    def __init__(self, *, seed: int, now: datetime, days: int, environment: str) -> None:
        self.dice = random.Random(seed)
        self.now = now
        self.days = days
        self.environment = environment
        self.posts: list[Post] = []
        self.clock = now
        self.session = ""

    def say(self, name: str, *, via: str = "web", **properties: Any) -> None:
        """An event a moment after the one before it; some come at the same moment."""
        self.clock += timedelta(milliseconds=self.dice.choice((0, 1, 350, 4_000, 45_000, 400_000)))
        given = {key: value for key, value in properties.items() if value is not None}
        self.posts.append(
            posted(
                {"event": name, "properties": given},
                environment=self.environment,
                source=via,
                session=self.session,
                moment=min(self.clock, self.now),
                event_id=self.maybe(f"{self.session}:{len(self.posts)}", 0.9),
            )
        )

    def maybe(self, value: Any, chance: float = 0.5) -> Any:
        return value if self.dice.random() < chance else None

    def tell_session(self, number: int) -> None:
        self.session = f"s{number}"
        self.clock = self.now - timedelta(seconds=self.dice.randrange(3600, self.days * 86_400))
        self.say("workbench.session_started", userId=self.maybe(f"u{number % 50}"))
        for draft in range(self.dice.choice((0, 1, 1, 2, 3))):
            self.tell_draft(f"{self.session}-d{draft}")
        self.say("workbench.session_ended", durationMs=self.maybe(self.dice.randrange(3_600_000)))

    def tell_draft(self, draft: str) -> None:
        for _ in range(self.dice.randrange(4)):
            self.say("workbench.chat_message_sent", messageLength=self.dice.randrange(500))
            if self.dice.random() < 0.4:
                self.say("workbench.template_suggested", templateId="c-1", draftId=self.maybe(draft))
        source = self.dice.choice(("chat", "chat", "template", "blank"))
        self.say("workbench.draft_created", source=source, draftId=self.maybe(draft, 0.8))
        if self.maybe(True, 0.3):
            self.say("workbench.template_inserted", templateId="c-2", draftId=draft)
        if self.maybe(True, 0.1):
            self.say("workflow.created", via="server", source=self.dice.choice(("manual", "api", "import")))
        if self.maybe(True, 0.7):
            self.say("workbench.draft_accepted", draftId=draft)
            self.tell_run(f"{draft}-r", draft=draft)

    def tell_run(self, run: str, *, draft: str) -> None:
        name = self.maybe(self.dice.choice(WORKFLOWS), 0.8)
        trigger = self.maybe(self.dice.choice(TRIGGERS))
        self.say("workbench.workflow_run_started", via="server", draftId=draft, runId=run, trigger=trigger)
        for agent_run in range(self.dice.randrange(4)):
            self.tell_agent_run(f"{run}-a{agent_run}", run=run)
        if self.maybe(True, 0.4):
            self.tell_approval(self.maybe(f"{run}-p"), tools=self.dice.sample(TOOLS, 2))
        duration = self.maybe(self.dice.randrange(7_200_000))
        self.say(
            "workbench.workflow_run_completed",
            via="server",
            runId=run,
            status=self.dice.choice(STATUSES),
            workflowName=name,
            durationMs=duration,
        )

    def tell_agent_run(self, agent_run: str, *, run: str) -> None:
        names = {"runId": run, "agentRunId": agent_run, "agentName": self.dice.choice(AGENTS)}
        cost = self.maybe(self.dice.randrange(5_000_000) / 10_000_000)
        self.say("agent.run_started", via="server", **names)
        self.say(
            "agent.run_completed", via="server", **names, status=self.dice.choice(STATUSES), costUsd=cost
        )

    def tell_approval(self, approval: str | None, *, tools: list[str]) -> None:
        self.say("workbench.approval_requested", toolIds=tools, contextType="workflow", approvalId=approval)
        if self.maybe(True, 0.9):
            named = self.maybe(tools[::-1])
            approved = self.dice.random() < 0.8
            self.say("workbench.approval_completed", approved=approved, toolIds=named, approvalId=approval)


def realistic(
    *, seed: int, now: datetime, sessions: int, days: int = 20, environment: str = "production"
) -> list[Post]:
    """What so many sessions send in the days before `now`, about 14 events each; a seed tells it all."""
    teller = Storyteller(seed=seed, now=now, days=days, environment=environment)
    for number in range(sessions):
        teller.tell_session(number)
    return first_of_each(teller.posts)
