from datetime import datetime
from typing import Any

import pytest

from telemetry.intake.allowance import events_matching
from telemetry.intake.ingest import CheckedBatch, IngestResult, check_events, ingest_events
from telemetry.models import ApiKey, Arrival, Environment, QuarantinedEvent, RawEvent
from telemetry.plan import get_plan
from tests.builders import make_key
from tests.telemetry.posts import event, raw

MESSAGE = "This key may not send this event."


def post(*documents: dict[str, Any], now: datetime, allowed: list[str]) -> IngestResult:
    return ingest_events(list(map(raw, documents)), key=make_key(allowed_events=allowed), now=now)


@pytest.mark.parametrize(
    ("patterns", "is_allowed"),
    [
        ([], True),
        (["workbench.draft_created"], True),
        (["workbench.*"], True),
        (["agent.*", "workbench.*"], True),
        (["agent.*"], False),
        (["workbench.draft_create"], False),
        (["workbench.draft_created.*"], False),
    ],
)
@pytest.mark.django_db
def test_a_key_sends_only_what_it_may(patterns: list[str], is_allowed: bool, now: datetime) -> None:
    result = post(event(), now=now, allowed=patterns)

    assert (result.accepted, result.rejected) == ((1, 0) if is_allowed else (0, 1))


@pytest.mark.django_db
def test_what_it_may_not_send_is_quarantined_and_says_why(now: datetime) -> None:
    result = post(event("workbench.draft_created", event_id="e-1"), now=now, allowed=["agent.*"])

    row = QuarantinedEvent.objects.get()
    assert result.results == [
        {
            "index": 0,
            "id": "e-1",
            "status": "rejected",
            "code": "unknown_event",
            "field": "event",
            "message": MESSAGE,
        }
    ]
    assert (row.code, row.event, row.payload["properties"]) == (
        "unknown_event",
        "workbench.draft_created",
        {"source": "chat", "draftId": "d-1"},
    )
    assert (Arrival.objects.get().rejected, RawEvent.objects.count()) == ({"unknown_event": 1}, 0)


@pytest.mark.django_db
def test_a_bad_event_that_it_may_not_send_has_that_problem_first(now: datetime) -> None:
    result = post(event(source="nothing"), now=now, allowed=["agent.*"])

    assert [entry["code"] for entry in result.results] == ["unknown_event", "not_in_enum"]


@pytest.mark.django_db
def test_only_the_events_that_the_quarantine_has_room_for_are_redacted(now: datetime) -> None:
    key = ApiKey(environment=Environment(name="production"), allowed_events=["agent.*"])
    posted = [raw(event(source="a b")), raw(event()), raw(event()), raw(event())]

    for kept in range(5):
        batch = check_events(posted, key=key, now=now, kept=kept)

        assert have_payload(batch) == [True] * kept + [False] * (4 - kept)


@pytest.mark.django_db
def test_of_events_from_before_the_kept_ones_only_those_with_room_are_redacted(now: datetime) -> None:
    key = ApiKey(environment=Environment(name="production", raw_kept_from=now))
    posted = [raw(event(source="a b")), raw(event()), raw(event())]

    for kept in range(4):
        batch = check_events(posted, key=key, now=now, kept=kept)

        assert have_payload(batch) == [True] * kept + [False] * (3 - kept)


def have_payload(batch: CheckedBatch) -> list[bool]:
    return [bool(refused.payload) for refused in batch.rejected.values()]


@pytest.mark.django_db
def test_an_event_that_nobody_may_send_is_rejected_as_ever(now: datetime) -> None:
    result = post(event("workbench.nothing"), now=now, allowed=["agent.*"])

    assert [entry["message"] for entry in result.results] == [
        "The plan has no such event. GET /api/plan/ lists its events."
    ]


def test_a_pattern_is_of_whole_parts_of_names() -> None:
    found = events_matching(["agent.*"], plan=get_plan())

    assert found == {name for name in get_plan().events if name.startswith("agent.")} != set()
