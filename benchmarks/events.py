"""Made-up sessions of the workbench: valid events, each once, in about the mix that a busy team sends."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from random import Random
from typing import Any

import msgspec

# The longest pause between two events of a session.
LONGEST_STEP_SECONDS = 40

encode = msgspec.json.encode


@dataclass(frozen=True, kw_only=True)
class Team:
    """How many workflows and agents the events name."""

    workflows: int = 12
    agents: int = 3


TEAM = Team()


class Session:
    """One session as it is being made up; `events` are JSON texts in the order of their timestamps."""

    def __init__(self, *, random: Random, start: datetime, end: datetime, team: Team = TEAM) -> None:
        self.random = random
        self.team = team
        self.now = start
        # Exclusive: nothing happens at or after it.
        self.end = end
        self.name = self.identifier("s")
        self.events: list[bytes] = []

    def identifier(self, prefix: str) -> str:
        return f"{prefix}-{self.random.getrandbits(96):024x}"

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def number(self, smallest: int, largest: int) -> int:
        return smallest + int(self.random.random() * (largest - smallest + 1))

    def add(self, event: str, **properties: Any) -> None:
        """The next event, a moment after the one before."""
        step = timedelta(milliseconds=self.number(1000, LONGEST_STEP_SECONDS * 1000))
        self.now = min(self.now + step, self.end - timedelta(milliseconds=1))
        self.events.append(
            encode(
                {
                    "event": event,
                    "id": f"{self.random.getrandbits(128):032x}",
                    "sessionId": self.name,
                    "timestamp": self.now.isoformat(timespec="milliseconds"),
                    "properties": properties,
                }
            )
        )


def make_events(
    count: int | None, *, seed: int, start: datetime, end: datetime, user: str = "", team: Team = TEAM
) -> Iterator[bytes]:
    """`count` JSON texts, one an event, with timestamps in [start, end) (aware); of one user if there is a name.

    With None as the count there is no end. The same arguments give the same events; two seeds share no id, session,
    draft or run.
    """
    random = Random(f"{seed}:{start.isoformat()}{user}")
    return islice(endless_events(random, start=start, end=end, user=user, team=team), count)


def endless_events(
    random: Random, *, start: datetime, end: datetime, user: str, team: Team
) -> Iterator[bytes]:
    while True:
        begin = start + (end - start) * random.random()
        yield from make_session(Session(random=random, start=begin, end=end, team=team), user=user)


def make_session(session: Session, *, user: str) -> list[bytes]:
    user = user or f"u_{session.random.getrandbits(128):032x}"
    session.add("workbench.session_started", userId=user)
    talk(session)
    for _ in range(session.number(0, 2)):
        make_draft(session)
    serve_requests(session)
    session.add("workbench.session_ended", userId=user, durationMs=session.number(10_000, 3_000_000))
    return session.events


def talk(session: Session) -> None:
    for _ in range(session.number(2, 8)):
        session.add("workbench.chat_message_sent", messageLength=session.number(5, 400))
        if session.chance(0.5):
            session.add("workbench.chat_tool_invoked", toolId=f"tool-{session.number(1, 20)}", success=True)
        if session.chance(0.3):
            session.add("workbench.template_suggested", templateId=f"tpl-{session.number(1, 40)}")


def make_draft(session: Session) -> None:
    """A draft from its creation to its acceptance, rejection or oblivion; an accepted one is run."""
    draft = session.identifier("d")
    source = session.random.choice(("chat", "template", "blank"))
    # An older client creates drafts without saying which.
    named = {"draftId": draft} if session.chance(0.93) else {}
    session.add("workbench.draft_created", source=source, nodeCount=session.number(1, 6), **named)
    for _ in range(session.number(0, 4)):
        nodes = session.number(2, 30)
        session.add("workbench.draft_edited", draftId=draft, editType="chat", nodeCount=nodes)
    if session.chance(0.35):
        session.add("workbench.template_inserted", draftId=draft, templateId=f"tpl-{session.number(1, 40)}")
    if session.chance(0.75):
        session.add("workbench.draft_accepted", draftId=draft, source=source)
        run_workflow(session, draft=draft)
    elif session.chance(0.5):
        session.add("workbench.draft_rejected", draftId=draft)


def run_workflow(session: Session, *, draft: str) -> None:
    number = session.number(1, session.team.workflows)
    names = {
        "runId": session.identifier("r"),
        "workflowId": f"wf-{number}",
        "workflowName": f"Workflow-{number}",
    }
    session.add("workbench.workflow_run_started", draftId=draft, trigger="user", **names)
    for agent in range(session.number(1, 3)):
        # Each workflow has agents of its own, as far as there are enough.
        run_agent(session, run=names["runId"], agent=(3 * number + agent) % session.team.agents)
    if session.chance(0.3):
        ask_approval(session)
    status = "completed" if session.chance(0.9) else "failed"
    session.add(
        "workbench.workflow_run_completed",
        status=status,
        durationMs=session.number(1000, 900_000),
        **names,
    )


def run_agent(session: Session, *, run: str, agent: int) -> None:
    names = {
        "runId": run,
        "agentRunId": session.identifier("a"),
        "agentName": f"agent-{agent}",
        "model": f"model-{session.number(1, 3)}",
    }
    session.add("agent.run_started", **names)
    session.add(
        "agent.run_completed",
        status="completed" if session.chance(0.95) else "failed",
        durationMs=session.number(100, 60_000),
        costUsd=session.number(0, 9999) / 10_000,
        **names,
    )


def ask_approval(session: Session) -> None:
    named = {"approvalId": session.identifier("ap")} if session.chance(0.8) else {}
    tools = [f"tool-{session.number(1, 20)}"]
    session.add("workbench.approval_requested", toolIds=tools, contextType="incident", **named)
    session.add("workbench.approval_completed", approved=session.chance(0.8), **named)


def serve_requests(session: Session) -> None:
    """What the app server reports of its requests; its session is the server's own."""
    person, session.name = session.name, "server-1"
    for _ in range(session.number(0, 3)):
        session.add(
            "appserver.request_completed",
            route="/api/chat",
            method="POST",
            status=200,
            durationMs=session.number(3, 900),
            model="model-1",
        )
    session.name = person


def make_bodies(events: Iterator[bytes], *, size: int) -> list[bytes]:
    """The events as request bodies, `size` in each; the last may hold fewer."""
    bodies = []
    while some := list(islice(events, size)):
        bodies.append(b'{"events": [' + b", ".join(some) + b"]}")
    return bodies
