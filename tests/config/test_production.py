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

pytestmark = [pytest.mark.processes, pytest.mark.redis, pytest.mark.postgres]

ROOT = Path(__file__).resolve().parent.parent.parent
CELERY = [sys.executable, "-m", "celery", "-A", "config"]
PROCESSES = {
    "worker": [*CELERY, "worker", "--concurrency=1"],
    "scheduler": [*CELERY, "beat", "--pidfile="],
}


class Production:
    """The processes of a production portal, and what its clients do."""

    def __init__(self, *, port, environment, redis):
        self.port = port
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

    def get(self, path):
        """(status, body, seconds)."""
        began_at = time.monotonic()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
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
    port, redis_port = free_port(), free_port()
    tmp_path = tmp_path_factory.mktemp("production")
    redis = subprocess.Popen(
        ["redis-server", "--port", str(redis_port), "--save", "", "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )
    production = Production(
        port=port,
        redis=redis,
        environment=environment(
            tmp_path, port=port, DATABASE_URL=fresh_postgres, REDIS_URL=f"redis://127.0.0.1:{redis_port}/0"
        ),
    )
    try:
        production.manage("migrate")
        production.manage("collectstatic", "--noinput")
        web = [sys.executable, "-m", "granian", "--interface=rsgi", "--http=1", "--no-ws", f"--port={port}"]
        production.start("web", [*web, "config.rsgi:application"])
        for name, command in PROCESSES.items():
            production.start(name, command)
        wait_until(production.is_ready, seconds=40)
        yield production
    finally:
        redis.send_signal(signal.SIGCONT)
        for process in [*production.processes.values(), redis]:
            process.terminate()
        for process in production.processes.values():
            process.wait(timeout=20)
            kill_group(process)
        redis.wait(timeout=10)


def kill_group(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def test_an_event_is_rolled_up_by_worker_and_scheduler(production, fresh_postgres):
    key = production.create_key(environment="staging")

    assert production.post(key, session="s-1") == 1

    wait_until(lambda: sessions_in("staging", database=fresh_postgres) == [1])


def sessions_in(environment, *, database):
    """The sessions that the template suggestion rate counts, by base bucket."""
    query = (
        "SELECT denominator FROM kpis_kpibucket"
        " WHERE kpi = 'template-suggestion-rate' AND granularity = 'base' AND environment = %s"
    )
    with psycopg.connect(database) as connection:
        return [row[0] for row in connection.execute(query, [environment])]


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
