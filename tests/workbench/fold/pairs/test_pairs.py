"""Pairing through the fold: what late events change, and which buckets they touch."""

from datetime import datetime
from typing import Any

import pytest

from tests.builders import event, fold, fold_one_by_one, minutes, store, table
from workbench.fold import pending
from workbench.models import ApprovalDecision, ApprovalRequest, Draft, TouchedBucket

pytestmark = pytest.mark.django_db

HOUR, DAY = 60, 24 * 60


def created(minute: float, session: str = "s-1", source: str = "chat", **properties: Any) -> dict[str, Any]:
    return event("workbench.draft_created", minutes(minute), session=session, source=source, **properties)


def accepted(minute: float, draft: str = "d-1", session: str = "s-1") -> dict[str, Any]:
    return event("workbench.draft_accepted", minutes(minute), session=session, draftId=draft)


def requested(minute: float, session: str = "s-1", tools: str = "t", **properties: Any) -> dict[str, Any]:
    return event(
        "workbench.approval_requested",
        minutes(minute),
        session=session,
        toolIds=[tools],
        contextType="c",
        **properties,
    )


def decided(minute: float, session: str = "s-1", approved: bool = True, **properties: Any) -> dict[str, Any]:
    return event(
        "workbench.approval_completed", minutes(minute), session=session, approved=approved, **properties
    )


def touched_by(*events: dict[str, Any]) -> set[datetime]:
    """The buckets that the events touch when they come as one post."""
    TouchedBucket.objects.all().delete()
    fold(*events)
    return set(TouchedBucket.objects.values_list("bucket_start", flat=True))


def pairs() -> list[tuple[Any, ...]]:
    return table(Draft, "draft_id", "created_at", "paired_created_at", "paired_source")


def answers() -> list[tuple[Any, ...]]:
    return table(ApprovalDecision, "decided_at", "requested_at", "is_repeat")


# Drafts ----------------------------------------------------------------------------------------------------


def test_an_acceptance_takes_a_creation_without_id_of_its_session_in_either_order() -> None:
    expected = [("d-1", None, minutes(1), "template")]

    fold_one_by_one(created(1, source="template"), accepted(5))

    assert pairs() == expected

    Draft.objects.all().delete()
    fold_one_by_one(accepted(5))

    assert pairs() == expected


@pytest.mark.parametrize(
    "creation",
    [
        pytest.param(created(1, session="s-2"), id="of another session"),
        pytest.param(created(5.1), id="after the acceptance"),
    ],
)
def test_a_creation_of_another_session_or_after_the_acceptance_is_not_taken(creation: dict[str, Any]) -> None:
    fold(creation, accepted(5))

    assert pairs() == [("d-1", None, None, "")]


def test_a_creation_in_another_environment_is_not_taken() -> None:
    fold(created(1), environment="staging")

    fold(accepted(5), environment="production")

    assert pairs() == [("d-1", None, None, "")]


def test_a_draft_with_a_creation_of_its_own_takes_none() -> None:
    fold(created(1), created(2, draftId="d-1"), created(9, draftId="d-2"), accepted(5), accepted(6, "d-2"))

    assert pairs() == [("d-1", minutes(2), None, ""), ("d-2", minutes(9), None, "")]


def test_a_late_creation_of_its_own_gives_the_other_back_to_the_next_acceptance() -> None:
    fold_one_by_one(created(1), accepted(5), accepted(DAY, "d-2"))

    assert pairs() == [("d-1", None, minutes(1), "chat"), ("d-2", None, None, "")]
    assert touched_by(created(2, draftId="d-1")) == {minutes(0), minutes(DAY)}
    assert pairs() == [("d-1", minutes(2), None, ""), ("d-2", None, minutes(1), "chat")]


def test_an_earlier_acceptance_elsewhere_moves_the_draft_and_frees_its_creation() -> None:
    fold_one_by_one(created(1, session="s-1"), accepted(DAY, session="s-1"), accepted(2 * DAY, "d-2"))

    fold_one_by_one(created(-HOUR, session="s-0", source="blank"))

    assert touched_by(accepted(0, session="s-0")) == {minutes(0), minutes(DAY), minutes(2 * DAY)}
    assert pairs() == [("d-1", None, minutes(-HOUR), "blank"), ("d-2", None, minutes(1), "chat")]


