"""What cannot be a merge: which creation an acceptance belongs to, which request a decision answers.

Both are recomputed for a whole session from what is stored of it, so the order of arrival cannot matter.
The functions here are pure; drafts.py and approvals.py read their rows and write their results.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Creation:
    """A draft_created without draftId."""

    created_at: datetime
    event_key: UUID
    source: str


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The earliest acceptance of a draft that has no creation of its own."""

    accepted_at: datetime
    draft_id: str


def pair_creations(
    *, acceptances: Iterable[Acceptance], creations: Iterable[Creation]
) -> dict[str, Creation]:
    """Draft id to creation, for one session; a draft that finds none is absent.

    Each acceptance, in the order of time, takes the latest creation at or before it that is still free. That is
    a stack: creations are pushed in the order of time, and an acceptance pops.
    """
    # Latest first, because a list pops its last item at no cost. Event keys decide between equal moments, so that
    # the order of arrival does not.
    waiting = sorted(creations, key=lambda creation: (creation.created_at, creation.event_key), reverse=True)
    stack: list[Creation] = []
    paired: dict[str, Creation] = {}
    for acceptance in sorted(
        acceptances, key=lambda acceptance: (acceptance.accepted_at, acceptance.draft_id)
    ):
        while waiting and waiting[-1].created_at <= acceptance.accepted_at:
            stack.append(waiting.pop())
        if stack:
            paired[acceptance.draft_id] = stack.pop()
    return paired


@dataclass(frozen=True, slots=True)
class Request:
    """An approval_requested; approval_id is empty when it has none, tool_ids is a sorted JSON list."""

    event_key: UUID
    session_id: str
    approval_id: str
    tool_ids: str
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """An approval_completed; approval_id is empty when it has none, tool_ids when it names none."""

    event_key: UUID
    session_id: str
    approval_id: str
    tool_ids: str
    decided_at: datetime


Approval = TypeVar("Approval", Request, Decision)


@dataclass(frozen=True)
class Approvals:
    """Which request each decision answers, and which decisions repeat an earlier one of their approvalId."""

    answered: Mapping[UUID, Request]
    repeats: frozenset[UUID]


def pair_approvals(*, requests: Sequence[Request], decisions: Sequence[Decision]) -> Approvals:
    """Pairs the requests and decisions of one environment.

    It must be given all approvals of the sessions concerned, and all that share an approvalId with them. The
    earliest request and the earliest decision of an approvalId pair, whatever their sessions; later ones of the
    same approvalId are repeats. Then every other decision, in the order of time, takes the earliest open request
    of its session.
    """
    first_requests = _first_by_approval(
        sorted(requests, key=lambda request: (request.requested_at, request.event_key))
    )
    ordered = sorted(decisions, key=lambda decision: (decision.decided_at, decision.event_key))
    first_decisions = _first_by_approval(ordered)
    answered = {
        decision.event_key: first_requests[approval_id]
        for approval_id, decision in first_decisions.items()
        if approval_id in first_requests
    }
    repeats = frozenset(
        decision.event_key
        for decision in ordered
        if decision.approval_id and first_decisions[decision.approval_id] is not decision
    )
    waiting = _open_requests(requests, first_requests=first_requests, decided=first_decisions.keys())
    for decision in ordered:
        # Whoever the approvalId has settled takes no request by order.
        if decision.event_key in answered or decision.event_key in repeats:
            continue
        request = _take_request(waiting[decision.session_id], decision)
        if request is not None:
            answered[decision.event_key] = request
    return Approvals(answered=answered, repeats=repeats)


def _first_by_approval(ordered: Iterable[Approval]) -> dict[str, Approval]:
    first: dict[str, Approval] = {}
    for approval in ordered:
        if approval.approval_id:
            first.setdefault(approval.approval_id, approval)
    return first


def _open_requests(
    requests: Iterable[Request], *, first_requests: Mapping[str, Request], decided: Iterable[str]
) -> defaultdict[str, list[Request]]:
    """Session to its requests that no approvalId pairs, earliest first; repeats are never open."""
    decided = set(decided)
    waiting: defaultdict[str, list[Request]] = defaultdict(list)
    for request in sorted(requests, key=lambda request: (request.requested_at, request.event_key)):
        is_repeat = request.approval_id and first_requests[request.approval_id] is not request
        if not is_repeat and request.approval_id not in decided:
            waiting[request.session_id].append(request)
    return waiting


def _take_request(waiting: list[Request], decision: Decision) -> Request | None:
    """Removes and returns the earliest open request that the decision may answer."""
    for position, request in enumerate(waiting):
        if request.requested_at > decision.decided_at:
            return None
        # Both have an approvalId and were not paired by it, so the ids differ.
        names_another = bool(decision.approval_id and request.approval_id)
        if not names_another and decision.tool_ids in {"", request.tool_ids}:
            return waiting.pop(position)
    return None
