"""Every rejection code can occur, is offered by the admin's filter and is documented; and no other one is."""

import re
from datetime import datetime
from pathlib import Path

import pytest
from django.contrib import admin
from django.test import RequestFactory

from telemetry.door.protocols import segment
from telemetry.intake.ingest import ingest_events
from telemetry.intake.validation import MAX_EVENT_BYTES, RejectedEvent
from telemetry.models import ApiKey, QuarantinedEvent
from telemetry.plan.codes import NoticeCode, RejectionCode
from tests.telemetry.posts import event, raw

DOCUMENTATION = Path(__file__).resolve().parents[3] / "docs" / "ingest.md"


def identify_call(now: datetime) -> RejectedEvent:
    """A Segment call that the plan has no place for."""
    (refused,) = segment.translate(b'{"userId": "u-1"}', call="identify", now=now).events
    assert isinstance(refused, RejectedEvent)
    return refused


EVENTS = {
    "unknown_event": event("workbench.nothing"),
    "missing_property": event(draftId="d-1"),
    "unknown_property": event(source="chat", draftId="d-1", colour="red"),
    "wrong_type": event(source="chat", draftId="d-1", nodeCount="3"),
    "not_in_enum": event(source="nowhere", draftId="d-1"),
    "out_of_range": event(source="chat", draftId="d-1", nodeCount=-1),
    "too_long": event(source="chat", draftId="d" * 129),
    "bad_timestamp": event(at="yesterday"),
    "timestamp_in_future": event(at="2999-01-01T00:00:00Z"),
    "timestamp_too_old": event(at="2001-01-01T00:00:00Z"),
    "looks_like_pii": event(session_id="ann@example.com"),
    "event_too_large": event(source="chat", draftId="d" * MAX_EVENT_BYTES),
    "bad_id": event(event_id=""),
}


@pytest.mark.django_db
def test_every_rejection_code_occurs_and_is_kept_in_the_quarantine(ingest_key: ApiKey, now: datetime) -> None:
    events = [*map(raw, EVENTS.values()), identify_call(now)]

    result = ingest_events(events, key=ingest_key, now=now)

    assert result.accepted == 0

    codes = list(QuarantinedEvent.objects.order_by("position").values_list("code", flat=True))

    assert codes == [*EVENTS, "unsupported_type"]
    assert set(codes) == set(RejectionCode)


@pytest.mark.django_db
def test_the_admin_offers_every_rejection_code_and_no_other() -> None:
    model_admin = admin.site.get_model_admin(QuarantinedEvent)
    by_code = next(
        list_filter for list_filter in model_admin.list_filter if list_filter.parameter_name == "code"
    )

    choices = by_code(RequestFactory().get("/"), {}, QuarantinedEvent, model_admin).lookup_choices

    assert choices == [(code.value, code.value) for code in RejectionCode]


def test_every_code_of_an_event_is_documented_and_no_other() -> None:
    text = DOCUMENTATION.read_text(encoding="utf-8")
    table = text[text.index("\n| `unknown_event`") : text.index("\nRejected events")]

    documented = re.findall(r"`([a-z_]+)`", "\n".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)))

    # Only a client that asks for it (verbose) is told that an event was plainly accepted.
    assert set(documented) == {*RejectionCode, *NoticeCode} - {NoticeCode.ACCEPTED}
    assert len(documented) == len(set(documented))
