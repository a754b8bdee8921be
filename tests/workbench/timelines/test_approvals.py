from datetime import timedelta

import pytest

from tests.builders import event, fold, minutes
from tests.workbench.timelines.builders import full_session
from workbench.models import ApprovalDecision, ApprovalRequest
from workbench.timelines.approvals import ApprovalDetail, UnknownApproval, approval_key, read_approval

pytestmark = pytest.mark.django_db
REQUESTED, COMPLETED = "workbench.approval_requested", "workbench.approval_completed"


def read(approval_id: str, *, environment: str = "production") -> ApprovalDetail:
    return read_approval(approval_id, environment=environment)


def requested(at: float, **properties: str) -> dict[str, object]:
    return event(REQUESTED, minutes(at), toolIds=["a"], contextType="x", **properties)


def test_is_found_by_its_id_with_both_events() -> None:
    fold(*full_session())

    detail = read("ap/1")

    assert detail.approval.wait == timedelta(minutes=2)
    assert [(item.event, item.is_raw) for item in detail.timeline.events] == [
        (REQUESTED, True),
        (COMPLETED, True),
    ]


def test_without_an_id_it_is_found_by_the_key_of_either_event() -> None:
    fold(requested(0), event(COMPLETED, minutes(1), approved=False))
    request, decision = ApprovalRequest.objects.get(), ApprovalDecision.objects.get()

    found = [read(approval_key(part)).approval for part in (request, decision)]

    assert [(approval.request, approval.decision) for approval in found] == [(request, decision)] * 2
    assert {approval.approval_id for approval in found} == {str(request.event_key)}


def test_a_decision_without_a_request_has_a_page() -> None:
    fold(event(COMPLETED, minutes(1), approved=True))

    approval = read(approval_key(ApprovalDecision.objects.get())).approval

    assert (approval.request, approval.wait) == (None, None)


def test_a_request_nobody_has_decided_on_has_a_page() -> None:
    fold(requested(0, approvalId="ap-1"))

    assert read("ap-1").approval.decision is None


def test_says_how_many_events_repeat_its_id() -> None:
    fold(
        requested(0, approvalId="ap-1"),
        event(COMPLETED, minutes(1), approved=True, approvalId="ap-1"),
        event(COMPLETED, minutes(2), session="s-2", approved=False, approvalId="ap-1"),
    )

    detail = read("ap-1")

    assert (detail.repeated_requests, detail.repeated_decisions) == (0, 1)
    assert detail.approval.decision is not None
    assert detail.approval.decision.decided_at == minutes(1)


@pytest.mark.parametrize("approval_id", ["", "\0", "ap-2", "0190a1f2-7c3b-4d21-8f7e-2b6c1d9e0a11"])
def test_an_unknown_one_is_said_to_be_unknown(approval_id: str) -> None:
    fold(*full_session())

    with pytest.raises(UnknownApproval):
        read(approval_id)


def test_another_environment_does_not_have_it() -> None:
    fold(*full_session())

    with pytest.raises(UnknownApproval):
        read("ap/1", environment="staging")
