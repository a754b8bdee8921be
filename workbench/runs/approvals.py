"""What a run waited for: the requests that name it, each with the decision that answers it."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from workbench.models import ApprovalDecision, ApprovalRequest, WorkflowRun

MOST_APPROVALS = 500


@dataclass(frozen=True, kw_only=True)
class ApprovalWait:
    """A request for an approval, and the decision that answers it; None while nobody has decided."""

    request: ApprovalRequest
    decision: ApprovalDecision | None


def requests_of(run: WorkflowRun) -> list[ApprovalRequest]:
    """The earliest first. Index: approval_request_run."""
    requests = ApprovalRequest.objects.filter(run_id=run.run_id, environment=run.environment)
    return list(requests.order_by("requested_at", "pk")[:MOST_APPROVALS])


def decisions_of(run: WorkflowRun, *, requests: Collection[ApprovalRequest]) -> list[ApprovalDecision]:
    """Those that name the run, and those that answer its requests, which may name neither run nor approval.

    Indexes: approval_decision_run, approval_decision_session and approval_decision_id.
    """
    answered = Q(requested_at__in={request.requested_at for request in requests if request.decided_at})
    session_ids = {request.session_id for request in requests}
    approval_ids = {request.approval_id for request in requests} - {""}
    in_sessions = Q(session_id__in=session_ids)
    with_approval_id = Q(approval_id__in=approval_ids) & ~Q(approval_id="")
    decisions = ApprovalDecision.objects.filter(
        Q(run_id=run.run_id) | (answered & in_sessions) | (answered & with_approval_id),
        environment=run.environment,
    )
    return list(decisions.order_by("decided_at", "pk")[:MOST_APPROVALS])


def pair(requests: Iterable[ApprovalRequest], *, decisions: Iterable[ApprovalDecision]) -> list[ApprovalWait]:
    """Each request with its decision: the fold has noted on both sides when the other one was."""
    waiting: dict[tuple[datetime | None, datetime | None], list[ApprovalDecision]] = defaultdict(list)
    for decision in decisions:
        waiting[decision.requested_at, decision.decided_at].append(decision)
    return [
        ApprovalWait(
            request=request,
            decision=take_decision(waiting[request.requested_at, request.decided_at], request=request),
        )
        for request in requests
    ]


def take_decision(waiting: list[ApprovalDecision], *, request: ApprovalRequest) -> ApprovalDecision | None:
    """Removes and returns the decision on the request, of those with its moments."""
    for position, decision in enumerate(waiting):
        if may_answer(decision, request=request):
            return waiting.pop(position)
    return None


def may_answer(decision: ApprovalDecision, *, request: ApprovalRequest) -> bool:
    """As the fold pairs them (workbench/fold/pairs/pairing.py): by approvalId, else by order within a session."""
    if decision.approval_id and request.approval_id:
        return decision.approval_id == request.approval_id
    has_tools = decision.tool_ids in {"", request.tool_ids}
    return has_tools and decision.session_id == request.session_id
