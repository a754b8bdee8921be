from datetime import timedelta

import pytest

from telemetry import maintenance
from telemetry.counters.bridge import Increment, increase
from telemetry.models import LedgerHour
from tests.config.health.lines import line_named
from tests.rows import api_key

pytestmark = pytest.mark.django_db


def sent(key, *, hour, accepted=0, rejected=0):
    for outcome, reason, events in (("accepted", "", accepted), ("rejected", "bad_id", rejected)):
        LedgerHour.objects.create(
            key=key, environment="production", hour=hour, outcome=outcome, reason=reason, events=events
        )


@pytest.mark.parametrize(
    ("accepted", "rejected", "status"),
    [(96, 4, "ok"), (95, 5, "warning"), (51, 49, "warning"), (50, 50, "critical"), (0, 19, "ok")],
)
def test_the_source_with_the_largest_share_of_rejections_decides(now, accepted, rejected, status):
    sent(api_key(1), hour=now - timedelta(hours=1), accepted=accepted, rejected=rejected)
    sent(api_key(2), hour=now - timedelta(hours=1), accepted=1000)

    assert line_named("rejected", now=now)[0] == status


def test_rejections_are_told_by_source_over_a_day(now):
    sent(api_key(1), hour=now - timedelta(hours=24), accepted=30, rejected=10)
    sent(api_key(1, digest="f" * 64), hour=now - timedelta(hours=2), rejected=10)
    sent(api_key(2), hour=now - timedelta(hours=25), rejected=1000)

    text = "20 events of 50 rejected (40.0%) in 24 h"
    assert line_named("rejected", now=now) == ("warning", text, 0.4, (("production/app-1", "40.0% of 50"),))


def test_without_events_nothing_is_rejected(now):
    assert line_named("rejected", now=now)[:2] == ("ok", "nothing was received in the last 24 h")


@pytest.mark.parametrize(
    ("events", "status"), [(9_999, "ok"), (10_000, "warning"), (999_999, "warning"), (1_000_000, "critical")]
)
def test_the_quarantine_may_hold_some_events(now, events, status):
    increase([Increment("portal_events_received_total", "demo", ("rejected", "bad_id"), "", events)])

    found = line_named("quarantine", now=now)

    assert found == (status, f"{events:,} events kept", events, (("demo", f"{events:,} events"),))


@pytest.mark.parametrize(
    ("left", "status"),
    [
        (timedelta(days=14, seconds=1), "ok"),
        (timedelta(days=14), "warning"),
        (timedelta(days=2, seconds=1), "warning"),
        (timedelta(days=2), "critical"),
        (timedelta(seconds=1), "critical"),
        (timedelta(0), "ok"),
    ],
)
def test_keys_are_told_before_they_expire(now, left, status):
    api_key(1, expires_at=now + left)

    assert line_named("keys", now=now)[0] == status


def test_a_key_that_is_revoked_does_not_expire(now):
    api_key(1, expires_at=now + timedelta(days=3), revoked_at=now)
    api_key(2)

    assert line_named("keys", now=now) == ("ok", "none expires within 14 days", 0, ())


def test_expiring_keys_are_named_without_their_secrets(now):
    key = api_key(1, expires_at=now + timedelta(days=3), revoked_at=now + timedelta(days=1))

    _, text, _, details = line_named("keys", now=now)

    assert text == "1 key expires within 14 days"
    assert details == ((f"production/app-1 (ingest, {key.prefix}…)", "in 3 days"),)


def test_maintenance_is_told(now, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    before = line_named("maintenance", now=now)

    (tmp_path / "maintenance").touch()

    assert before == ("ok", "off", 0, ())
    assert line_named("maintenance", now=now) == ("warning", "on: posts are answered 503", 1, ())


def test_maintenance_for_all_machines_is_told(now, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    maintenance.switch_on(message="We move.", ends_at=None, by=None, now=now)

    assert line_named("maintenance", now=now)[::2] == ("warning", 1)
