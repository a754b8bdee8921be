from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from telemetry.lifecycle.retention import preview
from telemetry.lifecycle.retention.preview import PreviewLine, RetentionPreview
from telemetry.lifecycle.retention.rules import midnight
from telemetry.models import LedgerHour, RawEvent, RetentionPolicy, RetentionSubject
from tests import rows as made
from tests.builders import make_key
from tests.telemetry.lifecycle.retention.builders import (
    TODAY,
    day_ago,
    days_ago,
    hold,
    keep,
    prune,
    stored,
)
from workbench.models import WorkflowRun

pytestmark = pytest.mark.django_db
CHAT = "workbench.chat_message_sent"


def shown(found: RetentionPreview) -> list[tuple[Any, ...]]:
    return [(line.subject, line.environment, line.event, line.rows, line.oldest) for line in found.lines]


def test_raw_events_are_estimated_by_environment_and_event() -> None:
    stored(29, 31, 45)
    stored(50, environment="staging")
    keep(30)

    found = preview.of_policies(today=TODAY)

    assert shown(found) == [
        ("raw_events", "production", CHAT, 2, day_ago(45)),
        ("raw_events", "staging", CHAT, 1, day_ago(50)),
    ]
    assert all(line.is_estimate and line.bytes > 50 * line.rows for line in found.lines)
    assert found.texts()[-1] == preview.WHY_KPIS_STAY


def test_what_is_pruned_or_held_is_not_counted_again() -> None:
    stored(31, 40, 50)
    keep(45)
    prune()
    RetentionPolicy.objects.update(keep_days=30)
    hold(first_day=day_ago(31))

    found = preview.of_policies(today=TODAY)

    assert shown(found) == [("raw_events", "production", CHAT, 1, day_ago(40))]


def test_other_tables_are_counted() -> None:
    made.environment()
    made.quarantined_event(0, received_at=days_ago(40))
    made.quarantined_event(1, received_at=days_ago(20))
    WorkflowRun.objects.create(environment="production", run_id="r", completed_at=days_ago(50))
    row = {"key": make_key(), "environment": "production", "outcome": "accepted", "reason": "", "events": 1}
    for hour in range(3):
        LedgerHour.objects.create(hour=midnight(day_ago(33)) + timedelta(hours=hour), **row)
    for subject in ("quarantine", "things", "ledger"):
        keep(30, subject=subject)

    assert shown(preview.of_policies(today=TODAY)) == [
        ("quarantine", "production", "workbench.approval_requested", 1, day_ago(40)),
        ("ledger", "production", "ledgerhour", 2, day_ago(33)),
        ("things", "production", "workflowrun", 1, day_ago(50)),
    ]


def test_a_policy_is_shown_as_it_would_be_and_alone() -> None:
    stored(31, 45)
    saved = keep(40)
    keep(30, subject=RetentionSubject.QUARANTINE)
    saved.keep_days = 30

    assert shown(preview.of_policy(saved, today=TODAY)) == [
        ("raw_events", "production", CHAT, 2, day_ago(45))
    ]
    saved.is_enabled = False
    assert shown(preview.of_policy(saved, today=TODAY)) == []


def test_once_is_shown_without_the_policies() -> None:
    stored(31, 45)
    stored(45, environment="staging")
    keep(400)

    found = preview.of_once(environment="production", before=day_ago(40), today=TODAY)

    assert shown(found) == [("raw_events", "production", CHAT, 1, day_ago(45))]


def test_it_agrees_with_the_run_that_follows() -> None:
    stored(31, 32, 45, 45.2)
    keep(30)
    found = preview.of_policies(today=TODAY)

    assert prune().rows == found.rows == 4


def test_its_queries_do_not_depend_on_the_rows() -> None:
    for subject in RetentionSubject.values:
        keep(30, subject=subject)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            preview.of_policies(today=TODAY)
        return len(captured)

    stored(40)
    few = queries()
    stored(*range(40, 60), name="workbench.draft_edited")
    for number in range(30):
        made.quarantined_event(number, received_at=days_ago(40))

    assert queries() == few


def test_a_line_reads_as_a_sentence() -> None:
    line = PreviewLine("quarantine", "", "logentry", 3, 400, day_ago(40))

    assert str(line) == f"quarantine - logentry: 3 rows, 400 bytes, from {day_ago(40)}"
    assert RawEvent.objects.count() == 0
