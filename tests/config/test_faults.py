"""What the machine does to a portal while it runs: a full disk, a clock that is set, a folder that goes."""

import contextlib
import json
import re
import shutil
import socket
import sqlite3
import subprocess
import urllib.error
import urllib.request
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from faults.clock import DAY_SECONDS, make_clock
from faults.kinds.slow_clients import LARGE_FILE, is_open
from tests import services
from tests.config.test_portal import start, wait_until

pytestmark = pytest.mark.processes


@contextlib.contextmanager
def running(data_dir, **more):
    portal = start(data_dir, **more)
    try:
        yield portal
    finally:
        portal.process.terminate()
        portal.process.communicate(timeout=15)


def event(*, moment):
    return {
        "event": "workbench.draft_created",
        "id": uuid.uuid4().hex,
        "sessionId": uuid.uuid4().hex,
        "timestamp": moment.isoformat(),
        "properties": {"source": "chat"},
    }


def post(portal, *, count=1, moment=None):
    """(status, accepted events, Retry-After)."""
    events = [event(moment=moment or datetime.now(UTC)) for _ in range(count)]
    request = urllib.request.Request(
        f"http://127.0.0.1:{portal.port}/api/workbench/telemetry",
        data=json.dumps({"events": events}).encode(),
        headers={
            "Authorization": f"Bearer {re.search(r'ingest key +([^ ]+)', portal.text)[1]}",
            "Content-Type": "application/json",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)["accepted"], None
    except urllib.error.HTTPError as error:
        return error.code, 0, error.headers["Retry-After"]


def query(data_dir, statement):
    with contextlib.closing(sqlite3.connect(data_dir / "portal.sqlite3", timeout=20)) as connection:
        return connection.execute(statement).fetchone()[0]


def is_folded(data_dir):
    return query(data_dir, "SELECT count(*) FROM telemetry_arrival WHERE taken_at IS NULL") == 0


def mount(disk, *options):
    command = [*services.as_root(), "mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(disk)]
    subprocess.run(command, check=True)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 40 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount(disk, "size=40m", "mode=777")
    yield disk
    subprocess.run([*services.as_root(), "umount", str(disk)], check=True)


@pytest.mark.mount
def test_a_full_disk_refuses_posts_and_recovers_by_itself(small_disk):
    with running(small_disk) as portal:
        answers = Counter()
        accepted = 0
        while answers[503] < 3:
            status, events, retry_after = post(portal, count=2000)
            answers[status] += 1
            accepted += events
            assert status == 200 or (status, retry_after) == (503, "5")
        assert "disk: missing, almost full" in portal.get("/readyz")[1]
        assert [portal.get(path)[0] for path in ("/healthz", "/login/", "/metrics")] == [200, 200, 200]

        mount(small_disk, "remount", "size=200m")
        wait_until(lambda: post(portal)[0] == 200)
        wait_until(lambda: is_folded(small_disk), seconds=60)
        assert query(small_disk, "SELECT count(*) FROM telemetry_rawevent") == accepted + 1
        assert {child["restarts"] for child in portal.state().values()} == {0}


@pytest.fixture
def clock(tmp_path):
    """A clock of its own for processes that are started with its variables."""
    return make_clock(tmp_path)


@pytest.mark.compiler
def test_a_clock_that_goes_a_day_ahead_and_back_stops_no_fold(clock, tmp_path):
    data_dir = tmp_path / "data"
    with running(data_dir, **clock.variables) as portal:
        for seconds in (0, DAY_SECONDS, 0):
            clock.set(seconds)
            moment = datetime.now(UTC) + timedelta(seconds=seconds)
            assert post(portal, moment=moment)[:2] == (200, 1)
            wait_until(lambda: is_folded(data_dir))
        wait_until(lambda: "scheduler: ok" in portal.get("/readyz")[1])

        def is_mended():
            newest = query(data_dir, "SELECT max(computed_until) FROM kpis_freshness")
            return datetime.fromisoformat(newest).replace(tzinfo=UTC) < datetime.now(UTC)

        wait_until(is_mended)


def test_metrics_are_answered_after_data_dir_was_removed(tmp_path):
    data_dir = tmp_path / "data"
    with running(data_dir) as portal:
        assert portal.get("/metrics")[0] == 200
        shutil.rmtree(data_dir)
        assert portal.get("/metrics")[0] == 200
        assert post(portal)[0] == 503
        assert "database: missing, its file is gone" in portal.get("/readyz")[1]


def test_a_reader_that_reads_nothing_is_given_up(tmp_path):
    """Each asks for a large file so often that no buffer holds the answers."""
    with running(tmp_path / "data") as portal:
        request = f"GET {LARGE_FILE} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        with contextlib.ExitStack() as stack:
            address = ("127.0.0.1", portal.port)
            readers = [stack.enter_context(socket.create_connection(address)) for _ in range(30)]
            for reader in readers:
                reader.sendall(request * 30)
            wait_until(lambda: not any(map(is_open, readers)), seconds=40)
            assert portal.get("/healthz") == (200, "ok\n")
