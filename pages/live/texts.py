"""Posts and their events as texts."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kpis.formatting import count_text
from pages.live.state import LiveState
from pages.runs.state import run_url
from pages.runs.texts import precise_text
from pages.thing_links import draft_url, session_url
from telemetry.incoming.events import AcceptedEvent, Incoming, IncomingPost
from telemetry.incoming.filters import EventOutcome
from telemetry.incoming.posts import rejected_in
from telemetry.intake.advice import KINDS, what_to_send
from telemetry.intake.problems import Problem
from telemetry.models import Arrival, QuarantinedEvent
from telemetry.plan import PropertyDefinition, PropertyType, TrackingPlan
from telemetry.plan.codes import NoticeCode, RejectionCode
from telemetry.quality.rejected import property_at
from web.languages import lazy_text
from workbench.timelines.events import property_text

LABELS = {
    EventOutcome.ACCEPTED: lazy_text("Accepted"),
    EventOutcome.REJECTED: lazy_text("Rejected"),
    EventOutcome.WARNING: lazy_text("Warning"),
    EventOutcome.DUPLICATE: lazy_text("Duplicate"),
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
        total=ngettext("%(count)s event", "%(count)s events", events) % {"count": count_text(events)},
        counts=list(count_texts(arrival)),
        events=[
            *(rejected_text(row, frame=frame) for row in post.rejected),
            *(accepted_text(event, frame=frame) for event in post.accepted),
        ],
        more=_("%(count)s more") % {"count": count_text(post.more)} if post.more else "",
        url=LiveState(environment=frame.environment, post=str(arrival.pk)).query(),
        remarks=list(remarks_on(post)),
    )


def count_texts(arrival: Arrival) -> Iterator[CountText]:
    """What became of its events, each outcome that there was."""
    numbers = {
        "accepted": (arrival.accepted, _("%(count)s accepted")),
        "rejected": (rejected_in(arrival), _("%(count)s rejected")),
        "duplicate": (
            arrival.duplicates,
            ngettext("%(count)s duplicate", "%(count)s duplicates", arrival.duplicates),
        ),
    }
    for outcome, (number, text) in numbers.items():
        if number:
            yield CountText(outcome=outcome, text=text % {"count": count_text(number)})


def remarks_on(post: IncomingPost) -> Iterator[str]:
    """What the page cannot show of a post, and why."""
    if post.deleted:
        deleted = ngettext(
            "%(count)s accepted event deleted since, by retention or an erasure.",
            "%(count)s accepted events deleted since, by retention or an erasure.",
            post.deleted,
        )
        yield deleted % {"count": count_text(post.deleted)}
    if post.not_kept:
        not_kept = ngettext(
            "%(count)s rejected event not in the quarantine: it keeps 200 of a post at most.",
            "%(count)s rejected events not in the quarantine: it keeps 200 of a post at most.",
            post.not_kept,
        )
        yield not_kept % {"count": count_text(post.not_kept)}


def accepted_text(event: AcceptedEvent, *, frame: LiveFrame) -> LiveEventText:
    raw = event.raw
    outcome = EventOutcome.WARNING if event.warnings else EventOutcome.ACCEPTED
    facts = [
        FactText(
            name=_("session"),
            value=raw.session_id,
            url=session_url(raw.session_id, environment=frame.environment, near=raw.occurred_at),
        ),
        *property_facts(raw.properties, frame=frame),
        FactText(name=_("timestamp"), value=frame.clock(raw.occurred_at)),
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
        name=row.event or _("(no name)"),
        problems=problem_texts(
            [Problem(error["code"], error["field"], error["message"]) for error in row.errors],
            event=row.event,
            plan=frame.plan,
        ),
        clip=clipped([FactText(name=_("place in the post"), value=str(row.position + 1)), *facts]),
        facts=facts,
        # PostgreSQL keeps no order of its own.
        payload=json.dumps(row.payload, indent=2, ensure_ascii=False, sort_keys=True),
        permalink=reverse("plan-rejected", args=[row.pk]),
        note=replay_text(row, at=frame.clock(row.replayed_at)) if row.replayed_at else "",
    )


def replay_text(row: QuarantinedEvent, *, at: str) -> str:
    return _("Replayed %(at)s: %(outcome)s") % {"at": at, "outcome": row.outcome}


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
    part = property_at(plan, event=event, field=problem.field)
    return "" if part is None or what_to_send(part) in problem.message else taken_text(part)


def taken_text(definition: PropertyDefinition | None) -> str:
    """What values a property takes, as telemetry.intake.advice says it to clients; "" for no property."""
    if definition is None:
        return ""
    if definition.type is PropertyType.ENUM:
        return _("one of: %(values)s") % {"values": ", ".join(definition.values)}
    if not definition.type.is_numeric:
        return _(KINDS[definition.type])
    sentence = (
        _("a whole number from %(minimum)s to %(maximum)s")
        if definition.type.is_whole
        else _("a number from %(minimum)s to %(maximum)s")
    )
    return sentence % {"minimum": definition.minimum, "maximum": definition.maximum}


def searched_text(incoming: Incoming, *, frame: LiveFrame) -> str:
    """Among what the posts were searched; "" where an index has found them."""
    if incoming.since is None:
        return ""
    sentence = ngettext(
        "Searched the newest %(count)s post, back to %(at)s.",
        "Searched the newest %(count)s posts, back to %(at)s.",
        incoming.searched,
    )
    return sentence % {"count": count_text(incoming.searched), "at": frame.clock(incoming.since)}