def test_an_acceptance_that_moves_to_a_session_without_creations_is_unpaired() -> None:
    fold_one_by_one(created(1), accepted(5))

    fold(accepted(4, session="s-2"))

    assert pairs() == [("d-1", None, None, "")]


def test_a_later_creation_before_the_acceptance_takes_the_place_of_the_first() -> None:
    fold_one_by_one(created(1), accepted(DAY))

    assert touched_by(created(20, source="blank")) == {minutes(15), minutes(DAY)}
    assert pairs() == [("d-1", None, minutes(20), "blank")]


def test_what_changes_nothing_touches_its_own_bucket_only() -> None:
    fold_one_by_one(created(1), accepted(DAY))

    assert touched_by(created(-HOUR)) == {minutes(-HOUR)}


def test_pairs_of_several_sessions_at_once() -> None:
    numbers = range(5)
    fold(*(created(n, session=f"s-{n}") for n in numbers))

    fold(*(accepted(10 + n, f"d-{n}", session=f"s-{n}") for n in numbers))

    assert pairs() == [(f"d-{n}", None, minutes(n), "chat") for n in numbers]


# Approvals -------------------------------------------------------------------------------------------------


def test_a_decision_and_its_request_find_each_other_in_either_order() -> None:
    fold_one_by_one(requested(1), decided(5))

    fold_one_by_one(decided(5, session="s-2"), requested(2, session="s-2"))

    assert answers() == [(minutes(5), minutes(1), False), (minutes(5), minutes(2), False)]
    assert table(ApprovalRequest, "requested_at", "decided_at") == [
        (minutes(1), minutes(5)),
        (minutes(2), minutes(5)),
    ]


def test_approvals_are_the_sessions_and_environments_own() -> None:
    fold(requested(1, session="s-2"))
    fold(requested(1, approvalId="x"), environment="staging")

    fold(decided(5), decided(6, approvalId="x"))

    assert answers() == [(minutes(5), None, False), (minutes(6), None, False)]


def test_an_approval_id_pairs_across_sessions_whichever_comes_first() -> None:
    fold_one_by_one(
        decided(DAY, session="user", approvalId="x"), requested(1, session="agent", approvalId="x")
    )

    assert answers() == [(minutes(DAY), minutes(1), False)]
    assert table(ApprovalRequest, "decided_at") == [(minutes(DAY),)]


def test_a_late_request_with_the_id_frees_the_one_that_was_taken_by_order() -> None:
    fold_one_by_one(requested(1), decided(DAY, approvalId="x"), decided(2 * DAY))

    assert answers() == [(minutes(DAY), minutes(1), False), (minutes(2 * DAY), None, False)]

    late = requested(2, session="s-2", approvalId="x")

    assert touched_by(late) == {minutes(0), minutes(DAY), minutes(2 * DAY)}
    assert answers() == [(minutes(DAY), minutes(2), False), (minutes(2 * DAY), minutes(1), False)]


def test_a_late_decision_with_the_id_takes_its_request_back() -> None:
    fold_one_by_one(requested(1, approvalId="x"), decided(DAY))

    assert touched_by(decided(2 * DAY, session="s-2", approvalId="x")) == {minutes(DAY), minutes(2 * DAY)}
    assert answers() == [(minutes(DAY), None, False), (minutes(2 * DAY), minutes(1), False)]


def test_an_earlier_decision_elsewhere_makes_the_first_a_repeat() -> None:
    fold_one_by_one(requested(1, approvalId="x"), decided(DAY, approvalId="x"))

    assert touched_by(decided(HOUR, session="s-2", approvalId="x")) == {minutes(HOUR), minutes(DAY)}
    assert answers() == [(minutes(HOUR), minutes(1), False), (minutes(DAY), None, True)]


def test_an_earlier_request_of_the_session_moves_up_the_whole_queue() -> None:
    fold_one_by_one(requested(10), decided(DAY), decided(2 * DAY))

    assert touched_by(requested(1)) == {minutes(0), minutes(DAY), minutes(2 * DAY)}
    assert answers() == [(minutes(DAY), minutes(1), False), (minutes(2 * DAY), minutes(10), False)]


def test_approvals_that_stay_as_they_are_touch_nothing() -> None:
    fold_one_by_one(requested(1), decided(DAY))

    assert touched_by(requested(3 * DAY), decided(4 * DAY)) == {minutes(3 * DAY), minutes(4 * DAY)}


