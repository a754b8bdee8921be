"""One session: what it led to, how often what happened in it, and its events in order."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from workbench.fold.event_names import DRAFT_ACCEPTED
from workbench.models import (
    ApprovalDecision,
    ApprovalRequest,
    Draft,
    DraftCreation,
    LinkKind,
    Session,
    SessionLink,
    WorkflowRun,
)
from workbench.raw_events import days_of, events_of_sessions
from workbench.rejected_events import rejected_events
from workbench.timelines.approvals import ListedApproval, list_approvals
from workbench.timelines.events import (
    MOST_EVENTS,
    Timeline,
    TimelineEvent,
    make_timeline,
    told_by_approvals,
    told_by_creation,
    told_by_draft,
    told_by_run,
    told_by_session,
)

# What is read of one session, so that one without end can be read too.
MOST_LINKS = 1_000
MOST_THINGS = 200
COUNTED_EVENTS = 5_000
# For how long after its first known moment events of a session are looked for.
LONGEST_SESSION = timedelta(days=30)


class UnknownSession(LookupError):
    """The environment has no session of this id."""


@dataclass(frozen=True, kw_only=True)
class SessionDetail:
    """`session` is None where nothing but other things and events name it.

    `counts` are numbers of raw events by name, of COUNTED_EVENTS at most. Drafts, runs and approvals are MOST_THINGS
    of each at most.
    """

    session_id: str
    environment: str
    session: Session | None
    drafts: Sequence[Draft]
    creations: Sequence[DraftCreation]
    runs: Sequence[WorkflowRun]
    approvals: Sequence[ListedApproval]
    counts: Mapping[str, int]
    timeline: Timeline

    @property
    def user_hash(self) -> str:
        """The keyed hash of the user, as it is stored; "" where nothing names one."""
        return self.session.user_hash if self.session else ""


def read_session(
    session_id: str, *, environment: str, now: datetime, near: datetime | None = None
) -> SessionDetail:
    """The session in a fixed number of queries, however large it is. Raises UnknownSession.

    Of a session that nothing but raw events knows, those are looked for around the moment `near`, else `now`.

    Indexes: session_unique, session_link_session, draft_unique, workflow_run_unique, draft_creation_session,
    approval_request_session, approval_decision_session, session_link_unique, raw_event_session.
    """
    if "\0" in session_id:
        raise UnknownSession(session_id)
    within = {"session_id": session_id, "environment": environment}
    session = Session.objects.filter(**within).first()
    linked = linked_ids(session_id, environment=environment)
    drafts = list(
        Draft.objects.filter(draft_id__in=linked.get(LinkKind.DRAFT, []), environment=environment).order_by(
            "pk"
        )
    )
    runs = list(
        WorkflowRun.objects.filter(run_id__in=linked.get(LinkKind.RUN, []), environment=environment).order_by(
            "first_seen_at", "pk"
        )
    )
    creations = list(DraftCreation.objects.filter(**within).order_by("created_at", "pk")[:MOST_THINGS])
    requests = list(ApprovalRequest.objects.filter(**within).order_by("requested_at", "pk")[:MOST_THINGS])
    decisions = list(ApprovalDecision.objects.filter(**within).order_by("decided_at", "pk")[:MOST_THINGS])
    told = [
        *(told_by_session(session) if session else ()),
        *(event for creation in creations for event in told_by_creation(creation)),
        *told_by_drafts(drafts, session_id=session_id, environment=environment),
        *(event for run in runs if run.session_id == session_id for event in told_by_run(run)),
        *told_by_approvals(requests, decisions),
    ]
    first, last = bounds([event.at for event in told], near=near or now)
    raw = events_of_sessions([session_id], environment=environment, days=days_of(first, last))
    timeline = make_timeline(
        raw=raw.order_by("occurred_at")[: MOST_EVENTS + 1],
        told=told,
        rejected=rejected_events(Q(payload__sessionId=session_id), environment=environment),
        environment=environment,
    )
    if session is None and not linked and not timeline.events:
        raise UnknownSession(session_id)
    return SessionDetail(
        session_id=session_id,
        environment=environment,
        session=session,
        drafts=sorted(drafts, key=first_moment)[:MOST_THINGS],
        creations=creations,
        runs=runs[:MOST_THINGS],
        approvals=list_approvals(requests, decisions),
        counts=Counter(raw.values_list("event", flat=True)[:COUNTED_EVENTS]),
        timeline=timeline,
    )


def linked_ids(session_id: str, *, environment: str) -> Mapping[str, list[str]]:
    """The ids that the session named, by kind. Index: session_link_session."""
    links = SessionLink.objects.filter(session_id=session_id, environment=environment)
    ids: defaultdict[str, list[str]] = defaultdict(list)
    for kind, thing_id in links.order_by("pk").values_list("kind", "thing_id")[:MOST_LINKS]:
        ids[kind].append(thing_id)
    return dict(ids)


def told_by_drafts(
    drafts: Collection[Draft], *, session_id: str, environment: str
) -> Iterator[TimelineEvent]:
    """What happened to the drafts in this session. A draft does not say in which one, if several named it.

    Index: session_link_unique, which begins with the draft.
    """
    links = SessionLink.objects.filter(
        thing_id__in=[draft.draft_id for draft in drafts], kind=LinkKind.DRAFT, environment=environment
    )
    shared = set(links.exclude(session_id=session_id).values_list("thing_id", flat=True)[:MOST_LINKS])
    for draft in drafts:
        is_accepted_here = draft.accepted_session_id == session_id
        for event in told_by_draft(draft):
            if draft.draft_id not in shared or (event.event == DRAFT_ACCEPTED and is_accepted_here):
                yield event


def bounds(moments: Collection[datetime], *, near: datetime) -> tuple[datetime, datetime]:
    """Between which moments the session's events are looked for."""
    first = min(moments, default=near)
    return first, min(max(moments, default=near), first + LONGEST_SESSION)


def first_moment(draft: Draft) -> tuple[datetime, int]:
    """For an order by time; a draft of which no moment is known would come last, but each has one."""
    moments = (
        draft.created_at,
        draft.template_inserted_at,
        draft.edited_at,
        draft.accepted_at,
        draft.rejected_at,
    )
    return min(moment for moment in moments if moment is not None), draft.pk
