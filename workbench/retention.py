"""What retention may remove of the workbench's things, as data (see telemetry/lifecycle/retention/).

A thing goes by its last moment. It stays while a newer thing is computed together with it: a run and its agents (the
name under which a cost counts, and whether a cost is estimated), an agent and its model calls (their sums are its
cost), and what is paired within a session. So a bucket
at or after `things_kept_from` still has all that it counts. Buckets before are never computed again.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, Model, OuterRef, Q

from telemetry.lifecycle.retention.subjects import EventCounts, PrunableTable, RelatedRows
from telemetry.models import RawEvent, RetentionSubject
from workbench.models import (
    AgentRun,
    ApprovalDecision,
    ApprovalRequest,
    AppServerState,
    AppServerStream,
    Draft,
    DraftCreation,
    EarlyStep,
    EventCount,
    LinkKind,
    ModelCall,
    RetryRequest,
    Session,
    SessionLink,
    TouchedBucket,
    WorkflowRun,
)

SUBJECT = RetentionSubject.THINGS
KEPT_FROM = "things_kept_from"
DRAFT_MOMENTS = ("created_at", "accepted_at", "rejected_at", "edited_at", "template_inserted_at")
RUN_MOMENTS = ("started_at", "completed_at")
WORKFLOW_RUN_MOMENTS = (*RUN_MOMENTS, "first_seen_at", "last_seen_at")
SESSION_MOMENTS = (
    "started_at",
    "ended_at",
    "draft_created_at",
    "draft_accepted_at",
    "run_started_at",
    "run_completed_at",
    "template_used_at",
)


def is_rolled_up(environment: str, until: datetime) -> bool:
    """Whether no bucket before `until` waits to be computed, or is being computed.

    The rollup's transaction deletes the marks of its buckets, so a mark is seen until the bucket is committed.
    """
    # Index: touched_bucket_environment (bucket_start, environment).
    return not TouchedBucket.objects.filter(environment=environment, bucket_start__lt=until).exists()


def drafts_of(own: str) -> tuple[RelatedRows, ...]:
    """What is paired with one another within a session; `own` is the column of the session's id."""
    return (
        RelatedRows(own=own, model=Draft, theirs="accepted_session_id", moments=DRAFT_MOMENTS),
        RelatedRows(own=own, model=DraftCreation, theirs="session_id", moments=("created_at",)),
    )


REQUESTS = (ApprovalRequest, ("requested_at", "decided_at"))
DECISIONS = (ApprovalDecision, ("decided_at", "requested_at"))
# A request and its decision have the session or the approval's id in common.
APPROVALS = tuple(
    RelatedRows(own=column, model=model, theirs=column, moments=moments)
    for column in ("session_id", "approval_id")
    for model, moments in (REQUESTS, DECISIONS)
)

# (the model, its column, the kind of link that names it; empty: the column names the session)
LINKED = (
    (Session, "session_id", ""),
    (EarlyStep, "session_id", ""),
    (DraftCreation, "session_id", ""),
    (ApprovalRequest, "session_id", ""),
    (ApprovalDecision, "session_id", ""),
    (Draft, "accepted_session_id", ""),
    (Draft, "draft_id", LinkKind.DRAFT),
    (WorkflowRun, "session_id", ""),
    (WorkflowRun, "run_id", LinkKind.RUN),
    (AgentRun, "session_id", ""),
    (AgentRun, "run_id", LinkKind.RUN),
    (AgentRun, "agent_run_id", LinkKind.AGENT_RUN),
    (ModelCall, "session_id", ""),
    (ModelCall, "run_id", LinkKind.RUN),
    (ModelCall, "agent_run_id", LinkKind.AGENT_RUN),
)


def forgotten_links(environment: str, moment: datetime, is_locked: bool) -> Q:
    """Links of sessions whose things are all gone.

    Erasures find a session's raw events by them. So all stay while the environment has a raw event from before the
    moment, and those of sessions that have events in the days after it, in which the last things of a session that
    began before may lie.
    """
    # Posts wait for the transaction: it reads no raw events again. What came since names sessions anew.
    forgotten = Q() if is_locked else without_raw_events(environment, moment)
    for model, column, kind in LINKED:
        own = "thing_id" if kind else "session_id"
        rows = model._default_manager.filter(environment=environment, **{column: OuterRef(own)})
        forgotten &= ~(Q(Exists(rows)) & (Q(kind=kind) if kind else Q()))
    return forgotten


def without_raw_events(environment: str, moment: datetime) -> Q:
    last = moment + timedelta(days=settings.LATE_WINDOW_DAYS)
    raw = RawEvent.objects.filter(environment=environment)
    # On SQLite: index raw_event_day (day, arrival_id). On PostgreSQL the days choose the partitions.
    if raw.filter(day__lt=moment.date()).exists():
        return Q(pk__in=[])
    return ~Q(session_id__in=raw.filter(day__lt=last.date()).values("session_id"))


def things(
    model: type[Model], *, moments: tuple[str, ...], related: tuple[RelatedRows, ...] = ()
) -> PrunableTable:
    """A table whose rows count in buckets: they go when those are computed, and are not computed again after."""
    return PrunableTable(
        subject=SUBJECT,
        model=model,
        moments=moments,
        related=related,
        kept_from=KEPT_FROM,
        is_settled=is_rolled_up,
    )


RUN = RelatedRows(own="run_id", model=WorkflowRun, theirs="run_id", moments=WORKFLOW_RUN_MOMENTS)
AGENTS = RelatedRows(own="run_id", model=AgentRun, theirs="run_id", moments=RUN_MOMENTS)
CALLS = RelatedRows(own="run_id", model=ModelCall, theirs="run_id", moments=("called_at",))
# As long as a session is kept, what may still become one of its steps is.
SESSION = RelatedRows(own="session_id", model=Session, theirs="session_id", moments=SESSION_MOMENTS)
OWNER = RelatedRows(own="owner_id", model=AgentRun, theirs="agent_run_id", moments=RUN_MOMENTS)
OWNED = RelatedRows(own="agent_run_id", model=ModelCall, theirs="owner_id", moments=("called_at",))


TABLES = (
    things(Session, moments=SESSION_MOMENTS),
    things(EarlyStep, moments=("happened_at",), related=(SESSION,)),
    things(Draft, moments=DRAFT_MOMENTS, related=drafts_of("accepted_session_id")),
    things(DraftCreation, moments=("created_at",), related=drafts_of("session_id")),
    things(WorkflowRun, moments=WORKFLOW_RUN_MOMENTS, related=(AGENTS, CALLS)),
    things(AgentRun, moments=RUN_MOMENTS, related=(RUN, OWNED)),
    things(ModelCall, moments=("called_at",), related=(RUN, OWNER)),
    things(ApprovalRequest, moments=("requested_at", "decided_at"), related=APPROVALS),
    things(ApprovalDecision, moments=("decided_at", "requested_at"), related=APPROVALS),
    # After the things that they name.
    PrunableTable(subject=SUBJECT, model=SessionLink, moments=(), orphans=forgotten_links),
    # They count in no bucket.
    PrunableTable(subject=SUBJECT, model=RetryRequest, moments=("requested_at",)),
    PrunableTable(subject=SUBJECT, model=AppServerState, moments=("changed_at",)),
    PrunableTable(subject=SUBJECT, model=AppServerStream, moments=("seen_at",)),
)

# The preview estimates raw events by it.
EVENT_COUNTS = EventCounts(model=EventCount, moment="bucket_start", event="event", events="events")
