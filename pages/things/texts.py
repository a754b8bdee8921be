"""What the pages of things print."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.template.defaultfilters import pluralize

from kpis.formatting import DASH, Figure, count_text, moment_text
from pages.runs.detail_texts import rejected_rows
from pages.runs.state import run_url
from pages.runs.texts import StateBadge, ending_badge, precise_text, seconds_text
from pages.thing_links import LinkedFact, approval_url, draft_url, session_url
from workbench.models import Draft, WorkflowRun
from workbench.runs.lengths import MICROSECOND, taken
from workbench.timelines.approvals import ApprovalDetail, ListedApproval
from workbench.timelines.drafts import DraftDetail
from workbench.timelines.events import Timeline, TimelineEvent
from workbench.timelines.sessions import COUNTED_EVENTS, SessionDetail

# What the head of a session counts, by event.
COUNTED_NAMES = (
    ("workbench.chat_message_sent", "Chat messages"),
    ("workbench.template_suggested", "Templates suggested"),
    ("workbench.template_viewed", "Templates viewed"),
    ("workbench.template_inserted", "Templates inserted"),
    ("workbench.chat_tool_invoked", "Tools used"),
)
# The property that names a thing, and the page of it.
LINKED = {"draftId": draft_url, "approvalId": approval_url}
LINKED_RUNS = ("runId", "retryOfRunId")


@dataclass(frozen=True, kw_only=True)
class TimelineEventText:
    """A row of the timeline. `session` is None where all events are of the page's own session.

    `is_raw` says that the raw event was found, `is_gone` that retention deleted it.
    """

    at: str
    at_iso: str
    group: str
    name: str
    facts: Sequence[LinkedFact]
    session: LinkedFact | None
    source: str
    is_raw: bool
    is_gone: bool


@dataclass(frozen=True, kw_only=True)
class ThingRow:
    """A thing in a list on another one's page. `badge` has a shape of runs.texts.StateBadge."""

    thing_id: str
    url: str
    badge: StateBadge
    begun: str
    length: str
    note: str


