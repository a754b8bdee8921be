"""What the quarantine keeps is enough to replay events of a plan that did not have them yet."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from kpis.compute.rollup import bring_up_to_date
from kpis.models import KpiBucket
from telemetry.admin.quarantine.actions import why_not_replayable
from telemetry.intake.privacy import pseudonymise
from telemetry.lifecycle.quarantine_jobs import finish, request_job
from telemetry.models import QuarantinedEvent, QuarantineWork, RawEvent
from telemetry.plan import get_compiled_plan
from tests.builders import NOW
from tests.telemetry.posts import event, post
from workbench.models import EventCount

OCCURRED_AT = datetime(2026, 2, 15, 11, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
UUID = "0190a1f2-7c3b-4d21-8f7e-0190a1f27c3b"

# What an administrator writes into the plan.
NEW_VALUE = ("values: [chat, template, blank]", "values: [chat, template, blank, voice]")
NEW_EVENT = (
    "\nevents:\n",
    """
events:
  workbench.draft_shared:
    description: A draft is shared.
    emitted_when: The user sends a draft.
    required:
      draftId:
    optional:
      source:
      userId:
      referrer:
      nodeCount:
      toolIds:
      flavour: {type: token, description: A label.}
      viewers: {type: count, description: Who may see it.}
      public: {type: bool, description: Whether all may see it.}
      folderIds: {type: ids, description: Where it is.}
""",
)
NEW_PROPERTIES = (
    "      source:\n    optional:\n      draftId:\n      nodeCount:\n",
    """      source:
    optional:
      draftId:
      nodeCount:
      runId:
      folderId: {type: id, description: Where it is.}
      pinned: {type: bool, description: Whether it stays on top.}
      score: {type: number, minimum: 0, maximum: 1, description: How good it is.}
""",
)


@pytest.fixture
def change_plan(settings: Settings, tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Start the portal with a plan that has the new event, properties and value."""

    def change() -> None:
        text = settings.TRACKING_PLAN.read_text(encoding="utf-8")
        for before, after in (NEW_VALUE, NEW_EVENT, NEW_PROPERTIES):
            assert before in text
            text = text.replace(before, after, 1)
        settings.TRACKING_PLAN = tmp_path / "plan.yaml"
        settings.TRACKING_PLAN.write_text(text, encoding="utf-8")
        get_compiled_plan.cache_clear()

    yield change
    get_compiled_plan.cache_clear()


def replay() -> tuple[int, int, int, int]:
    job = request_job(work=QuarantineWork.REPLAY, selection={}, requested_by="ann", now=LATER)
    finish(job, now=LATER)
    return job.accepted, job.duplicates, job.rejected, job.not_kept


SHARED = {
    "draftId": "d-1",
    "source": "voice",
    "userId": "anna@example.com",
    "referrer": "https://portal.example/drafts?q=anna",
    "nodeCount": 7,
    "toolIds": ["tool-1", "tool-2"],
    "viewers": 12,
    "public": True,
    "folderIds": ["f-1029", UUID],
}
WHOLE = {
    "an unknown event": (
        event("workbench.draft_shared", **SHARED),
        "unknown_event",
        {
            **SHARED,
            "userId": pseudonymise("anna@example.com"),
            "referrer": "https://portal.example/drafts",
        },
    ),
    "unknown properties": (
        event(source="chat", draftId="d-1", folderId="f-1029", pinned=False, score=0.25, runId="run_20ab41"),
        "unknown_property",
        {
            "source": "chat",
            "draftId": "d-1",
            "folderId": "f-1029",
            "pinned": False,
            "score": 0.25,
            "runId": "run_20ab41",
        },
    ),
    "an unlisted value": (
        event(source="voice", draftId="d-1"),
        "not_in_enum",
        {"source": "voice", "draftId": "d-1"},
    ),
}


@pytest.mark.parametrize("event_id", [None, "e-1"])
@pytest.mark.parametrize("name", WHOLE)
def test_what_the_plan_has_now_is_stored_and_a_resend_is_a_duplicate(
    name: str, event_id: str | None, secret: str, change_plan: Callable[[], None]
) -> None:
    document, code, properties = WHOLE[name]
    document = {**document, **({"id": event_id} if event_id else {})}
    assert post(document, secret=secret).json()["results"][0]["code"] == code
    change_plan()

    assert replay() == (1, 0, 0, 0)

    stored = RawEvent.objects.get()
    assert (stored.event, stored.occurred_at, stored.properties) == (
        document["event"],
        OCCURRED_AT,
        properties,
    )
    again = post(document, secret=secret).json()
    assert (again["accepted"], again["duplicates"], RawEvent.objects.count()) == (0, 1, 1)
    bring_up_to_date(now=LATER)
    assert list(EventCount.objects.values_list("bucket_start", "event", "events")) == [
        (OCCURRED_AT, document["event"], 1)
    ]


def test_it_counts_in_the_kpis_of_its_own_day(secret: str, change_plan: Callable[[], None]) -> None:
    accepted_at = OCCURRED_AT + timedelta(minutes=5)
    post(
        {
            "events": [
                event(source="voice", draftId="d-1"),
                event("workbench.draft_accepted", at=accepted_at, draftId="d-1"),
            ]
        },
        secret=secret,
    )
    bring_up_to_date(now=NOW)
    assert measured_drafts() == []
    change_plan()

    replay()
    bring_up_to_date(now=LATER)

    assert measured_drafts() == [(OCCURRED_AT.replace(hour=0), "voice", 1)]


def measured_drafts() -> list[tuple[Any, ...]]:
    found = KpiBucket.objects.filter(
        kpi="time-to-create-workflow", granularity="day", dimension="source", denominator__gt=0
    )
    return list(found.values_list("period_start", "value", "denominator"))


NOT_WHOLE = {
    "a text of an unknown event": event("workbench.draft_shared", draftId="d-1", flavour="vanilla"),
    "a text of an unknown property": event(source="chat", folderId="anna-1985"),
    "an unlisted value with a blank": event(source="by voice"),
    "a number of an unknown property": event(source="chat", score=10**12),
}


@pytest.mark.parametrize("name", NOT_WHOLE)
def test_an_event_with_a_dropped_value_says_so(
    name: str, secret: str, change_plan: Callable[[], None]
) -> None:
    post(NOT_WHOLE[name], secret=secret)
    change_plan()

    assert replay() == (0, 0, 0, 1)

    assert why_not_replayable(QuarantinedEvent.objects.get()) == (
        "It can't be replayed: its value was not kept."
    )
    assert RawEvent.objects.count() == 0
