import json
import time

import pytest

from config.processes import health, heartbeat
from config.processes.probes import NotReady, Probe


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


def test_readyz_asks_for_all_that_is_needed():
    assert list(health.PROBES) == ["database", "migrations", "disk", "broker", "scheduler", "workers"]


def test_readyz_is_503_when_one_is_missing(client, monkeypatch):
    monkeypatch.setattr(health, "PROBES", {"a": Probe(lambda: "fine"), "migrations": Probe(refuse)})
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.content.decode() == "a: ok, fine\nmigrations: missing, 2 not applied\n"


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ("check=a", 200, "a: ok, fine\n"),
        ("check=migrations", 503, "migrations: missing, 2 not applied\n"),
        ("check=migrations&check=a", 503, "migrations: missing, 2 not applied\na: ok, fine\n"),
        ("check=b", 400, "There is no check 'b'; there are a, migrations.\n"),
    ],
)
def test_readyz_makes_the_checks_that_are_asked_for(client, monkeypatch, query, status, text):
    monkeypatch.setattr(health, "PROBES", {"a": Probe(lambda: "fine"), "migrations": Probe(refuse)})
    response = client.get(f"/readyz?{query}")
    assert (response.status_code, response.content.decode()) == (status, text)


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


@pytest.fixture
def leave(monkeypatch):
    """Leaves a sign of life so many seconds ago."""

    def leave(who, *, seconds):
        now = heartbeat.since_boot()
        with monkeypatch.context() as patch:
            patch.setattr(heartbeat, "since_boot", lambda: now - seconds)
            heartbeat.leave(who)

    return leave


@pytest.mark.parametrize(("seconds", "is_ready"), [(20, True), (20.9, True), (22, False)])
def test_a_scheduler_that_hangs_is_missing_within_half_a_minute(embedded, leave, seconds, is_ready):
    leave(heartbeat.SCHEDULER, seconds=seconds)

    if is_ready:
        assert health.check_scheduler().startswith("last seen 2")
    else:
        with pytest.raises(NotReady, match="last seen 22 s ago"):
            health.check_scheduler()


def test_signs_of_life_do_not_ask_a_clock_that_can_be_set(embedded, monkeypatch):
    heartbeat.leave(heartbeat.SCHEDULER)
    a_day_later = time.time() + 86400
    monkeypatch.setattr(time, "time", lambda: a_day_later)
    assert health.check_scheduler() == "last seen 0 s ago"


def test_a_sign_of_life_in_the_future_is_a_fault(embedded, leave):
    leave(heartbeat.SCHEDULER, seconds=-86400)
    with pytest.raises(NotReady, match="last seen in the future by 86400 s"):
        health.check_scheduler()


def test_a_scheduler_that_the_supervisor_lost_is_missing_at_once(embedded, tmp_path):
    heartbeat.leave(heartbeat.SCHEDULER)
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


@pytest.fixture
def sign_in_redis(redis_url):
    """Leaves a sign of life so many seconds ago."""

    def sign(who, *, seconds):
        client = heartbeat.client(redis_url)
        client.set(f"portal:alive:{who}", 1, px=int((heartbeat.KEPT_SECONDS - seconds) * 1000))

    return sign


@pytest.mark.redis
@pytest.mark.parametrize(("seconds", "is_ready"), [(20, True), (23, False)])
def test_workers_on_a_broker_are_seen_often(
    settings, redis_url, monkeypatch, sign_in_redis, seconds, is_ready
):
    settings.REDIS_URL = redis_url
    settings.ROLLUP_INTERVAL_SECONDS = 2
    monkeypatch.setattr(health, "is_answering", lambda: False)
    sign_in_redis(heartbeat.WORKER, seconds=seconds)
    assert finding(health.check_workers) == (is_ready, f"last seen {seconds} s ago")


@pytest.mark.redis
def test_a_worker_that_is_busy_for_long_still_answers(settings, redis_url, monkeypatch, sign_in_redis):
    settings.REDIS_URL = redis_url
    monkeypatch.setattr(health, "is_answering", lambda: True)
    sign_in_redis(heartbeat.WORKER, seconds=1000)
    assert finding(health.check_workers) == (True, "busy")