def between(start: datetime | None, end: datetime | None) -> str:
    """How long it took; a dash where one of both is not known, or they are the wrong way round."""
    if start is None or end is None or end < start:
        return DASH
    return seconds_text((end - start) // MICROSECOND)


# The timeline ----------------------------------------------------------------------------------------------


def timeline_context(
    timeline: Timeline,
    *,
    environment: str,
    own: str,
    has_sessions: bool,
    may_see_runs: bool,
    zone: ZoneInfo,
    now: datetime,
) -> dict[str, Any]:
    """What _timeline.html prints. `own` is the page's own id: it is not a link on its own page."""
    return {
        "events": [
            event_text(
                event,
                environment=environment,
                own=own,
                has_sessions=has_sessions,
                may_see_runs=may_see_runs,
                kept_from=timeline.raw_kept_from,
                zone=zone,
                now=now,
            )
            for event in timeline.events
        ],
        "events_left_out": timeline.left_out,
        "has_sessions": has_sessions,
        "rejected": rejected_rows(timeline.rejected, zone=zone, now=now),
        "pruned": pruned_text(timeline, zone=zone),
    }


def event_text(
    event: TimelineEvent,
    *,
    environment: str,
    own: str,
    has_sessions: bool,
    may_see_runs: bool,
    kept_from: datetime | None,
    zone: ZoneInfo,
    now: datetime,
) -> TimelineEventText:
    group, _, name = event.event.partition(".")
    session = None
    if has_sessions and event.session_id:
        url = session_url(event.session_id, environment=environment, near=event.at)
        session = LinkedFact("Session", event.session_id, url)
    return TimelineEventText(
        at=precise_text(event.at, zone=zone, now=now),
        at_iso=event.at.isoformat(),
        group=group,
        name=name.replace("_", " ") or group,
        facts=[
            fact_of(name, value, environment=environment, may_see_runs=may_see_runs)
            for name, value in event.ids.items()
            if value != own
        ],
        session=session,
        source=event.source or DASH,
        is_raw=event.is_raw,
        is_gone=not event.is_raw and kept_from is not None and event.at < kept_from,
    )


def fact_of(name: str, value: str, *, environment: str, may_see_runs: bool) -> LinkedFact:
    if name in LINKED_RUNS:
        return LinkedFact(name, value, run_link(value, environment=environment, may_see_runs=may_see_runs))
    link = LINKED.get(name)
    return LinkedFact(name, value, link(value, environment=environment) if link else "")


def run_link(run_id: str, *, environment: str, may_see_runs: bool) -> str:
    """The page of a run; "" for those who may not see it."""
    return run_url(run_id, environment=environment) if run_id and may_see_runs else ""


def pruned_text(timeline: Timeline, *, zone: ZoneInfo) -> str:
    """Says that raw events are gone; "" where they are not."""
    if not timeline.is_pruned or timeline.raw_kept_from is None:
        return ""
    before = moment_text(timeline.raw_kept_from, zone=zone)
    return f"Retention deleted the raw events before {before}. What they said of things is kept and shown."


# A session -------------------------------------------------------------------------------------------------


def session_context(
    detail: SessionDetail, *, may_see_runs: bool, zone: ZoneInfo, now: datetime
) -> dict[str, Any]:
    session, environment = detail.session, detail.environment
    started = session.started_at if session else None
    ended = session.ended_at if session else None
    facts = [
        LinkedFact("Environment", environment),
        LinkedFact("User (keyed hash)", detail.user_hash),
        LinkedFact("Ended", precise_text(ended, zone=zone, now=now) if ended else ""),
        *steps_of(detail, zone=zone, now=now),
    ]
    return {
        "kind": "Session",
        "thing_id": detail.session_id,
        "tiles": [
            Figure("Started", precise_text(started, zone=zone, now=now)),
            Figure("Duration", session_length(detail)),
            *counts_of(detail),
        ],
        "facts": [fact for fact in facts if fact.text],
        "counts_note": counts_note(detail),
        "drafts": [draft_row(draft, zone=zone, now=now) for draft in detail.drafts],
        "unnamed_drafts": unnamed_text(detail),
        "runs": [run_row(run, may_see_runs=may_see_runs, zone=zone, now=now) for run in detail.runs],
        "approvals": [
            approval_row(approval, environment=environment, zone=zone, now=now)
            for approval in detail.approvals
        ],
        "has_things": True,
        **timeline_context(
            detail.timeline,
            environment=environment,
            own=detail.session_id,
            has_sessions=False,
            may_see_runs=may_see_runs,
            zone=zone,
            now=now,
        ),
    }


def session_length(detail: SessionDetail) -> str:
    """As its end reports it, else from start to end."""
    session = detail.session
    if session is None:
        return DASH
    if session.duration_ms is not None and session.duration_ms >= 0:
        return seconds_text(session.duration_ms * 1000)
    return between(session.started_at, session.ended_at)


def counts_of(detail: SessionDetail) -> list[Figure]:
    """Of raw events: a dash for what is none of them where they may be gone."""
    nothing = DASH if detail.timeline.is_pruned else "0"
    return [
        Figure(label, count_text(detail.counts[name]) if detail.counts.get(name) else nothing)
        for name, label in COUNTED_NAMES
    ]


def counts_note(detail: SessionDetail) -> str:
    if sum(detail.counts.values()) >= COUNTED_EVENTS:
        return (
            f"Chat messages, templates and tools are counted in {count_text(COUNTED_EVENTS)} of its events."
        )
    if detail.timeline.is_pruned:
        return "Chat messages, templates and tools are counted in the raw events that are kept."
    return ""


def steps_of(detail: SessionDetail, *, zone: ZoneInfo, now: datetime) -> list[LinkedFact]:
    """The first of each step of the funnel."""
    session = detail.session
    if session is None:
        return []
    steps = (
        ("First draft", session.draft_created_at),
        ("First acceptance", session.draft_accepted_at),
        ("First run", session.run_started_at),
        ("First run completed", session.run_completed_at),
    )
    return [LinkedFact(name, precise_text(at, zone=zone, now=now)) for name, at in steps if at is not None]


def unnamed_text(detail: SessionDetail) -> str:
    number = len(detail.creations)
    return f"{count_text(number)} draft{pluralize(number)} created without an id" if number else ""


def draft_row(draft: Draft, *, zone: ZoneInfo, now: datetime) -> ThingRow:
    created = draft.created_at or draft.paired_created_at
    source = draft.source or draft.paired_source
    return ThingRow(
        thing_id=draft.draft_id,
        url=draft_url(draft.draft_id, environment=draft.environment),
        badge=draft_badge(draft),
        begun=precise_text(created or draft.accepted_at or draft.edited_at, zone=zone, now=now),
        length=between(created, draft.accepted_at),
        note=f"from {source}" if source else "",
    )


def draft_badge(draft: Draft | None) -> StateBadge:
    if draft is None:
        return StateBadge(key="abandoned", label="Only named")
    if draft.accepted_at is not None:
        return StateBadge(key="completed", label="Accepted")
    if draft.rejected_at is not None:
        return StateBadge(key="failed", label="Rejected")
    return StateBadge(key="silent", label="Open")


def run_row(run: WorkflowRun, *, may_see_runs: bool, zone: ZoneInfo, now: datetime) -> ThingRow:
    length = taken(run)
    return ThingRow(
        thing_id=run.run_id,
        url=run_link(run.run_id, environment=run.environment, may_see_runs=may_see_runs),
        badge=ending_badge(run),
        begun=precise_text(run.started_at or run.first_seen_at, zone=zone, now=now),
        length=DASH if length is None else seconds_text(length),
        note=run.workflow_name or run.workflow_id,
    )


def approval_row(approval: ListedApproval, *, environment: str, zone: ZoneInfo, now: datetime) -> ThingRow:
    part = approval.request or approval.decision
    begun = approval.request.requested_at if approval.request else None
    return ThingRow(
        thing_id=approval.approval_id,
        url=approval_url(approval.approval_id, environment=environment),
        badge=approval_badge(approval),
        begun=precise_text(begun, zone=zone, now=now),
        length=wait_text(approval),
        note="" if part is None or part.approval_id else "no approval id",
    )


def approval_badge(approval: ListedApproval) -> StateBadge:
    if approval.decision is None:
        return StateBadge(key="silent", label="Waiting")
    if approval.decision.approved:
        return StateBadge(key="completed", label="Approved")
    return StateBadge(key="failed", label="Rejected")


def wait_text(approval: ListedApproval) -> str:
    wait = approval.wait
    return DASH if wait is None or wait < timedelta(0) else seconds_text(wait // MICROSECOND)


# A draft ---------------------------------------------------------------------------------------------------


def draft_context(
    detail: DraftDetail, *, may_see_runs: bool, zone: ZoneInfo, now: datetime
) -> dict[str, Any]:
    draft, environment = detail.draft, detail.environment
    accepted = draft.accepted_at if draft else None
    return {
        "kind": "Draft",
        "thing_id": detail.draft_id,
        "badge": draft_badge(draft),
        "tiles": [
            Figure("Created", precise_text(detail.created_at, zone=zone, now=now)),
            Figure("Accepted", precise_text(accepted, zone=zone, now=now)),
            Figure("Time to create", between(detail.created_at, accepted)),
            Figure("Made from", detail.source or DASH),
            Figure("Template", template_text(draft)),
            Figure("Runs", count_text(len(detail.runs))),
        ],
        "facts": [
            fact
            for fact in (
                LinkedFact("Environment", environment),
                *(
                    LinkedFact("Session", name, session_url(name, environment=environment))
                    for name in detail.sessions
                ),
                *moments_of(draft, zone=zone, now=now),
                LinkedFact("Creation", "paired with one without an id" if detail.is_paired else ""),
            )
            if fact.text
        ],
        "runs": [run_row(run, may_see_runs=may_see_runs, zone=zone, now=now) for run in detail.runs],
        "has_things": bool(detail.runs),
        **timeline_context(
            detail.timeline,
            environment=environment,
            own=detail.draft_id,
            has_sessions=len(detail.sessions) > 1,
            may_see_runs=may_see_runs,
            zone=zone,
            now=now,
        ),
    }


def template_text(draft: Draft | None) -> str:
    """Whether a template was used, as far as the draft says it."""
    if draft is None:
        return DASH
    if draft.template_inserted_at is not None:
        return "inserted"
    return "its source" if draft.has_template_source or draft.paired_source == "template" else "none"


def moments_of(draft: Draft | None, *, zone: ZoneInfo, now: datetime) -> Iterable[LinkedFact]:
    if draft is None:
        return []
    moments = (
        ("Template inserted", draft.template_inserted_at),
        ("Last edited", draft.edited_at),
        ("Rejected", draft.rejected_at),
    )
    return [LinkedFact(name, precise_text(at, zone=zone, now=now)) for name, at in moments if at is not None]


# An approval -----------------------------------------------------------------------------------------------


def approval_context(
    detail: ApprovalDetail, *, may_see_runs: bool, zone: ZoneInfo, now: datetime
) -> dict[str, Any]:
    approval, environment = detail.approval, detail.environment
    request, decision, part = approval.request, approval.decision, detail.part
    facts = [
        LinkedFact("Environment", environment),
        LinkedFact("Session", part.session_id, session_url(part.session_id, environment=environment)),
        LinkedFact(
            "Run", part.run_id, run_link(part.run_id, environment=environment, may_see_runs=may_see_runs)
        ),
        LinkedFact("Tools", tools_text(detail)),
        LinkedFact("Context", request.context_type if request else ""),
        LinkedFact("Approver (keyed hash)", decision.approver_hash if decision else ""),
        LinkedFact("Approval id", "" if part.approval_id else "none: found by the key of its event"),
        LinkedFact("Repeated", repeats_text(detail)),
    ]
    return {
        "kind": "Approval",
        "thing_id": detail.approval_id,
        "badge": approval_badge(approval),
        "tiles": [
            Figure("Requested", precise_text(request.requested_at if request else None, zone=zone, now=now)),
            Figure("Decided", precise_text(decision.decided_at if decision else None, zone=zone, now=now)),
            Figure("Waited", wait_text(approval)),
        ],
        "facts": [fact for fact in facts if fact.text],
        "has_things": False,
        **timeline_context(
            detail.timeline,
            environment=environment,
            own=detail.approval_id,
            has_sessions=True,
            may_see_runs=may_see_runs,
            zone=zone,
            now=now,
        ),
    }


def tools_text(detail: ApprovalDetail) -> str:
    """The ids of the tools that it is about, as its request names them."""
    part = detail.part
    return ", ".join(json.loads(part.tool_ids)) if part.tool_ids else ""


def repeats_text(detail: ApprovalDetail) -> str:
    """How many later events have the same approval id; they count nowhere."""
    parts = [(detail.repeated_requests, "request"), (detail.repeated_decisions, "decision")]
    words = [f"{count_text(number)} later {name}{pluralize(number)}" for number, name in parts if number]
    return ", ".join(words)
