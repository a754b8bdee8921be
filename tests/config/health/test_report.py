"""The report as a whole: every line is there, and one that fails does not hide the others."""

import time
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from config.health import pipeline, report
from config.health.findings import (
    Finding,
    HealthStatus,
    bytes_text,
    counted,
    seconds_text,
    status_above,
    worst,
)
from config.health.limits import bounded_statements
from config.health.report import CHECKS, HealthCheck, read_health
from config.processes.health import PROBES
from config.processes.probes import NotReady, Probe
from tests.config.health.lines import line_named
from tests.rows import api_key, arrival

NAMES = [
    *("database", "migrations", "scheduler", "workers", "redis", "arrivals", "lag", "clocks", "rejected"),
    *("quarantine", "keys", "maintenance", "disk", "growth", "tables", "partitions", "retention", "series"),
    "versions",
]


def fail(now):
    raise OperationalError("password=secret")


@pytest.mark.django_db
def test_a_portal_without_events_is_well(ready, now, monkeypatch):
    monkeypatch.setattr(pipeline, "database_time", lambda now: now)
    found = read_health(now=now)

    assert [line.name for line in found.lines] == NAMES
    ignored = {"disk", "growth", "partitions"}
    assert {line.text for line in found.lines if line.status != "ok" and line.name not in ignored} == set()
    assert {line.action for line in found.lines if line.status == "ok"} == {""}


@pytest.mark.django_db
def test_a_check_that_fails_is_a_line_that_says_so_and_no_more(ready, now, monkeypatch, caplog):
    broken = HealthCheck("keys", "Expiring keys", fail, "Do something.")
    monkeypatch.setattr(report, "CHECKS", (broken, *CHECKS[-1:]))

    first, last = read_health(now=now).lines

    assert (first.status, first.text) == ("warning", "could not be looked at (OperationalError)")
    assert first.action == "Mend the red lines first, and look again."
    assert last.status == "ok"
    assert "secret" not in caplog.text


@pytest.mark.django_db
def test_checks_that_the_time_is_over_for_are_left_out(ready, now, monkeypatch):
    monkeypatch.setattr(report, "REPORT_SECONDS", -1)

    assert {line.text for line in read_health(now=now).lines} == {
        "was not looked at: the checks before it took too long"
    }


@pytest.mark.django_db
def test_a_statement_that_takes_too_long_is_ended():
    forever = {
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
        "postgresql": "SELECT pg_sleep(60)",
    }[connection.vendor]

    with pytest.raises(OperationalError), bounded_statements(seconds=0.05), connection.cursor() as cursor:
        cursor.execute(forever)

    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


@pytest.mark.django_db
def test_the_report_asks_as_much_of_many_rows_as_of_few(ready, now):
    arrival(0, received_at=now)
    with CaptureQueriesContext(connection) as few:
        read_health(now=now)

    for number in range(1, 30):
        api_key(number, expires_at=now + timedelta(days=1))
        arrival(number, received_at=now, taken_at=None)
    with CaptureQueriesContext(connection) as many:
        read_health(now=now)

    assert len(many) == len(few) <= 90


def test_lines_of_readyz_are_lines_of_the_report(ready, now, monkeypatch):
    def refuse():
        raise NotReady("last seen 40 s ago")

    monkeypatch.setitem(PROBES, "scheduler", Probe(refuse))
    PROBES["scheduler"].start(now=time.monotonic())

    assert line_named("scheduler", now=now) == ("critical", "last seen 40 s ago", None, ())


def test_the_worst_line_decides():
    assert worst() == "ok"
    assert worst(HealthStatus.WARNING, HealthStatus.OK) == "warning"
    assert worst(HealthStatus.WARNING, HealthStatus.CRITICAL) == "critical"


@pytest.mark.parametrize(
    ("value", "expected"), [(0, "ok"), (9.9, "ok"), (10, "warning"), (99, "warning"), (100, "critical")]
)
def test_a_limit_counts_as_reached(value, expected):
    assert status_above(value, warning=10, critical=100) == expected


def test_numbers_are_written_for_people():
    assert [seconds_text(value) for value in (0, 119, 120, 7200, 172800)] == [
        "0 s", "119 s", "2 min", "2 h", "2 days",
    ]  # fmt: skip
    assert [bytes_text(value) for value in (0, 1023, 1024, 1536 * 1024, 5 * 1024**4)] == [
        "0 B", "1023 B", "1.0 KiB", "1.5 MiB", "5.0 TiB",
    ]  # fmt: skip
    assert [counted(1, "key"), counted(2000, "key"), counted(2, "entry", "entries")] == [
        "1 key", "2,000 keys", "2 entries",
    ]  # fmt: skip


def test_a_finding_is_a_value():
    assert Finding(HealthStatus.OK, "fine") == Finding(HealthStatus.OK, "fine", None, ())


def test_people_who_see_some_environments_get_the_status_of_lines_that_name_others(now):
    def line(*, names_environments):
        return report.HealthLine(
            name="lag",
            title="Rollup lag",
            status=HealthStatus.CRITICAL,
            text="closed is 9 s behind",
            value=9.0,
            unit="seconds",
            details=(("closed", "9 s"),),
            action="Look.",
            names_environments=names_environments,
        )

    whole = report.HealthReport(now, (line(names_environments=True), line(names_environments=False)))

    hidden, shown = whole.for_limited_people().lines

    assert (hidden.status, hidden.value, hidden.details) == (HealthStatus.CRITICAL, None, ())
    assert "closed" not in hidden.text
    assert shown == whole.lines[1]
