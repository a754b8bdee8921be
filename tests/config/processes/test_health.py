import json
import threading
import time

import pytest
from django.db import connection

from config.processes import health, heartbeat
from config.processes.health import NotReady, Probe


@pytest.fixture
def embedded(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.REDIS_URL = ""
    settings.ROLLUP_INTERVAL_SECONDS = 2


def finding(check):
    probe = Probe(check)
    probe.start(now=time.monotonic())
    return probe.result()


def refuse():
    raise NotReady("2 not applied")


def test_healthz_answers_without_the_database(client):
    response = client.get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok\n")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_only_reading_is_allowed(client, path):
    assert client.post(path).status_code == 405


def test_readyz_has_a_line_for_each_check(client, monkeypatch):
    probes = {"database": Probe(lambda: "sqlite"), "broker": Probe(lambda: "redis")}
    monkeypatch.setattr(health, "PROBES", probes)
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.content.decode() == "database: ok, sqlite\nbroker: ok, redis\n"
    assert "no-store" in response.headers["Cache-Control"]


def test_readyz_is_503_when_one_is_missing(client, monkeypatch):
    monkeypatch.setattr(health, "PROBES", {"a": Probe(lambda: "fine"), "migrations": Probe(refuse)})
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.content.decode() == "a: ok, fine\nmigrations: missing, 2 not applied\n"


def test_an_error_of_a_driver_is_told_by_its_type_alone():
    def fail():
        raise OSError("connection to secret-host refused")

    assert finding(fail) == (False, "OSError")


def test_a_check_that_hangs_is_waited_for_once(monkeypatch):
    monkeypatch.setattr(health, "DEADLINE_SECONDS", 0.1)
    released = threading.Event()
    calls = []

    def hang():
        calls.append(1)
        released.wait(10)
        return "back"

    probe = Probe(hang)
    try:
        probe.start(now=time.monotonic())
        assert probe.result() == (False, "no answer within 0.1 s")
        began_at = time.monotonic()
        probe.start(now=time.monotonic() + 100)
        assert probe.result() == (False, "no answer within 0.1 s")
        assert time.monotonic() - began_at < 0.05
    finally:
        released.set()
    probe.thread.join()
    assert (probe.result(), calls) == ((True, "back"), [1])


def test_a_finding_is_kept_for_a_second():
    calls = []

    def count():
        calls.append(1)
        return str(len(calls))

    probe = Probe(count)
    findings = []
    for now in (1000.0, 1001.0, 1001.1):
        probe.start(now=now)
        probe.thread.join()
        findings.append(probe.finding[1])
    assert findings == ["1", "1", "2"]


@pytest.mark.django_db
def test_the_database_answers():
    assert health.check_database() == connection.vendor


@pytest.mark.django_db
def test_migrations_that_are_missing_are_counted(monkeypatch):
    health.check_migrations.cache_clear()
    assert health.check_migrations() == "all applied"
    health.check_migrations.cache_clear()
    monkeypatch.setattr(health.MigrationExecutor, "migration_plan", lambda self, targets: ["one", "two"])
    with pytest.raises(NotReady, match=r"2 not applied; run manage\.py migrate"):
        health.check_migrations()


def test_without_a_broker_there_is_none_to_miss(embedded):
    assert health.check_broker() == "none, the scheduler runs the tasks"
    assert health.check_workers() == "none, the scheduler runs the tasks"


def test_a_scheduler_that_was_never_seen_is_missing(embedded):
    with pytest.raises(NotReady, match="not seen yet"):
        health.check_scheduler()


@pytest.mark.parametrize(("seconds", "is_ready"), [(300, True), (305.5, True), (307, False)])
def test_a_scheduler_may_be_silent_while_a_long_task_runs(embedded, seconds, is_ready):
    heartbeat.leave(heartbeat.SCHEDULER, now=time.time() - seconds)
    if is_ready:
        assert health.check_scheduler().startswith("last seen 30")
    else:
        with pytest.raises(NotReady, match="last seen 307 s ago"):
            health.check_scheduler()


def test_a_scheduler_that_the_supervisor_lost_is_missing_at_once(embedded, tmp_path):
    heartbeat.leave(heartbeat.SCHEDULER, now=time.time())
    (tmp_path / "supervisor.json").write_text(json.dumps({"scheduler": {"up": False}}))
    with pytest.raises(NotReady, match="is being restarted"):
        health.check_scheduler()


def test_a_broker_that_is_away_is_missing(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert finding(health.check_broker) == (False, "ConnectionError")


@pytest.mark.redis
def test_a_broker_that_answers_is_there(settings, redis_url):
    settings.REDIS_URL = redis_url
    assert finding(health.check_broker) == (True, "redis")


@pytest.mark.redis
@pytest.mark.parametrize(("seconds", "is_ready"), [(20, True), (23, False)])
def test_workers_on_a_broker_are_seen_often(settings, redis_url, monkeypatch, seconds, is_ready):
    settings.REDIS_URL = redis_url
    settings.ROLLUP_INTERVAL_SECONDS = 2
    monkeypatch.setattr(health, "is_answering", lambda: False)
    heartbeat.leave(heartbeat.WORKER, now=time.time() - seconds)
    assert finding(health.check_workers) == (is_ready, f"last seen {seconds} s ago")


@pytest.mark.redis
def test_a_worker_that_is_busy_for_long_still_answers(settings, redis_url, monkeypatch):
    settings.REDIS_URL = redis_url
    monkeypatch.setattr(health, "is_answering", lambda: True)
    heartbeat.leave(heartbeat.WORKER, now=time.time() - 1000)
    assert finding(health.check_workers) == (True, "busy")
