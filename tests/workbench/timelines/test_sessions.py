from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from telemetry.models import Environment, RawEvent
from tests import rows
from tests.builders import NOW, event, fold, minutes, store
from tests.workbench.timelines.builders import full_session
from workbench.timelines.events import MOST_EVENTS
from workbench.timelines.sessions import SessionDetail, UnknownSession, read_session

pytestmark = pytest.mark.django_db


def read(session_id: str = "s-1", *, environment: str = "production") -> SessionDetail:
    return read_session(session_id, environment=environment, now=NOW)


def names(detail: SessionDetail) -> list[str]:
    return [item.event.partition(".")[2] for item in detail.timeline.events]


def test_tells_what_the_session_led_to() -> None:
    fold(*full_session())

    detail = read()

    assert [draft.draft_id for draft in detail.drafts] == ["d-1"]
    assert [run.run_id for run in detail.runs] == ["r-1"]
    (approval,) = detail.approvals
    assert (approval.approval_id, approval.wait) == ("ap/1", timedelta(minutes=2))
    assert detail.counts["workbench.chat_message_sent"] == 1
    assert detail.user_hash == "u_hash"


def test_has_every_event_once_in_order_with_ids_and_no_content() -> None:
    fold(*full_session())

    events = read().timeline.events

    assert [(item.event.partition(".")[2], dict(item.ids)) for item in events] == [
        ("session_started", {"userId": "u_hash"}),
        ("chat_message_sent", {}),
        ("template_suggested", {"templateId": "t-1", "draftId": "d-1"}),
        ("draft_created", {"source": "chat", "draftId": "d-1"}),
        ("draft_edited", {"draftId": "d-1", "editType": "canvas"}),
        ("draft_accepted", {"draftId": "d-1"}),
        ("workflow_run_started", {"runId": "r-1", "draftId": "d-1", "trigger": "user"}),
        ("approval_requested", {"toolIds": "a, b", "approvalId": "ap/1", "runId": "r-1"}),
        ("approval_completed", {"approved": "true", "approverId": "h", "approvalId": "ap/1", "runId": "r-1"}),
        ("workflow_run_completed", {"runId": "r-1", "status": "completed"}),
        ("session_ended", {}),
    ]
    assert all(item.is_raw for item in events)


def test_tells_what_is_kept_of_its_things_when_raw_events_are_gone() -> None:
    fold(*full_session())
    RawEvent.objects.all().delete()
    Environment.objects.filter(name="production").update(raw_kept_from=minutes(60))

    detail = read()

    assert names(detail) == [
        "session_started",
        "draft_created",
        "draft_edited",
        "draft_accepted",
        "workflow_run_started",
        "approval_requested",
        "approval_completed",
        "workflow_run_completed",
        "session_ended",
    ]
    assert detail.timeline.is_pruned
    assert not any(item.is_raw for item in detail.timeline.events)


def test_of_a_draft_that_two_sessions_named_only_the_acceptance_has_a_session() -> None:
    fold(
        event("workbench.draft_created", minutes(0), session="s-0", draftId="d-1", source="chat"),
        event("workbench.draft_accepted", minutes(1), draftId="d-1"),
    )
    RawEvent.objects.all().delete()

    assert (names(read("s-0")), names(read("s-1"))) == ([], ["draft_accepted"])


def test_a_session_that_only_raw_events_know_is_found_near_its_time() -> None:
    store(event("workbench.chat_message_sent", minutes(0)))

    detail = read_session("s-1", environment="production", now=NOW, near=minutes(5))

    assert names(detail) == ["chat_message_sent"]


@pytest.mark.parametrize(
    ("session_id", "environment"), [("s-2", "production"), ("s-1", "staging"), ("\0", "x")]
)
def test_another_environment_does_not_have_it(session_id: str, environment: str) -> None:
    fold(*full_session())

    with pytest.raises(UnknownSession):
        read(session_id, environment=environment)


def test_shows_the_rejected_events_that_name_it() -> None:
    fold(*full_session())
    for number, session in enumerate(["s-1", "s-2"]):
        rows.quarantined_event(number, payload={"event": "x", "sessionId": session}, code="wrong_type")

    assert [item.code for item in read().timeline.rejected] == ["wrong_type"]


def test_says_when_there_are_more_events_than_it_shows() -> None:
    fold(*(event("workbench.chat_message_sent", minutes(number)) for number in range(MOST_EVENTS + 1)))

    detail = read_session("s-1", environment="production", now=minutes(600))

    assert (len(detail.timeline.events), detail.timeline.left_out) == (MOST_EVENTS, True)
    assert detail.counts["workbench.chat_message_sent"] == MOST_EVENTS + 1


@pytest.mark.parametrize("more", [0, 20])
def test_the_number_of_queries_does_not_depend_on_its_size(
    more: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    drafts = [
        event("workbench.draft_accepted", minutes(number), draftId=f"more-{number}") for number in range(more)
    ]
    fold(*full_session(), *drafts)

    with django_assert_num_queries(12):
        read()
