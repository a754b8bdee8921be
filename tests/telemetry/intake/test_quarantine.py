from datetime import timedelta

import pytest

from telemetry.intake import quarantine
from telemetry.intake.ingest import ingest_events
from telemetry.intake.quarantine import BYTES_A_DAY, within_budget
from telemetry.intake.storage import QuarantineRow
from telemetry.models import Arrival, QuarantinedEvent
from tests.telemetry.posts import event, raw


@pytest.fixture(autouse=True)
def one_process(settings):
    settings.WEB_WORKERS = 1


def row(size):
    return QuarantineRow(0, "", "", "bad_id", errors="[]", payload="x" * (size - 2))


def kept(*sizes, key_id=1, now):
    rows = within_budget([row(size) for size in sizes], key_id=key_id, now=now)
    return [len(each.payload) + 2 for each in rows]


def test_a_key_has_a_budget_of_bytes_a_day(now):
    assert kept(BYTES_A_DAY - 100, now=now) == [BYTES_A_DAY - 100]
    assert kept(60, 40, 10, now=now) == [60, 40]
    assert kept(10, now=now) == []


def test_the_rest_of_a_day_is_dropped_with_the_first_row_that_is_too_large(now):
    assert kept(10, BYTES_A_DAY, 10, now=now) == [10]
    assert kept(10, now=now) == []


def test_each_key_and_each_utc_day_has_a_budget_of_its_own(now):
    midnight = now.replace(hour=0) + timedelta(days=1)
    kept(BYTES_A_DAY, now=now)

    assert kept(10, now=midnight - timedelta(microseconds=1)) == []
    assert kept(10, key_id=2, now=now) == [10]
    assert kept(10, now=midnight) == [10]


def test_processes_share_a_budget(now, settings):
    settings.WEB_WORKERS = 4

    assert kept(BYTES_A_DAY // 4, 10, now=now) == [BYTES_A_DAY // 4]


def test_an_event_beyond_the_budget_is_counted_and_answered(ingest_key, now, monkeypatch):
    monkeypatch.setattr(quarantine, "BYTES_A_DAY", 0)

    result = ingest_events([raw(event(source="email"))] * 3, key=ingest_key, now=now)

    assert (result.rejected, len(result.results)) == (3, 3)
    assert Arrival.objects.get().rejected == {"not_in_enum": 3}
    assert not QuarantinedEvent.objects.exists()
