"""One draft: what became of it, in which sessions, which runs it led to, and its events in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from telemetry.models import RawEvent
from workbench.models import Draft, LinkKind, SessionLink, WorkflowRun
from workbench.raw_events import days_of, events_of_sessions
from workbench.rejected_events import rejected_events
from workbench.timelines.events import MOST_EVENTS, Timeline, make_timeline, told_by_draft, told_by_run
from workbench.timelines.sessions import MOST_LINKS

MOST_SESSIONS = 20
# The events of its sessions, the earliest first, among which those of a draft are searched.
SEARCHED_EVENTS = 2_000
LONGEST_DRAFT = timedelta(days=30)


class UnknownDraft(LookupError):
    """The environment has no draft of this id."""


@dataclass(frozen=True, kw_only=True)
class DraftDetail:
    """`draft` is None where only other events name it, as those of a run do. `sessions` are ids, sorted."""

    draft_id: str
    environment: str
    draft: Draft | None
    sessions: Sequence[str]
    runs: Sequence[WorkflowRun]
    timeline: Timeline

    @property
    def created_at(self) -> datetime | None:
        """Its own creation, else the one without an id that the fold has paired with its acceptance."""
        return (self.draft.created_at or self.draft.paired_created_at) if self.draft else None

    @property
    def is_paired(self) -> bool:
        """Whether its creation is one without an id."""
        draft = self.draft
        return draft is not None and draft.created_at is None and draft.paired_created_at is not None

    @property
    def source(self) -> str:
        if self.draft is None:
            return ""
        return self.draft.paired_source if self.is_paired else self.draft.source


def read_draft(draft_id: str, *, environment: str) -> DraftDetail:
    """The draft in a fixed number of queries. Raises UnknownDraft.

    Indexes: draft_unique, session_link_unique (thing_id first), session_link_session, workflow_run_unique,
    raw_event_session.
    """
    if "\0" in draft_id:
        raise UnknownDraft(draft_id)
    draft = Draft.objects.filter(draft_id=draft_id, environment=environment).first()
    links = SessionLink.objects.filter(thing_id=draft_id, kind=LinkKind.DRAFT, environment=environment)
    sessions = list(links.order_by("session_id").values_list("session_id", flat=True)[:MOST_SESSIONS])
    if draft is None and not sessions:
        raise UnknownDraft(draft_id)
    runs = runs_of(draft_id, sessions=sessions, environment=environment)
    told = [
        *(told_by_draft(draft) if draft else ()),
        *(event for run in runs for event in told_by_run(run)),
    ]
    naming = Q(payload__properties__draftId=draft_id)
    return DraftDetail(
        draft_id=draft_id,
        environment=environment,
        draft=draft,
        sessions=sessions,
        runs=runs,
        timeline=make_timeline(
            raw=raw_events_of(
                draft_id,
                sessions=sessions,
                environment=environment,
                moments=[event.at for event in told],
            ),
            told=told,
            rejected=rejected_events(naming, environment=environment),
            environment=environment,
        ),
    )


def runs_of(draft_id: str, *, sessions: Sequence[str], environment: str) -> list[WorkflowRun]:
    """The runs of the draft, among those that its sessions name; the earliest first."""
    links = SessionLink.objects.filter(session_id__in=sessions, kind=LinkKind.RUN, environment=environment)
    ids = list(links.values_list("thing_id", flat=True)[:MOST_LINKS])
    runs = WorkflowRun.objects.filter(run_id__in=ids, environment=environment, draft_id=draft_id)
    return list(runs.order_by("first_seen_at", "pk"))


def raw_events_of(
    draft_id: str, *, sessions: Sequence[str], environment: str, moments: Sequence[datetime]
) -> list[RawEvent]:
    """Those that name the draft, of the first SEARCHED_EVENTS of its sessions in its time."""
    if not moments:
        return []
    days = days_of(min(moments), min(max(moments), min(moments) + LONGEST_DRAFT))
    rows = events_of_sessions(sessions, environment=environment, days=days)
    searched = list(rows.order_by("occurred_at").values_list("day", "event_key")[:SEARCHED_EVENTS])
    found = RawEvent.objects.filter(
        day__in={day for day, _ in searched},
        event_key__in=[key for _, key in searched],
        properties__draftId=draft_id,
    )
    return list(found.order_by("occurred_at")[: MOST_EVENTS + 1])
