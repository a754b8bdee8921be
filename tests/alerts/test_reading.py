from datetime import timedelta

import pytest

from alerts.models import Alert
from alerts.reading import fired_within, firing, recent
from tests.alerts.builders import HOUR, make_alert
from tests.builders import NOW

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def numbers(alerts: list[Alert]) -> list[int]:
    return [int(alert.fingerprint, 16) for alert in alerts]


def test_what_has_no_end_fires_until_it_expires() -> None:
    make_alert(1)
    make_alert(2, ended_at=NOW)
    make_alert(3, expires_at=NOW + SECOND)
    make_alert(4, expires_at=NOW)

    assert numbers(firing(now=NOW, limit=None)) == [1, 3]


def test_the_worst_comes_first_and_then_the_oldest() -> None:
    for number, severity in enumerate(["info", "ticket", "page", "warning", "critical"]):
        make_alert(number, severity=severity, started_at=NOW - number * HOUR, kpi=str(number))

    assert numbers(firing(now=NOW, limit=None)) == [4, 2, 3, 1, 0]


def test_an_environment_has_its_own_and_those_of_none() -> None:
    for number, environment in enumerate(["", "production", "staging"]):
        make_alert(number, environment=environment)

    assert numbers(firing(now=NOW, limit=None)) == [0, 1, 2]
    assert numbers(firing(now=NOW, limit=None, environment="production")) == [0, 1]


def test_a_person_sees_the_alerts_of_their_environments_only() -> None:
    for number, environment in enumerate(["", "production", "staging"]):
        make_alert(number, environment=environment)
        make_alert(number + 3, environment=environment, ended_at=NOW)
    limit = frozenset({"production"})

    shown = [
        firing(now=NOW, limit=limit),
        firing(now=NOW, limit=limit, environment="staging"),
        recent(now=NOW, limit=limit),
        fired_within(
            start=NOW, end=NOW + DAY, environment="production", kpi="approval-rate", limit=frozenset()
        ),
    ]

    assert [numbers(alerts) for alerts in shown] == [[1], [], [4], []]


def test_recent_ones_ended_within_14_days_said_or_not() -> None:
    start = NOW - 20 * DAY
    make_alert(1, started_at=start, ended_at=NOW - 14 * DAY)
    make_alert(2, started_at=start, ended_at=NOW - 14 * DAY + SECOND)
    make_alert(3, started_at=start, expires_at=NOW)
    make_alert(4, started_at=start, expires_at=NOW - 14 * DAY)
    make_alert(5, started_at=start)

    assert numbers(recent(now=NOW, limit=None)) == [3, 2]


def test_a_chart_marks_what_fired_in_its_range() -> None:
    start, end = NOW - DAY, NOW
    rows = {
        1: {"started_at": start - HOUR, "ended_at": start},
        2: {"started_at": start - HOUR, "ended_at": start + SECOND},
        3: {"started_at": end - SECOND},
        4: {"started_at": end},
        5: {"started_at": start, "kpi": "approval-wait"},
        6: {"started_at": start, "environment": "staging"},
        7: {"started_at": start - HOUR, "expires_at": start},
        8: {"started_at": start, "environment": ""},
    }
    for number, fields in rows.items():
        make_alert(number, **fields)

    fired = fired_within(start=start, end=end, environment="production", kpi="approval-rate", limit=None)

    assert numbers(fired) == [2, 8, 3]


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({}, [1]),
        ({"kpi": "approval-wait"}, [1, 2]),
        ({"environment": "staging"}, [1, 2]),
        ({"name": "NoEvents"}, [1, 2]),
        ({"started_at": NOW - 2 * HOUR, "expires_at": NOW - HOUR}, [1]),
    ],
)
def test_what_both_found_is_shown_once(fields: dict[str, str], shown: list[int]) -> None:
    make_alert(1)
    make_alert(2, source="portal", **fields)

    assert numbers(firing(now=NOW, limit=None)) == shown


def test_what_the_portal_found_at_another_time_is_shown_too() -> None:
    make_alert(1, started_at=NOW - HOUR, ended_at=NOW - HOUR / 2)
    make_alert(2, source="portal", started_at=NOW - HOUR / 2, ended_at=NOW)
    make_alert(3, source="portal", started_at=NOW - HOUR, ended_at=NOW - HOUR / 3)

    assert numbers(recent(now=NOW, limit=None)) == [2, 1]
