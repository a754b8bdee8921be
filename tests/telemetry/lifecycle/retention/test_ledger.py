from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Sum

from telemetry.lifecycle.retention.rules import midnight
from telemetry.models import LedgerHour, RetentionSubject
from tests.builders import make_key, table
from tests.telemetry.lifecycle.retention.builders import day_ago, hold, keep, prune, report

pytestmark = pytest.mark.django_db
LEDGER = RetentionSubject.LEDGER


def hours(age: int, **fields: Any) -> None:
    """Three hours of a day, in one of which an event was rejected."""
    key = make_key(environment=fields.get("environment", "production"))
    for hour, events in ((0, 1), (5, 2), (23, 4)):
        moment = midnight(day_ago(age)) + timedelta(hours=hour)
        row = {"key": key, "environment": key.environment_id, "hour": moment}
        LedgerHour.objects.create(**row, outcome="accepted", reason="", events=events)
    LedgerHour.objects.create(**row, outcome="rejected", reason="bad_id", events=8)


def days() -> list[tuple[Any, ...]]:
    return table(LedgerHour, "hour", "is_day", "outcome", "reason", "events")


def test_hours_before_the_cut_become_one_row_a_day_and_outcome() -> None:
    hours(31)
    hours(30)
    keep(30, subject=LEDGER)

    prune()

    assert days()[:2] == [
        (midnight(day_ago(31)), True, "accepted", "", 7),
        (midnight(day_ago(31)), True, "rejected", "bad_id", 8),
    ]
    assert LedgerHour.objects.filter(is_day=False).count() == 4
    assert LedgerHour.objects.aggregate(events=Sum("events")) == {"events": 30}
    assert report(LEDGER) == [("production", "ledgerhour", day_ago(31), 2)]


def test_a_second_run_and_a_late_hour_are_summed_up_too() -> None:
    hours(40)
    keep(30, subject=LEDGER)
    prune()
    late = LedgerHour.objects.get(outcome="rejected")
    LedgerHour.objects.create(
        key=late.key,
        environment="production",
        hour=late.hour + timedelta(hours=3),
        outcome="rejected",
        reason="bad_id",
        events=16,
    )

    prune()
    prune()

    assert [row[2:] for row in days()] == [("accepted", "", 7), ("rejected", "bad_id", 24)]


def test_a_hold_and_another_environment_keep_their_hours() -> None:
    hours(40)
    hours(41)
    hours(40, environment="staging")
    keep(30, subject=LEDGER, environment="production")
    hold(first_day=day_ago(41), last_day=day_ago(41))

    prune()

    summed = LedgerHour.objects.filter(is_day=True)
    assert set(summed.values_list("environment", "hour")) == {("production", midnight(day_ago(40)))}
    assert LedgerHour.objects.filter(is_day=False).count() == 8
