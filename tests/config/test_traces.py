"""What a collector gets of a real portal: on SQLite without a broker, and on PostgreSQL with Redis and a worker."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.servers import free_port
from tests.collector import Collector, ReceivedSpan, running_collector
from tests.config.test_portal import ROOT, environment, start, wait_until
from tests.services import program

pytestmark = pytest.mark.processes

CLIENT_TRACE, CLIENT_SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
MARKER = "Zx9marker"
POST = "POST /api/workbench/telemetry"


class Traced:
    """A post to a traced portal, and all that came of it: spans, log lines, and the arrival's id."""

    def __init__(self, collector: Collector, log: str, key: str) -> None:
        self.collector = collector
        self.log = log
        self.key = key
        (self.request,) = collector.named(POST)
        (self.fold,) = [span for span in collector.named("fold") if span.links]
        self.by_id = {span.id: span for span in collector.spans}

    def ancestors(self, span: ReceivedSpan) -> list[str]:
        """Names of the spans above it, the nearest first."""
        names = []
        while span.parent in self.by_id:
            span = self.by_id[span.parent]
            names.append(span.name)
        return names


@contextmanager
def traced_portal(folder: Path, **settings: str) -> Iterator[Traced]:
    """What a portal leaves that took one post, folded it, and was stopped."""
    with running_collector() as collector:
        settings |= {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_EXPORTER_OTLP_HEADERS": "x-scope=team%20one",
        }
        portal = start(folder, ROLLUP_INTERVAL_SECONDS="0.5", **settings)
        try:
            wait_until(lambda: portal.get("/readyz")[0] == 200, seconds=60)
            key = make_key(environment(folder, port=portal.port, **settings))
            post(key, port=portal.port)
            # It is sent with the next batch, seconds later: the portal is stopped before, and sends it then.
            time.sleep(2)
        finally:
            portal.process.terminate()
            log, _ = portal.process.communicate(timeout=30)
        yield Traced(collector, log, key)


def make_key(variables: dict[str, str]) -> str:
    words = ["create_key", "--scope", "ingest", "--environment", "staging", "--source", "test"]
    command = [sys.executable, "manage.py", *words]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def post(key: str, *, port: int) -> None:
    event = {
        "event": "workbench.chat_message_sent",
        "sessionId": MARKER,
        "id": MARKER,
        "timestamp": datetime.now(UTC).isoformat(),
        "properties": {},
    }
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/workbench/telemetry?note={MARKER}",
        data=json.dumps([event, {**event, "event": MARKER}]).encode(),
        headers={
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "User-Agent": MARKER,
            "traceparent": f"00-{CLIENT_TRACE}-{CLIENT_SPAN}-01",
            "tracestate": f"a={MARKER}",
        },
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        counts = json.loads(answer.read())
    assert (counts["accepted"], counts["rejected"]) == (1, 1)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    with traced_portal(tmp_path_factory.mktemp("embedded")) as traced:
        yield traced


@pytest.fixture(scope="module")
def production(fresh_postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    folder, port = tmp_path_factory.mktemp("production"), free_port()
    words = ["redis-server", "--port", str(port), "--save", "", "--dir", str(folder)]
    redis = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    url = f"redis://127.0.0.1:{port}/0"
    try:
        with traced_portal(folder, DATABASE_URL=fresh_postgres, REDIS_URL=url) as traced:
            yield traced
    finally:
        redis.terminate()
        redis.wait(timeout=10)


PORTALS = [
    "embedded",
    pytest.param(
        "production",
        marks=[
            pytest.mark.postgres,
            pytest.mark.redis,
            pytest.mark.skipif(not program(("redis-server",)), reason="not on this machine: redis-server"),
        ],
    ),
]


@pytest.fixture(params=PORTALS)
def traced(request: pytest.FixtureRequest) -> Traced:
    found: Traced = request.getfixturevalue(request.param)
    return found


def test_the_span_of_a_post_is_below_its_clients(traced: Traced) -> None:
    assert (traced.request.trace, traced.request.parent) == (CLIENT_TRACE, CLIENT_SPAN)
    assert (traced.request.kind, traced.request.process) == ("SERVER", "workbench-analytics web")


def test_the_statements_of_a_post_are_below_its_span(traced: Traced) -> None:
    statements = traced.collector.below(traced.request)

    assert {span.kind for span in statements} == {"CLIENT"}
    assert any("INSERT INTO telemetry_rawevent" in span.attributes["db.query.text"] for span in statements)


def test_the_fold_that_took_the_arrival_links_to_the_span_of_its_post(traced: Traced) -> None:
    assert traced.fold.links == ((CLIENT_TRACE, traced.request.id),)
    assert any(span.kind == "CLIENT" for span in traced.collector.below(traced.fold))


def test_fold_and_rollup_are_below_the_task(traced: Traced) -> None:
    for span in [traced.fold, *traced.collector.named("roll up")]:
        assert traced.ancestors(span)[0] == "run/kpis.roll_up"


def test_a_broker_carries_the_trace_from_the_scheduler_to_the_worker(production: Traced) -> None:
    task, bell = production.ancestors(production.fold)

    assert (task, bell) == ("run/kpis.roll_up", "apply_async/kpis.roll_up")
    assert production.fold.process == "workbench-analytics worker"
    (sent,) = [span for span in production.collector.named(bell) if span.trace == production.fold.trace]
    assert sent.process == "workbench-analytics scheduler"


def test_without_a_broker_the_scheduler_runs_the_task(embedded: Traced) -> None:
    assert embedded.ancestors(embedded.fold) == ["run/kpis.roll_up"]
    assert embedded.fold.process == "workbench-analytics scheduler"


def test_no_span_and_no_log_line_has_what_was_posted(traced: Traced) -> None:
    texts = [*(span.text for span in traced.collector.spans), traced.log]

    assert not [text for text in texts if MARKER in text or traced.key in text]


def test_the_headers_of_the_settings_are_sent(traced: Traced) -> None:
    assert {headers["x-scope"] for headers in traced.collector.headers} == {"team one"}
