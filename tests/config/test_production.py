"""Web, worker and scheduler as processes of their own, on PostgreSQL and Redis: docs/deployment.md."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from config.processes.probes import KEPT_SECONDS
from tests.config.test_portal import environment, free_port, wait_until
from tests.prometheus import running_prometheus

pytestmark = [pytest.mark.processes, pytest.mark.redis, pytest.mark.postgres]

ROOT = Path(__file__).resolve().parent.parent.parent
CELERY = [sys.executable, "-m", "celery", "-A", "config"]
PROCESSES = {
    "web": [sys.executable, "manage.py", "web"],
    "worker": [sys.executable, "manage.py", "worker", "--concurrency=1"],
    "scheduler": [*CELERY, "beat", "--pidfile="],
}


class Production:
    """The processes of a production portal, and what its clients do."""

    def __init__(self, *, port, metrics_port, environment, redis):
        self.port = port
        self.metrics_port = metrics_port
        self.environment = environment
        self.redis = redis
        self.processes = {}

    def manage(self, *words):
        command = [sys.executable, "manage.py", *words]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=True
        ).stdout.strip()

    def start(self, name, command):
        self.processes[name] = subprocess.Popen(command, cwd=ROOT, env=self.environment, process_group=0)

    def get(self, path, *, port=None):
        """(status, body, seconds)."""
        began_at = time.monotonic()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port or self.port}{path}", timeout=10) as answer:
                status, body = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            status, body = error.code, error.read().decode()
        except OSError:
            status, body = 0, ""
        return status, body, time.monotonic() - began_at

    def post(self, key, *, session):
        event = {
            "event": "workbench.chat_message_sent",
            "sessionId": session,
            "timestamp": datetime.now(UTC).isoformat(),
            "properties": {},
        }
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/workbench/telemetry",
            data=json.dumps(event).encode(),
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())["accepted"]

    def is_ready(self):
        return self.get("/readyz")[0] == 200

    def create_key(self, *, environment):
        words = ["create_key", "--scope", "ingest", "--environment", environment, "--source", "test"]
        return self.manage(*words)


@pytest.fixture(scope="module")
def production(fresh_postgres, tmp_path_factory):
    """A portal that is ready when the first test gets it."""
    port, redis_port, metrics_port = free_port(), free_port(), free_port()
    tmp_path = tmp_path_factory.mktemp("production")
    redis = subprocess.Popen(
        ["redis-server", "--port", str(redis_port), "--save", "", "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )
    production = Production(
        port=port,
        metrics_port=metrics_port,
        redis=redis,
        environment=environment(
            tmp_path,
            port=port,
            DATABASE_URL=fresh_postgres,
            REDIS_URL=f"redis://127.0.0.1:{redis_port}/0",
            WORKER_METRICS_PORT=str(metrics_port),
        ),
    )
    try:
        production.manage("migrate")
        production.manage("collectstatic", "--noinput")
        for name, command in PROCESSES.items():
            production.start(name, command)
        wait_until(production.is_ready, seconds=40)
        yield production
    finally:
        redis.send_signal(signal.SIGCONT)
        for process in [*production.processes.values(), redis]:
            process.terminate()
        for process in production.processes.values():
            # Beat swallows a SIGTERM that meets it in the middle of a message; service managers kill it then.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=20)
            kill_group(process)
            process.wait(timeout=10)
        redis.wait(timeout=10)


def kill_group(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def test_an_event_is_rolled_up_by_worker_and_scheduler(production, fresh_postgres):
    key = production.create_key(environment="staging")

    assert production.post(key, session="s-1") == 1

    wait_until(lambda: sessions_in("staging", database=fresh_postgres) == [1])


def test_each_process_says_which_plan_it_loaded(production, fresh_postgres):
    wait_until(lambda: plan_loads(database=fresh_postgres) == {"web": 1, "worker": 1, "scheduler": 1})


def plan_loads(*, database):
    """The number of plans by process, all of one version."""
    query = "SELECT process, count(DISTINCT plan_id) FROM telemetry_planload GROUP BY process"
    with psycopg.connect(database) as connection:
        return dict(connection.execute(query).fetchall())


def test_what_the_worker_counts_is_in_its_own_scrape_and_in_no_other(production):
    key = production.create_key(environment="production")
    production.post(key, session="s-7")
    wait_until(lambda: rollups_in(production.get("/metrics", port=production.metrics_port)[1]) > 0)

    of_worker = samples_in(production.get("/metrics", port=production.metrics_port)[1])
    of_web = samples_in(production.get("/metrics")[1])

    # Both count the statements of their own processes.
    shared = {"_bucket", "_count", "_sum"}
    assert of_worker & of_web == {f"portal_database_query_seconds{suffix}" for suffix in shared}
    assert {"portal_task_failures_total", "portal_task_backoff_seconds"} <= of_worker
    assert {"portal_rollup_lag_seconds", "portal_raw_events"} <= of_web


@pytest.mark.prometheus
def test_prometheus_scrapes_the_worker(production, tmp_path):
    key = production.create_key(environment="production")
    with running_prometheus(tmp_path, target=f"127.0.0.1:{production.metrics_port}") as prometheus:
        assert production.post(key, session="s-8") == 1
        wait_until(lambda: prometheus.vector('portal_rollup_seconds_count{stage="fold"} > 0'))
        series = prometheus.vector('{job="portal", __name__=~"portal_.*"}')

    names = {labels["__name__"] for labels, _ in series}
    assert names >= {
        "portal_rollup_seconds_bucket",
        "portal_database_query_seconds_count",
        "portal_task_failures_total",
        "portal_task_backoff_seconds",
    }
    # What the database has is shown by web servers.
    assert not names & {"portal_rollup_lag_seconds", "portal_raw_events", "portal_events_received_total"}


def samples_in(text):
    """The names of the samples of a scrape."""
    return {line.partition("{")[0].split()[0] for line in text.splitlines() if not line.startswith("#")}


def rollups_in(text):
    lines = [line for line in text.splitlines() if line.startswith("portal_rollup_seconds_count")]
    return sum(float(line.split()[-1]) for line in lines)


def sessions_in(environment, *, database):
    """The sessions that the template suggestion rate counts, by base bucket."""
    query = (
        "SELECT denominator FROM kpis_kpibucket"
        " WHERE kpi = 'template-suggestion-rate' AND granularity = 'base' AND environment = %s"
    )
    with psycopg.connect(database) as connection:
        return [row[0] for row in connection.execute(query, [environment])]


def test_maintenance_that_a_command_switches_reaches_the_running_server(production):
    key = production.create_key(environment="production")

    production.manage("maintenance", "on", "--message", "We move.")
    wait_until(lambda: answer_of(production, key) == 503)

    assert production.is_ready()
    assert "portal_maintenance 1.0" in production.get("/metrics")[1]

    production.manage("maintenance", "off")
    wait_until(lambda: answer_of(production, key) == 200)


def answer_of(production, key):
    """The status of a post."""
    try:
        production.post(key, session="s-9")
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    return 200


def test_a_frozen_redis_stops_neither_posts_nor_health(production):
    key = production.create_key(environment="production")

    production.redis.send_signal(signal.SIGSTOP)
    # What was found before is kept for a moment.
    time.sleep(KEPT_SECONDS)
    for session in ("s-1", "s-2", "s-3"):
        status, body, seconds = production.get("/readyz")
        assert (status, "broker: missing" in body, seconds < 4) == (503, True, True)
        assert production.get("/healthz")[2] < 1
        assert production.post(key, session=session) == 1

    production.redis.send_signal(signal.SIGCONT)
    wait_until(production.is_ready, seconds=40)
