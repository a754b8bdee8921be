"""What the pages of things print."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kpis.formatting import DASH, Figure, count_text
from pages.runs.texts import StateBadge, ending_badge, seconds_text
from pages.thing_links import LinkedFact, approval_url, draft_url, session_url
from pages.things.frame import ThingFrame
from pages.things.timeline_texts import timeline_context
from web.languages import lazy_text
from workbench.models import Draft, WorkflowRun
from workbench.runs.lengths import MICROSECOND, taken
from workbench.timelines.approvals import ApprovalDetail, ListedApproval
from workbench.timelines.drafts import DraftDetail
from workbench.timelines.sessions import COUNTED_EVENTS, SessionDetail

# What the head of a session counts, by event.
COUNTED_NAMES = (
    ("workbench.chat_message_sent", lazy_text("Chat messages")),
    ("workbench.template_suggested", lazy_text("Templates suggested")),
    ("workbench.template_viewed", lazy_text("Templates viewed")),
    ("workbench.template_inserted", lazy_text("Templates inserted")),
    ("workbench.chat_tool_invoked", lazy_text("Tools used")),
)


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


# A session -------------------------------------------------------------------------------------------------


def session_context(detail: SessionDetail, *, frame: ThingFrame) -> dict[str, Any]:
    session, environment = detail.session, detail.environment
    started = session.started_at if session else None
    ended = session.ended_at if session else None
    facts = [
        LinkedFact(_("Environment"), environment),
        LinkedFact(_("User (keyed hash)"), detail.user_hash),
        LinkedFact(_("Ended"), frame.clock(ended) if ended else ""),
        *steps_of(detail, frame=frame),
    ]
    return {
        "kind": "session",
        "name": _("Session"),
        "the_thing": _("The session"),
        "thing_id": detail.session_id,
        "tiles": [
            Figure(_("Started"), frame.clock(started)),
            Figure(_("Duration"), session_length(detail)),
            *counts_of(detail),
        ],
        "facts": [fact for fact in facts if fact.text],
        "counts_note": counts_note(detail),
        "drafts": [draft_row(draft, frame=frame) for draft in detail.drafts],
        "unnamed_drafts": unnamed_text(detail),
        "runs": [run_row(run, frame=frame) for run in detail.runs],
        "approvals": [approval_row(approval, frame=frame) for approval in detail.approvals],
        "has_things": True,
        **timeline_context(detail.timeline, own=detail.session_id, has_sessions=False, frame=frame),
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
        sentence = _("Chat messages, templates and tools are counted in %(count)s of its events.")
        return sentence % {"count": count_text(COUNTED_EVENTS)}
    if detail.timeline.is_pruned:
        return _("Chat messages, templates and tools are counted in the raw events that are kept.")
    return ""


def steps_of(detail: SessionDetail, *, frame: ThingFrame) -> list[LinkedFact]:
    """The first of each step of the funnel."""
    session = detail.session
    if session is None:
        return []
    steps = (
        (_("First draft"), session.draft_created_at),
        (_("First acceptance"), session.draft_accepted_at),
        (_("First run"), session.run_started_at),
        (_("First run completed"), session.run_completed_at),
    )
    return [LinkedFact(name, frame.clock(at)) for name, at in steps if at is not None]


def unnamed_text(detail: SessionDetail) -> str:
    number = len(detail.creations)
    text = ngettext("%(count)s draft created without an id", "%(count)s drafts created without an id", number)
    return text % {"count": count_text(number)} if number else ""


def draft_row(draft: Draft, *, frame: ThingFrame) -> ThingRow:
    created = draft.created_at or draft.paired_created_at
    source = draft.source or draft.paired_source
    return ThingRow(
        thing_id=draft.draft_id,
        url=draft_url(draft.draft_id, environment=draft.environment),
        badge=draft_badge(draft),
        begun=frame.clock(created or draft.accepted_at or draft.edited_at),
        length=between(created, draft.accepted_at),
        note=_("from %(source)s") % {"source": source} if source else "",
    )


def draft_badge(draft: Draft | None) -> StateBadge:
    if draft is None:
        return StateBadge(key="abandoned", label=_("Only named"))
    if draft.accepted_at is not None:
        return StateBadge(key="completed", label=_("Accepted"))
    if draft.rejected_at is not None:
        return StateBadge(key="failed", label=_("Rejected"))
    return StateBadge(key="silent", label=_("Open"))


def run_row(run: WorkflowRun, *, frame: ThingFrame) -> ThingRow:
    length = taken(run)
    return ThingRow(
        thing_id=run.run_id,
        url=frame.run_url(run.run_id),
        badge=ending_badge(run),
        begun=frame.clock(run.started_at or run.first_seen_at),
        length=DASH if length is None else seconds_text(length),
        note=run.workflow_name or run.workflow_id,
    )


def approval_row(approval: ListedApproval, *, frame: ThingFrame) -> ThingRow:
    part = approval.request or approval.decision
    begun = approval.request.requested_at if approval.request else None
    return ThingRow(
        thing_id=approval.approval_id,
        url=approval_url(approval.approval_id, environment=frame.environment),
        badge=approval_badge(approval),
        begun=frame.clock(begun),
        length=wait_text(approval),
        note="" if part is None or part.approval_id else _("no approval id"),
    )


def approval_badge(approval: ListedApproval) -> StateBadge:
    if approval.decision is None:
        return StateBadge(key="silent", label=_("Waiting"))
    if approval.decision.approved:
        return StateBadge(key="completed", label=_("Approved"))
    return StateBadge(key="failed", label=_("Rejected"))


def wait_text(approval: ListedApproval) -> str:
    wait = approval.wait
    return DASH if wait is None or wait < timedelta(0) else seconds_text(wait // MICROSECOND)


# A draft ---------------------------------------------------------------------------------------------------


def draft_context(detail: DraftDetail, *, frame: ThingFrame) -> dict[str, Any]:
    draft, environment = detail.draft, detail.environment
    accepted = draft.accepted_at if draft else None
    return {
        "kind": "draft",
        "name": _("Draft"),
        "the_thing": _("The draft"),
        "thing_id": detail.draft_id,
        "badge": draft_badge(draft),
        "tiles": [
            Figure(_("Created"), frame.clock(detail.created_at)),
            Figure(_("Accepted"), frame.clock(accepted)),
            Figure(_("Time to create"), between(detail.created_at, accepted)),
            Figure(_("Made from"), detail.source or DASH),
            Figure(_("Template"), template_text(draft)),
            Figure(_("Runs"), count_text(len(detail.runs))),
        ],
        "facts": [
            fact
            for fact in (
                LinkedFact(_("Environment"), environment),
                *(
                    LinkedFact(_("Session"), name, session_url(name, environment=environment))
                    for name in detail.sessions
                ),
                *moments_of(draft, frame=frame),
                LinkedFact(_("Creation"), _("paired with one without an id") if detail.is_paired else ""),
            )
            if fact.text
        ],
        "runs": [run_row(run, frame=frame) for run in detail.runs],
        "has_things": bool(detail.runs),
        **timeline_context(
            detail.timeline, own=detail.draft_id, has_sessions=len(detail.sessions) > 1, frame=frame
        ),
    }


def template_text(draft: Draft | None) -> str:
    """Whether a template was used, as far as the draft says it."""
    if draft is None:
        return DASH
    if draft.template_inserted_at is not None:
        return _("inserted")
    is_source = draft.has_template_source or draft.paired_source == "template"
    return _("its source") if is_source else _("none")


def moments_of(draft: Draft | None, *, frame: ThingFrame) -> Iterable[LinkedFact]:
    if draft is None:
        return []
    moments = (
        (_("Template inserted"), draft.template_inserted_at),
        (_("Last edited"), draft.edited_at),
        (_("Rejected"), draft.rejected_at),
    )
    return [LinkedFact(name, frame.clock(at)) for name, at in moments if at is not None]


# An approval -----------------------------------------------------------------------------------------------


def approval_context(detail: ApprovalDetail, *, frame: ThingFrame) -> dict[str, Any]:
    approval, environment = detail.approval, detail.environment
    request, decision, part = approval.request, approval.decision, detail.part
    facts = [
        LinkedFact(_("Environment"), environment),
        LinkedFact(_("Session"), part.session_id, session_url(part.session_id, environment=environment)),
        LinkedFact(_("Run"), part.run_id, frame.run_url(part.run_id)),
        LinkedFact(_("Tools"), tools_text(detail)),
        LinkedFact(_("Context"), request.context_type if request else ""),
        LinkedFact(_("Approver (keyed hash)"), decision.approver_hash if decision else ""),
        LinkedFact(_("Approval id"), "" if part.approval_id else _("none: found by the key of its event")),
        LinkedFact(_("Repeated"), repeats_text(detail)),
    ]
    return {
        "kind": "approval",
        "name": _("Approval"),
        "the_thing": _("The approval"),
        "thing_id": detail.approval_id,
        "badge": approval_badge(approval),
        "tiles": [
            Figure(_("Requested"), frame.clock(request.requested_at if request else None)),
            Figure(_("Decided"), frame.clock(decision.decided_at if decision else None)),
            Figure(_("Waited"), wait_text(approval)),
        ],
        "facts": [fact for fact in facts if fact.text],
        "has_things": False,
        **timeline_context(detail.timeline, own=detail.approval_id, has_sessions=True, frame=frame),
    }


def tools_text(detail: ApprovalDetail) -> str:
    """The ids of the tools that it is about, as its request names them."""
    part = detail.part
    return ", ".join(json.loads(part.tool_ids)) if part.tool_ids else ""


def repeats_text(detail: ApprovalDetail) -> str:
    """How many later events have the same approval id; they count nowhere."""
    requests, decisions = detail.repeated_requests, detail.repeated_decisions
    parts = (
        (requests, ngettext("%(count)s later request", "%(count)s later requests", requests)),
        (decisions, ngettext("%(count)s later decision", "%(count)s later decisions", decisions)),
    )
    return ", ".join(text % {"count": count_text(number)} for number, text in parts if number)