def test_the_same_tools_in_another_order_are_the_same_tools() -> None:
    fold(
        event("workbench.approval_requested", minutes(1), toolIds=["b", "a"], contextType="c"),
        event("workbench.approval_requested", minutes(2), toolIds=["a"], contextType="c"),
    )

    fold(decided(5, toolIds=["a"]), decided(6, toolIds=["a", "b", "a"]), decided(7, toolIds=["b"]))

    assert answers() == [
        (minutes(5), minutes(2), False),
        (minutes(6), minutes(1), False),
        (minutes(7), None, False),
    ]


def test_approvals_of_several_sessions_at_once() -> None:
    numbers = range(5)
    fold(*(requested(n, session=f"agent-{n}", approvalId=f"x-{n}") for n in numbers))

    fold(*(decided(10 + n, session=f"user-{n}", approvalId=f"x-{n}") for n in numbers))

    assert answers() == [(minutes(10 + n), minutes(n), False) for n in numbers]
    assert table(ApprovalRequest, "requested_at", "decided_at") == [
        (minutes(n), minutes(10 + n)) for n in numbers
    ]


# Touched buckets -------------------------------------------------------------------------------------------


def test_two_late_days_touch_their_two_buckets_and_not_the_range_between() -> None:
    assert touched_by(accepted(-20 * DAY, "d-1"), accepted(-3 * DAY, "d-2")) == {
        minutes(-20 * DAY),
        minutes(-3 * DAY),
    }


def test_an_earlier_acceptance_touches_the_bucket_that_the_draft_leaves() -> None:
    fold(accepted(DAY))

    assert touched_by(accepted(0)) == {minutes(0), minutes(DAY)}


@pytest.mark.parametrize(
    "late",
    [
        pytest.param(created(-HOUR, draftId="d-1"), id="its creation"),
        pytest.param(
            event("workbench.template_inserted", minutes(-HOUR), draftId="d-1", templateId="t"),
            id="a template",
        ),
    ],
)
def test_what_is_learnt_of_a_draft_touches_the_bucket_it_counts_in(late: dict[str, Any]) -> None:
    fold(accepted(DAY))

    assert touched_by(late) == {minutes(-HOUR), minutes(DAY)}


def test_a_start_and_an_earlier_completion_touch_the_buckets_of_the_run() -> None:
    completed = event("workbench.workflow_run_completed", minutes(DAY), runId="r-1", status="failed")
    fold(completed)

    start = event("workbench.workflow_run_started", minutes(0), runId="r-1", draftId="d-1")

    assert touched_by(start) == {minutes(0), minutes(DAY)}
    assert touched_by({**completed, "at": minutes(HOUR)}) == {minutes(HOUR), minutes(DAY)}


def test_an_agent_run_touches_its_own_bucket_and_that_of_its_workflow_run() -> None:
    fold(event("workbench.workflow_run_completed", minutes(DAY), runId="r-1", status="failed"))
    agent = {"agentRunId": "a-1", "agentName": "planner"}

    end = event("agent.run_completed", minutes(0), runId="r-1", status="failed", costUsd=1, **agent)

    assert touched_by(end) == {minutes(0), minutes(DAY)}

    run = event("workbench.workflow_run_started", minutes(HOUR), runId="r-1", draftId="d-1", workflowName="w")

    assert touched_by(run) == {minutes(0), minutes(HOUR), minutes(DAY)}


def test_an_agent_run_that_moves_touches_both_workflow_runs() -> None:
    for run, minute in (("r-2", HOUR), ("r-1", DAY)):
        fold(event("workbench.workflow_run_completed", minutes(minute), runId=run, status="failed"))
    agent = {"agentRunId": "a-1", "agentName": "planner"}
    fold(event("agent.run_completed", minutes(0), runId="r-2", status="failed", costUsd=1, **agent))

    late = event("agent.run_started", minutes(-HOUR), runId="r-1", **agent)

    assert touched_by(late) == {minutes(-HOUR), minutes(0), minutes(HOUR), minutes(DAY)}


def test_a_fold_without_events_touches_nothing() -> None:
    store(duplicates=2)

    pending.fold_pending(now=minutes(0))

    assert TouchedBucket.objects.count() == 0
