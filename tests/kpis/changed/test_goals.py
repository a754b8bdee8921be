from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from audit import trail
from audit.acting import acting_as
from audit.models import AuditEntry
from kpis.changed.goals import GoalChange, GoalTerms, goal_changes
from kpis.reading.periods import Range
from kpis.registry import REGISTRY
from tests.kpis.builders import make_baseline, make_target

pytestmark = pytest.mark.django_db

RATE = REGISTRY["approval-rate"]
# The audit has a clock of its own.
TODAY = datetime.now(UTC).date()
YESTERDAY = TODAY - timedelta(days=1)


def changes(environment: str = "production", *, days: int = 28) -> list[GoalChange]:
    end = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC) + timedelta(days=1)
    range = Range(start=end - timedelta(days=days), end=end, zone=ZoneInfo("UTC"))
    return goal_changes(RATE, environment=environment, range=range)


def terms(value: str, day: date = YESTERDAY) -> GoalTerms:
    return GoalTerms(value=value, effective_from=day)


def test_lists_what_was_set_changed_and_deleted_for_days_that_had_passed() -> None:
    with acting_as("jo"):
        target = make_target("approval-rate", "0.8", since=YESTERDAY)
        target.value = Decimal("0.9")
        target.save()
        target.delete()

    found = changes()

    assert [(change.before, change.after) for change in found] == [
        (terms("0.9"), None),
        (terms("0.8"), terms("0.9")),
        (None, terms("0.8")),
    ]
    assert {(change.kind, change.by, change.environment) for change in found} == {("target", "jo", "")}


def test_keeps_a_change_whose_day_the_audit_no_longer_says() -> None:
    target = make_target("approval-rate", "0.8", since=YESTERDAY)
    target.value = Decimal("0.9")
    target.save()
    trail.delete_before(AuditEntry.objects.latest("pk").timestamp)

    (found,) = changes()

    assert (found.judged_from, found.after) == (None, GoalTerms(value="0.9", effective_from=None))


@pytest.mark.parametrize(("days", "count"), [(1, 1), (0, 0), (-1, 0)])
def test_leaves_out_what_judges_no_day_that_had_passed(days: int, count: int) -> None:
    make_baseline("approval-rate", "0.8", since=TODAY - timedelta(days=days))

    assert len(changes()) == count


def test_a_goal_that_moves_judges_from_the_earlier_day_on() -> None:
    target = make_target("approval-rate", "0.8", since=TODAY - timedelta(days=9))
    target.effective_from = TODAY
    target.save()

    assert changes()[0].judged_from == TODAY - timedelta(days=9)


def test_leaves_out_other_kpis_and_environments() -> None:
    make_target("approval-wait", "60", since=YESTERDAY)
    make_target("approval-rate", "0.7", since=YESTERDAY, environment="staging")

    assert changes() == []
    assert len(changes("staging")) == 1
