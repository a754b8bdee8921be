"""Posts and their events as texts."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.template.defaultfilters import pluralize
from django.urls import reverse

from kpis.formatting import count_text
from pages.live.state import LiveState
from pages.runs.state import run_url
from pages.runs.texts import precise_text
from pages.thing_links import draft_url, session_url
from telemetry.incoming.events import AcceptedEvent, Incoming, IncomingPost
from telemetry.incoming.filters import EventOutcome
from telemetry.incoming.posts import rejected_in
from telemetry.intake.problems import Problem
from telemetry.models import Arrival, QuarantinedEvent
from telemetry.plan import TrackingPlan
from telemetry.plan.codes import NoticeCode, RejectionCode
from telemetry.quality.rejected import taken_by
from workbench.timelines.events import property_text

LABELS = {
    EventOutcome.ACCEPTED: "Accepted",
    EventOutcome.REJECTED: "Rejected",
    EventOutcome.WARNING: "Warning",
    EventOutcome.DUPLICATE: "Duplicate",
}
# Facts of an event on its line.
CLIPPED = 6
# Codes that the page of rejections explains.
EXPLAINED = {*RejectionCode, NoticeCode.DEPRECATED}


@dataclass(frozen=True, kw_only=True)
class LiveFrame:
    """What all texts of a page depend on. `sees_runs`: its reader may look at runs."""

    state: LiveState
    environment: str
    plan: TrackingPlan
    sees_runs: bool
    zone: ZoneInfo
    now: datetime

    def clock(self, moment: datetime) -> str:
        return precise_text(moment, zone=self.zone, now=self.now)


@dataclass(frozen=True, kw_only=True)
class CountText:
    """How many events of a post had an outcome: "38 accepted"."""

    outcome: str
    text: str


@dataclass(frozen=True, kw_only=True)
class ProblemText:
    """What is wrong and what to change. `takes` is what the plan allows, where the message does not say it."""

    code: str
    url: str
    field: str
    message: str
    takes: str


@dataclass(frozen=True, kw_only=True)
class FactText:
    """A name with its value; `url` leads to what the value names, "" for nowhere."""

    name: str
    value: str
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class LiveEventText:
    """An event of a post. `payload` is the redacted event as JSON, and `permalink` its page; "" where `facts` are it.

    `clip` is the beginning of the facts on a line.
    """

    anchor: str
    outcome: str
    label: str
    name: str
    problems: Sequence[ProblemText]
    clip: str
    facts: Sequence[FactText]
    payload: str = ""
    permalink: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class PostText:
    """A post: when it came, from whom, what became of its events."""

    anchor: str
    received: str
    received_iso: str
    source: str
    key: str
    client: str
    total: str
    counts: Sequence[CountText]
    events: Sequence[LiveEventText]
    more: str
    url: str
    remarks: Sequence[str]


def post_texts(incoming: Incoming, *, frame: LiveFrame) -> list[PostText]:
    return [post_text(post, frame=frame) for post in incoming.posts]


def post_text(post: IncomingPost, *, frame: LiveFrame) -> PostText:
    arrival = post.arrival
    events = arrival.accepted + arrival.duplicates + rejected_in(arrival)
    return PostText(
        anchor=f"post-{arrival.pk}",
        received=frame.clock(arrival.received_at),
        received_iso=arrival.received_at.isoformat(),
        source=arrival.source,
        key=f"{arrival.key.prefix}\N{HORIZONTAL ELLIPSIS}",
        client=arrival.client,
        total=numbered(events, "event"),
        counts=list(count_texts(arrival)),
        events=[
            *(rejected_text(row, frame=frame) for row in post.rejected),
            *(accepted_text(event, frame=frame) for event in post.accepted),
        ],
        more=f"{count_text(post.more)} more" if post.more else "",
        url=LiveState(environment=frame.environment, post=str(arrival.pk)).query(),
        remarks=list(remarks_on(post)),
    )


def numbered(number: int, noun: str) -> str:
    return f"{count_text(number)} {noun}{pluralize(number)}"


def count_texts(arrival: Arrival) -> Iterator[CountText]:
    """What became of its events, each outcome that there was."""
    numbers = {"accepted": arrival.accepted, "rejected": rejected_in(arrival)}
    for outcome, number in numbers.items():
        if number:
            yield CountText(outcome=outcome, text=f"{count_text(number)} {outcome}")
    if arrival.duplicates:
        yield CountText(outcome="duplicate", text=numbered(arrival.duplicates, "duplicate"))


def remarks_on(post: IncomingPost) -> Iterator[str]:
    """What the page cannot show of a post, and why."""
    if post.deleted:
        yield f"{numbered(post.deleted, 'accepted event')} deleted since, by retention or an erasure."
    if post.not_kept:
        yield f"{numbered(post.not_kept, 'rejected event')} not in the quarantine: it keeps 200 of a post at most."


def accepted_text(event: AcceptedEvent, *, frame: LiveFrame) -> LiveEventText:
    raw = event.raw
    outcome = EventOutcome.WARNING if event.warnings else EventOutcome.ACCEPTED
    facts = [
        FactText(
            name="session",
            value=raw.session_id,
            url=session_url(raw.session_id, environment=frame.environment, near=raw.occurred_at),
        ),
        *property_facts(raw.properties, frame=frame),
        FactText(name="timestamp", value=frame.clock(raw.occurred_at)),
        *([FactText(name="id", value=raw.event_id)] if raw.event_id else []),
    ]
    return LiveEventText(
        anchor=f"event-{raw.event_key}",
        outcome=outcome,
        label=LABELS[outcome],
        name=raw.event,
        problems=problem_texts(event.warnings, event=raw.event, plan=frame.plan),
        clip=clipped(facts),
        facts=facts,
    )


def clipped(facts: Sequence[FactText]) -> str:
    return " \N{MIDDLE DOT} ".join(f"{fact.name} {fact.value}" for fact in facts[:CLIPPED])


def property_facts(properties: Mapping[str, Any], *, frame: LiveFrame) -> Iterator[FactText]:
    """What is stored of an event: ids, values of enumerations, tokens, numbers. The plan allows nothing else."""
    for name, value in properties.items():
        url = thing_address(name, value, frame=frame) if isinstance(value, str) else ""
        yield FactText(name=name, value=property_text(value), url=url)


def thing_address(name: str, thing_id: str, *, frame: LiveFrame) -> str:
    """The page of the run or the draft that a property names; "" for other properties."""
    if name == "runId" and frame.sees_runs:
        return run_url(thing_id, environment=frame.environment)
    return draft_url(thing_id, environment=frame.environment) if name == "draftId" else ""


def rejected_text(row: QuarantinedEvent, *, frame: LiveFrame) -> LiveEventText:
    facts = [FactText(name="id", value=row.event_id)] if row.event_id else []
    return LiveEventText(
        anchor=f"rejected-{row.pk}",
        outcome=EventOutcome.REJECTED,
        label=LABELS[EventOutcome.REJECTED],
        name=row.event or "(no name)",
        problems=problem_texts(
            [Problem(error["code"], error["field"], error["message"]) for error in row.errors],
            event=row.event,
            plan=frame.plan,
        ),
        clip=clipped([FactText(name="place in the post", value=str(row.position + 1)), *facts]),
        facts=facts,
        # PostgreSQL keeps no order of its own.
        payload=json.dumps(row.payload, indent=2, ensure_ascii=False, sort_keys=True),
        permalink=reverse("plan-rejected", args=[row.pk]),
        note=f"Replayed {frame.clock(row.replayed_at)}: {row.outcome}" if row.replayed_at else "",
    )


def problem_texts(problems: Iterable[Problem], *, event: str, plan: TrackingPlan) -> list[ProblemText]:
    return [
        ProblemText(
            code=problem.code,
            url=f"{reverse('runbook', args=['rejections'])}#{problem.code}"
            if problem.code in EXPLAINED
            else "",
            field=problem.field,
            message=problem.message,
            takes=what_the_plan_takes(problem, event=event, plan=plan),
        )
        for problem in problems
    ]


def what_the_plan_takes(problem: Problem, *, event: str, plan: TrackingPlan) -> str:
    """What the property at fault takes, by the running plan; "" where the message says it, or there is none.

    A message is short after a post's first 100 problems.
    """
    if problem.code == NoticeCode.DEPRECATED:
        return ""
    takes = taken_by(plan, event=event, field=problem.field)
    return "" if takes in problem.message else takes


def searched_text(incoming: Incoming, *, frame: LiveFrame) -> str:
    """Among what the posts were searched; "" where an index has found them."""
    if incoming.since is None:
        return ""
    return (
        f"Searched the newest {numbered(incoming.searched, 'post')}, back to {frame.clock(incoming.since)}."
    )
