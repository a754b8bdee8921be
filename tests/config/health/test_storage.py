import os
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.db import connection

from config.health import storage
from config.health.storage import WHOLE_FILE
from telemetry.counters.bridge import Increment, increase
from telemetry.lifecycle.partitions import ensure_partitions
from telemetry.models import LedgerHour, RetentionPolicy, RetentionRun, TableSize
from tests.config.health.lines import line_named
from tests.rows import api_key, environment, raw_event

pytestmark = pytest.mark.django_db
GIB = 1024**3
MIB = 1024**2


@pytest.fixture
def free(monkeypatch):
    """A disk of 100 GiB of which so much is free."""

    def set_free(size):
        disk = SimpleNamespace(f_frsize=1, f_bavail=size, f_bfree=size, f_blocks=100 * GIB)
        monkeypatch.setattr(os, "statvfs", lambda path: disk)

    return set_free


@pytest.mark.parametrize(
    ("size", "status"),
    [(5 * GIB + 1, "ok"), (5 * GIB, "warning"), (20 * MIB + 1, "warning"), (20 * MIB, "critical")],
)
def test_a_disk_is_full_before_nothing_is_left(now, free, size, status):
    free(size)

    assert line_named("disk", now=now)[::2] == (status, size)


def test_a_disk_is_told_in_words(now, free):
    free(50 * GIB)

    assert line_named("disk", now=now)[1] == "50.0 GiB of 100.0 GiB free"


def accept(events, *, at):
    LedgerHour.objects.create(
        key=api_key(1), environment="demo", hour=at, outcome="accepted", reason="", events=events
    )
    increase([Increment("portal_events_received_total", "demo", ("accepted", ""), "", events)])


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize(("days", "status"), [(31, "ok"), (30, "warning"), (4, "warning"), (3, "critical")])
def test_growth_says_when_the_disk_is_full(now, free, monkeypatch, days, status):
    accept(700, at=now - timedelta(days=1))
    monkeypatch.setattr(storage, "database_bytes", lambda: 70_000)
    free(days * 10_000)

    text = f"about 9.8 KiB a day over the last 7 days; the disk is full in {days} days"
    assert line_named("growth", now=now) == (status, text, 10_000, ())


def test_growth_counts_a_week(now, monkeypatch):
    accept(700, at=now - timedelta(days=7, seconds=1))
    monkeypatch.setattr(storage, "database_bytes", lambda: 70_000)

    assert line_named("growth", now=now)[::2] == ("ok", 0)


def test_the_largest_tables_come_first(now):
    raw_event()

    status, _, total, details = line_named("tables", now=now)

    assert (status, len(details)) == ("ok", 8)
    assert total > 100_000
    assert "telemetry_rawevent" in storage.measured_sizes()


@pytest.mark.only_on("sqlite")
def test_a_large_file_is_not_read_for_its_tables(now, monkeypatch):
    monkeypatch.setattr(storage, "LARGEST_MEASURED_FILE", 0)

    assert list(storage.measured_sizes()) == [WHOLE_FILE]


@pytest.mark.only_on("sqlite")
def test_sqlite_has_no_partitions_to_miss(now):
    assert line_named("partitions", now=now)[:2] == ("ok", "only PostgreSQL has them")


@pytest.mark.only_on("postgresql")
@pytest.mark.parametrize(
    ("made_for", "status", "missing"), [(0, "ok", 0), (-6, "warning", 6), (-7, "critical", 7)]
)
def test_days_without_a_partition_are_told_before_they_come(now, made_for, status, missing):
    today = date(2031, 5, 20)
    ensure_partitions(today=today + timedelta(days=made_for))

    found_status, _, value, details = line_named("partitions", now=datetime(2031, 5, 20, tzinfo=UTC))

    assert (found_status, value, len(details)) == (status, missing, missing)


@pytest.mark.only_on("postgresql")
def test_events_in_the_default_partition_are_told(monkeypatch):
    ensure_partitions(today=date(2031, 5, 20))
    raw_event(0, day=date(2035, 1, 1))
    raw_event(1, day=date(2035, 1, 1))
    now = datetime(2031, 5, 20, tzinfo=UTC)

    assert line_named("partitions", now=now)[:2] == (
        "warning", "0 coming days without one, 2 events in the default partition",
    )  # fmt: skip
    monkeypatch.setattr(storage, "COUNTED_ROWS", 1)
    assert line_named("partitions", now=now)[1].endswith("more than 1 events in the default partition")


def test_environments_whose_raw_events_were_pruned_are_told(now):
    environment("staging")
    kept = environment("demo")
    kept.raw_kept_from = datetime(2026, 2, 1, tzinfo=UTC)
    kept.save()

    text = "no run has ended yet; no policy is in force"
    assert line_named("retention", now=now) == ("ok", text, 0, (("demo", "raw events from 2026-02-01"),))


NIGHT = datetime(2026, 2, 15, 2, tzinfo=UTC)


def add_policy(*, created_at):
    policy = RetentionPolicy.objects.create(subject="raw_events", keep_days=90)
    RetentionPolicy.objects.filter(pk=policy.pk).update(created_at=created_at)


def end_run(status, *, started_at=NIGHT, fault=""):
    RetentionRun.objects.create(
        requested_by="schedule",
        started_at=started_at,
        stepped_at=started_at,
        finished_at=started_at,
        status=status,
        today=started_at.date(),
        fault=fault,
    )


@pytest.mark.parametrize(
    ("after", "status", "text", "behind"),
    [
        (timedelta(hours=3), "ok", "last run 3 h ago; next run 2026-02-16 02:00 UTC", 0),
        (timedelta(days=1), "ok", "last run 24 h ago; the next run is due", 0),
        (timedelta(days=1, hours=5), "warning", "last run 29 h ago; the next run is due, 5 h behind", 18_000),
        (timedelta(days=3), "critical", "last run 3 days ago; the next run is due, 2 days behind", 172_800),
    ],
)
def test_retention_says_when_it_ran_and_how_far_it_is_behind(after, status, text, behind):
    add_policy(created_at=NIGHT - timedelta(days=9))
    end_run("finished")

    assert line_named("retention", now=NIGHT + after) == (status, text, behind, ())


def test_a_run_of_retention_that_failed_is_critical_until_another_has_finished():
    add_policy(created_at=NIGHT - timedelta(hours=3))
    end_run("failed", fault="OperationalError")
    failed = line_named("retention", now=NIGHT + timedelta(minutes=30))

    end_run("finished", started_at=NIGHT + timedelta(hours=1))

    text = "the last run failed 30 min ago (OperationalError); next run 2026-02-16 02:00 UTC"
    assert failed == ("critical", text, 0, ())
    assert line_named("retention", now=NIGHT + timedelta(hours=2))[0] == "ok"


def test_growth_and_tables_are_those_that_were_measured(now, free):
    free(50 * GIB)
    today = now.astimezone(UTC).date()
    for ago, size in ((2, 3 * MIB), (0, 7 * MIB)):
        TableSize.objects.create(day=today - timedelta(days=ago), table="telemetry_rawevent", bytes=size)

    assert line_named("growth", now=now)[2] == 2 * MIB
    assert line_named("tables", now=now)[2:] == (7 * MIB, (("telemetry_rawevent", "7.0 MiB"),))


def test_the_size_of_the_database_is_known():
    assert storage.database_bytes() > 100_000
    assert connection.vendor in {"sqlite", "postgresql"}
