"""A thing's events in order: the raw ones while they are kept, and those that the thing itself still tells."""

import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from telemetry.models import Environment, RawEvent
from telemetry.plan import PropertyType, get_plan
from workbench.fold.event_names import (
    APPROVAL_COMPLETED,
    APPROVAL_REQUESTED,
    DRAFT_ACCEPTED,
    DRAFT_CREATED,
    DRAFT_EDITED,
    DRAFT_REJECTED,
    RUN_COMPLETED,
    RUN_STARTED,
    SESSION_ENDED,
    SESSION_STARTED,
    TEMPLATE_INSERTED,
)
from workbench.models import ApprovalDecision, ApprovalRequest, Draft, DraftCreation, Session, WorkflowRun
from workbench.rejected_events import RejectedMention

MOST_EVENTS = 500
# What a timeline shows of an event: which things it names, and how they stood. No label, no measure.
SHOWN_TYPES = frozenset({PropertyType.ID, PropertyType.IDS, PropertyType.ENUM, PropertyType.BOOL})
Ids = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class TimelineEvent:
    """An accepted event. `ids` are its ids and enumerated properties, by the names of the plan.

    `source` and `session_id` are "" where the raw event is not kept or was not looked up: then `is_raw` is false.
    """

    at: datetime
    event: str
    ids: Ids
    event_key: uuid.UUID | None = None
    source: str = ""
    session_id: str = ""
    is_raw: bool = False


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """The oldest events first. Raw events before `raw_kept_from` are deleted; None: none are.

    `left_out` says that there are more than MOST_EVENTS.
    """

    events: Sequence[TimelineEvent]
    left_out: bool
    rejected: Sequence[RejectedMention]
    raw_kept_from: datetime | None

    @property
    def is_pruned(self) -> bool:
        """Whether raw events of the thing are deleted, or may be."""
        first = self.events[0].at if self.events else None
        return self.raw_kept_from is not None and first is not None and first < self.raw_kept_from


def make_timeline(
    *,
    raw: Iterable[RawEvent],
    told: Iterable[TimelineEvent],
    rejected: Sequence[RejectedMention],
    environment: str,
) -> Timeline:
    """Of raw events and of those that things tell: an event that both know is shown once. One query."""
    events = [of_raw_event(row) for row in raw]
    moments = {(event.event, event.at) for event in events}
    keys = {event.event_key for event in events}
    events += [
        event for event in told if (event.event, event.at) not in moments and event.event_key not in keys
    ]
    events.sort(key=lambda event: (event.at, event.event, str(event.event_key)))
    return Timeline(
        events=events[:MOST_EVENTS],
        left_out=len(events) > MOST_EVENTS,
        rejected=rejected,
        raw_kept_from=Environment.objects.filter(name=environment)
        .values_list("raw_kept_from", flat=True)
        .first(),
    )


def of_raw_event(row: RawEvent) -> TimelineEvent:
    return TimelineEvent(
        at=row.occurred_at,
        event=row.event,
        ids=shown_properties(row.event, row.properties),
        event_key=row.event_key,
        source=row.source,
        session_id=row.session_id,
        is_raw=True,
    )


def shown_properties(event: str, properties: Mapping[str, Any]) -> dict[str, str]:
    """The ids and enumerated values of an event, in the plan's order. An event that the plan has no more shows none."""
    definition = get_plan().events.get(event)
    if definition is None:
        return {}
    return {
        part.name: property_text(properties[part.name])
        for part in definition.properties
        if part.type in SHOWN_TYPES and properties.get(part.name) is not None
    }


def property_text(value: Any) -> str:
    """A stored value of a property, as people read it: the items of a list after each other, true and false as sent."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


# What things tell ------------------------------------------------------------------------------------------


def told(
    event: str, at: datetime | None, key: uuid.UUID | None = None, **ids: str
) -> Iterator[TimelineEvent]:
    """The event, if its moment is known; ids that are not known are left out."""
    if at is not None:
        known = {name: value for name, value in ids.items() if value}
        yield TimelineEvent(at=at, event=event, ids=known, event_key=key)


def told_by_session(session: Session) -> Iterator[TimelineEvent]:
    yield from told(SESSION_STARTED, session.started_at)
    yield from told(SESSION_ENDED, session.ended_at)


def told_by_draft(draft: Draft) -> Iterator[TimelineEvent]:
    """The earliest of each kind of event, and the latest edit."""
    draft_id = draft.draft_id
    yield from told(DRAFT_CREATED, draft.created_at, source=draft.source, draftId=draft_id)
    yield from told(TEMPLATE_INSERTED, draft.template_inserted_at, draftId=draft_id)
    yield from told(DRAFT_EDITED, draft.edited_at, draftId=draft_id)
    yield from told(DRAFT_ACCEPTED, draft.accepted_at, draftId=draft_id)
    yield from told(DRAFT_REJECTED, draft.rejected_at, draftId=draft_id)


def told_by_creation(creation: DraftCreation) -> Iterator[TimelineEvent]:
    yield from told(DRAFT_CREATED, creation.created_at, creation.event_key, source=creation.source)


def told_by_run(run: WorkflowRun) -> Iterator[TimelineEvent]:
    ids = {"runId": run.run_id, "draftId": run.draft_id}
    yield from told(RUN_STARTED, run.started_at, None, trigger=run.trigger, **ids)
    yield from told(RUN_COMPLETED, run.completed_at, run.completed_key, status=run.status, **ids)


def told_by_approvals(
    requests: Collection[ApprovalRequest], decisions: Collection[ApprovalDecision]
) -> Iterator[TimelineEvent]:
    for request in requests:
        ids = {"approvalId": request.approval_id, "runId": request.run_id}
        yield from told(APPROVAL_REQUESTED, request.requested_at, request.event_key, **ids)
    for decision in decisions:
        ids = {"approvalId": decision.approval_id, "runId": decision.run_id}
        approved = property_text(decision.approved)
        yield from told(APPROVAL_COMPLETED, decision.decided_at, decision.event_key, approved=approved, **ids)
