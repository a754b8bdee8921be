"""Quarantine, arrivals and audit entries, by whole runs."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType

from audit.models import AuditEntry
from telemetry.lifecycle.retention import audit_entries, portions, preview, rows
from telemetry.models import Arrival, BridgeCounter, QuarantinedEvent, RetentionSubject
from tests import rows as made
from tests.builders import NOW, table
from tests.telemetry.lifecycle.retention.builders import (
    TODAY,
    day_ago,
    days_ago,
    hold,
    keep,
    kept_from,
    prune,
    report,
)

pytestmark = pytest.mark.django_db
QUARANTINE, ARRIVALS, AUDIT = (
    RetentionSubject.QUARANTINE,
    RetentionSubject.ARRIVALS,
    RetentionSubject.AUDIT,
)


def quarantined(*ages: float, **fields: Any) -> None:
    for number, age in enumerate(ages):
        made.quarantined_event(number, received_at=days_ago(age), **fields)


def positions() -> list[int]:
    return sorted(QuarantinedEvent.objects.values_list("position", flat=True))


def test_removes_quarantined_events_from_before_the_cut() -> None:
    made.environment()
    quarantined(50, 30.51, 30.49, 1)
    keep(30, subject=QUARANTINE)

    run = prune()

    assert positions() == [2, 3]
    assert report(QUARANTINE) == [
        ("production", "workbench.approval_requested", day_ago(50), 1),
        ("production", "workbench.approval_requested", day_ago(31), 1),
    ]
    assert run.bytes > 2 * 200
    assert BridgeCounter.objects.get(family="portal_quarantine_removed_total").value == 2
    assert kept_from() is None


def test_each_environment_has_its_own_policy_and_a_hold_its_days() -> None:
    made.environment("staging")
    made.environment()
    quarantined(40)
    quarantined(40, 60, environment="staging")
    keep(50, subject=QUARANTINE)
    keep(30, subject=QUARANTINE, environment="staging")
    hold(environment="staging", last_day=day_ago(60))

    prune()

    assert table(QuarantinedEvent, "environment", "position") == [("production", 0), ("staging", 1)]


def test_ranges_of_keys_are_looked_at_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROWS_LOOKED_AT", {"postgresql": 2, "sqlite": 2})
    made.environment()
    # A row that is newer than its neighbours does not end the run.
    quarantined(50, 50, 50, 1, 40)
    keep(30, subject=QUARANTINE)

    run = prune()

    assert (positions(), run.rows, run.steps) == ([3], 4, 3)


@pytest.mark.only_on("sqlite")
def test_a_step_that_has_no_more_time_goes_on_behind_its_last_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portions, "ROWS_A_PORTION", 2)
    monkeypatch.setattr(portions, "SECONDS_A_STEP", 0)
    made.environment()
    quarantined(50, 50, 50, 1, 40)
    keep(30, subject=QUARANTINE)

    run = prune()

    assert (positions(), run.rows, run.steps) == ([3], 4, 2)


def test_arrivals_that_wait_for_the_fold_are_never_removed() -> None:
    made.arrival(0, received_at=days_ago(40), taken_at=None)
    made.arrival(1, received_at=days_ago(40), taken_at=NOW)
    made.arrival(2, received_at=days_ago(20), taken_at=NOW)
    keep(30, subject=ARRIVALS)

    prune()

    assert table(Arrival, "received_at") == [(days_ago(20),), (days_ago(40),)]
    assert report(ARRIVALS) == [("production", "arrival", day_ago(40), 1)]


def test_audit_entries_belong_to_no_environment() -> None:
    for age in (400, 20):
        entry = LogEntry.objects.create(user=made.shared_user(), action_flag=2, object_repr="a target")
        LogEntry.objects.filter(pk=entry.pk).update(action_time=days_ago(age))
    keep(365, subject=AUDIT)

    prune()

    assert LogEntry.objects.count() == 1
    assert report(AUDIT) == [("", "logentry", day_ago(400), 1)]


def audited(*ages: float, environment: str = "") -> None:
    subject = ContentType.objects.get_for_model(AuditEntry)
    for age in ages:
        AuditEntry.objects.log_create(
            subject, force_log=True, action=1, timestamp=days_ago(age), environment=environment
        )


def ages_left() -> list[int]:
    moments = AuditEntry.objects.filter(action=1, content_type__model="contenttype").values_list(
        "timestamp", flat=True
    )
    return sorted((NOW - moment).days for moment in moments)


def test_entries_of_the_audit_go_the_oldest_first_in_bounded_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_entries, "ENTRIES_PER_STEP", {"postgresql": 2, "sqlite": 2})
    audited(500, 400, 400, 365.51, 365.49, 1)
    keep(365, subject=AUDIT)
    (line,) = preview.of_policies(today=TODAY).lines

    run = prune()

    assert ages_left() == [1, 365]
    assert (line.event, line.rows, line.oldest) == ("auditentry", 4, day_ago(500))
    assert (run.rows, run.steps) == (4, 2)
    assert min(run.bytes, line.bytes) > 4 * 50
    assert report(AUDIT) == [
        ("", "auditentry", day_ago(500), 1),
        ("", "auditentry", day_ago(400), 2),
        ("", "auditentry", day_ago(366), 1),
    ]


@pytest.mark.parametrize("environment", ["", "production"])
def test_a_hold_keeps_the_entries_from_its_first_day_on(environment: str) -> None:
    audited(500, 400, 380, environment="production")
    keep(365, subject=AUDIT)
    hold(environment=environment, first_day=day_ago(450), last_day=day_ago(440))

    prune()

    assert ages_left() == [380, 400]
