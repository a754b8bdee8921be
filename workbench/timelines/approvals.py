"""One approval: its request, the decision that answers it, and its events.

An approval is known by its approvalId or, where its events have none, by the event key of its request; by that of its
decision where no request is known. An event's key never changes, so neither does the page.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import BooleanField, Q
from django.db.models.expressions import RawSQL

from workbench.models import ApprovalDecision, ApprovalRequest
from workbench.rejected_events import rejected_events
from workbench.runs.events import events_of_keys
from workbench.timelines.events import Timeline, make_timeline, told_by_approvals

# Repeats of one approvalId that are read.
MOST_REPEATS = 200


class UnknownApproval(LookupError):
    """The environment has no approval of this id."""


@dataclass(frozen=True, kw_only=True)
class ListedApproval:
    """A request and the decision that answers it; one of both is None where it is not known."""

    request: ApprovalRequest | None
    decision: ApprovalDecision | None

    @property
    def approval_id(self) -> str:
        """What its page is found by."""
        return approval_key(self.request or self.decision)

    @property
    def wait(self) -> timedelta | None:
        """From the request to its decision."""
        if self.request is None or self.decision is None:
            return None
        return self.decision.decided_at - self.request.requested_at


@dataclass(frozen=True, kw_only=True)
class ApprovalDetail:
    """The earliest request, its decision, and how many later ones have the same approvalId."""

    approval_id: str
    environment: str
    approval: ListedApproval
    repeated_requests: int
    repeated_decisions: int
    timeline: Timeline

    @property
    def part(self) -> ApprovalRequest | ApprovalDecision:
        """What says of which session and run it is."""
        return self.approval.request or self.approval.decision  # type: ignore[return-value]  # One is known.


def approval_key(part: ApprovalRequest | ApprovalDecision | None) -> str:
    """What the page of an approval is found by, of its request or of its decision."""
    if part is None:
        return ""
    return part.approval_id or str(part.event_key)


def read_approval(approval_id: str, *, environment: str) -> ApprovalDetail:
    """The approval in a fixed number of queries. Raises UnknownApproval.

    Indexes: approval_request_id and approval_decision_id, or the primary keys; then approval_request_session and
    approval_decision_session.
    """
    requests, decisions = named_by(approval_id, environment=environment)
    if not requests and not decisions:
        requests, decisions = of_event(approval_id, environment=environment)
    if not requests and not decisions:
        raise UnknownApproval(approval_id)
    requests, decisions = with_other_half(requests, decisions)
    parts: list[ApprovalRequest | ApprovalDecision] = [*requests, *decisions]
    keyed = {part.event_key: moment_of(part) for part in parts}
    naming = Q(payload__properties__approvalId=approval_id)
    return ApprovalDetail(
        approval_id=approval_id,
        environment=environment,
        approval=ListedApproval(request=next(iter(requests), None), decision=next(iter(decisions), None)),
        repeated_requests=max(0, len(requests) - 1),
        repeated_decisions=max(0, len(decisions) - 1),
        timeline=make_timeline(
            raw=events_of_keys(keyed, environment=environment),
            told=told_by_approvals(requests, decisions),
            rejected=rejected_events(naming, environment=environment),
            environment=environment,
        ),
    )


Requests = list[ApprovalRequest]
Decisions = list[ApprovalDecision]


def named_by(approval_id: str, *, environment: str) -> tuple[Requests, Decisions]:
    """All events with this approvalId, the earliest first."""
    if not approval_id or "\0" in approval_id:
        return [], []
    # SQLite uses a partial index only where its condition stands literally.
    is_named = RawSQL("NOT (approval_id = '')", [], output_field=BooleanField())
    within = {"approval_id": approval_id, "environment": environment}
    requests = ApprovalRequest.objects.filter(is_named, **within).order_by("requested_at", "event_key")
    decisions = ApprovalDecision.objects.filter(is_named, **within).order_by("decided_at", "event_key")
    return list(requests[:MOST_REPEATS]), list(decisions[:MOST_REPEATS])


def of_event(approval_id: str, *, environment: str) -> tuple[Requests, Decisions]:
    """The request or the decision of this event key, where its event names no approval."""
    try:
        key = uuid.UUID(approval_id)
    except ValueError:
        return [], []
    within = {"event_key": key, "environment": environment, "approval_id": ""}
    return list(ApprovalRequest.objects.filter(**within)), list(ApprovalDecision.objects.filter(**within))


def with_other_half(requests: Requests, decisions: Decisions) -> tuple[Requests, Decisions]:
    """With the half that another id, or none, names: the fold has paired both within their session."""
    if requests and not decisions and (decided_at := requests[0].decided_at) is not None:
        request = requests[0]
        answers = ApprovalDecision.objects.filter(
            session_id=request.session_id,
            environment=request.environment,
            requested_at=request.requested_at,
            decided_at=decided_at,
        )
        return requests, list(answers.order_by("event_key")[:1])
    if decisions and not requests and (requested_at := decisions[0].requested_at) is not None:
        decision = decisions[0]
        asked = ApprovalRequest.objects.filter(
            session_id=decision.session_id,
            environment=decision.environment,
            requested_at=requested_at,
            decided_at=decision.decided_at,
        )
        return list(asked.order_by("event_key")[:1]), decisions
    return requests, decisions


def moment_of(part: ApprovalRequest | ApprovalDecision) -> datetime:
    return part.requested_at if isinstance(part, ApprovalRequest) else part.decided_at


def list_approvals(requests: Requests, decisions: Decisions) -> list[ListedApproval]:
    """The approvals of a session by time: each request with its decision, then what answers no request of it."""
    answers = {(decision.requested_at, decision.decided_at): decision for decision in reversed(decisions)}
    listed = [
        ListedApproval(
            request=request, decision=answers.pop((request.requested_at, request.decided_at), None)
        )
        if request.decided_at is not None
        else ListedApproval(request=request, decision=None)
        for request in requests
    ]
    taken = {approval.decision.pk for approval in listed if approval.decision}
    return listed + [
        ListedApproval(request=None, decision=decision) for decision in decisions if decision.pk not in taken
    ]
