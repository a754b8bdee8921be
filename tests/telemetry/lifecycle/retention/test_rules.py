from datetime import date
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from telemetry.lifecycle.retention.rules import PolicyTooShort, check_before, check_keep_days, read_rules
from telemetry.models import RetentionSubject
from tests.telemetry.lifecycle.retention.builders import TODAY, day_ago, hold, keep

pytestmark = pytest.mark.django_db
RAW = RetentionSubject.RAW_EVENTS
CHAT = "workbench.chat_message_sent"


def cut(event: str = CHAT, *, environment: str = "production") -> date | None:
    return read_rules(today=TODAY).cut(RAW, environment=environment, event=event)


def test_without_a_policy_everything_is_kept() -> None:
    keep(40, is_enabled=False)
    keep(40, subject=RetentionSubject.QUARANTINE)

    assert cut() is None


def test_the_days_to_keep_are_counted_without_today() -> None:
    keep(40)

    assert cut() == day_ago(40)


@pytest.mark.parametrize(
    ("other", "winner"),
    [
        # An event pattern beats none, even one of the environment, and even where it keeps less.
        ({"event_pattern": "workbench.chat*", "days": 35}, 35),
        ({"event_pattern": "workbench.chat*", "environment": "production", "days": 35}, 35),
        # An environment beats all.
        ({"environment": "production", "days": 35}, 35),
        # Those of others do not apply.
        ({"environment": "staging", "days": 35}, 40),
        ({"event_pattern": "workbench.draft*", "days": 35}, 40),
    ],
)
def test_the_most_specific_policy_wins(other: dict[str, Any], winner: int) -> None:
    keep(40)
    keep(**other)

    assert cut() == day_ago(winner)


def test_of_two_patterns_the_one_that_keeps_longer_wins() -> None:
    keep(50, event_pattern="workbench.*")
    keep(40, event_pattern="workbench.chat*")

    assert cut() == day_ago(50)


def test_a_policy_shorter_than_the_late_window_is_refused_with_the_reason(settings: Settings) -> None:
    settings.LATE_WINDOW_DAYS = 30
    check_keep_days(30)
    check_before(day_ago(30), today=TODAY)

    with pytest.raises(PolicyTooShort, match="29 days are shorter than the late window of 30 days"):
        check_keep_days(29)
    with pytest.raises(PolicyTooShort):
        check_before(day_ago(29), today=TODAY)


def test_where_the_late_window_became_longer_it_counts(settings: Settings) -> None:
    keep(30)
    settings.LATE_WINDOW_DAYS = 45

    assert cut() == day_ago(45)


@pytest.mark.parametrize(
    ("fields", "is_held"),
    [
        ({}, True),
        ({"environment": "production"}, True),
        ({"environment": "staging"}, False),
        ({"first_day": day_ago(5), "last_day": day_ago(5)}, True),
        ({"first_day": day_ago(4)}, False),
        ({"last_day": day_ago(6)}, False),
        ({"until": TODAY}, True),
        ({"until": day_ago(1)}, False),
    ],
)
def test_a_hold_covers_its_environment_and_days_until_it_ends(fields: dict[str, Any], is_held: bool) -> None:
    hold(**fields)

    rules = read_rules(today=TODAY)

    assert rules.is_held(environment="production", first=day_ago(5), last=day_ago(5)) is is_held
