from datetime import timedelta

import pytest

from alerts.models import Alert
from telemetry.models import RetentionSubject
from tests.alerts.builders import make_alert
from tests.builders import table
from tests.telemetry.lifecycle.retention.builders import day_ago, days_ago, hold, keep, prune, report

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def alert(number: int, *, start: float, end: float | None = None, expires: float) -> None:
    """Its moments are days ago."""
    make_alert(
        number,
        environment="",
        started_at=days_ago(start),
        ended_at=None if end is None else days_ago(end),
        expires_at=days_ago(expires),
    )


def fingerprints() -> list[int]:
    return sorted(int(fingerprint, 16) for (fingerprint,) in table(Alert, "fingerprint"))


def test_alerts_go_when_all_their_moments_have_passed() -> None:
    alert(1, start=50, end=49, expires=48)
    alert(2, start=50, end=20, expires=48)
    # Nobody reported the ends of these: it is over, and it fires on.
    alert(3, start=50, expires=49)
    alert(4, start=50, expires=-1)
    keep(30, subject=RetentionSubject.ALERTS)

    prune()

    assert fingerprints() == [2, 4]
    assert report(RetentionSubject.ALERTS) == [
        ("", "KpiOffTarget", day_ago(49), 1),
        ("", "KpiOffTarget", day_ago(48), 1),
    ]


def test_a_hold_on_everything_keeps_alerts() -> None:
    alert(1, start=50, end=49, expires=48)
    keep(30, subject=RetentionSubject.ALERTS)
    hold()

    prune()

    assert fingerprints() == [1]
