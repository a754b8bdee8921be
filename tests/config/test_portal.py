"""The portal as its users start it: `manage.py portal` in a directory of its own."""

import atexit
import functools
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.servers import free_port
from tests.run import setting_names

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass
class Portal:
    process: subprocess.Popen
    data_dir: Path
    port: int
    text: str

    def get(self, path, *, timeout=5):
        """(status, body) of a GET."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def state(self):
        return json.loads((self.data_dir / "supervisor.json").read_text())


def environment(data_dir, *, port, **more):
    own = {name: value for name, value in os.environ.items() if name not in setting_names()}
    return own | {"DATA_DIR": str(data_dir), "PORT": str(port), "DEMO": "0"} | more


def launch(data_dir, *, port, **more):
    command = [sys.executable, "manage.py", "portal"]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(data_dir, port=port, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@functools.cache
def migrated_sqlite():
    """The file of a database that has the portal's tables and no row: to migrate takes longer than all else."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    own = environment(folder, port=free_port(), DATABASE_URL="")
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity=0"], cwd=ROOT, env=own, check=True)
    database = folder / "portal.sqlite3"
    with closing(sqlite3.connect(database)) as connection:
        # Everything is in the one file then.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return database


def start(data_dir, *, port=None, is_migrated=True, **more):
    """A portal that has said where it runs, of one web worker unless told otherwise.

    Where it has no database yet, it finds an empty one that is migrated.
    """
    port = port or free_port()
    database = Path(data_dir, "portal.sqlite3")
    if is_migrated and not more.get("DATABASE_URL") and not database.exists():
        database.parent.mkdir(exist_ok=True)
        shutil.copyfile(migrated_sqlite(), database)
    process = launch(data_dir, port=port, **{"WEB_WORKERS": "1", **more})
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("The portal runs at"):
            return Portal(process=process, data_dir=Path(data_dir), port=port, text="".join(lines))
    raise AssertionError(f"did not start: {''.join(lines)}")


def wait_until(condition, *, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.1)


def processes_below(pid):
    """Ids of the living processes below a process."""
    below = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z" and int(fields[1]) == pid:
            below |= {int(entry.name)} | processes_below(int(entry.name))
    return below


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    portal = start(tmp_path_factory.mktemp("portal"), is_migrated=False, WEB_WORKERS="2")
    yield portal
    portal.process.terminate()
    portal.process.communicate(timeout=15)
    assert portal.process.returncode == 0


def test_it_gets_ready(portal):
    wait_until(lambda: can_get(portal, "/readyz"))

    assert portal.get("/healthz") == (200, "ok\n")


def test_the_first_start_prints_what_is_needed(portal):
    for name in ("address", "user", "password", "ingest key"):
        assert re.search(rf"{name} +\S+", portal.text)


def test_the_printed_curl_works_when_pasted(portal):
    line = portal.text[portal.text.index("curl -X POST") : portal.text.index("The portal runs at")]

    answer = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=20, check=True)

    assert json.loads(answer.stdout) == {"accepted": 1, "duplicates": 0, "rejected": 0, "results": []}


def test_slow_clients_stop_nobody(portal):
    """As many unfinished bodies as would fill every thread many times over."""
    slow = [socket.create_connection(("127.0.0.1", portal.port)) for _ in range(100)]
    for client in slow:
        client.sendall(b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc")
    time.sleep(0.5)
    try:
        for _ in range(10):
            began_at = time.monotonic()
            assert portal.get("/healthz") == (200, "ok\n")
            assert time.monotonic() - began_at < 1
    finally:
        for client in slow:
            client.close()


def test_a_body_without_a_key_is_refused_before_it_is_there(portal):
    with socket.create_connection(("127.0.0.1", portal.port), timeout=10) as client:
        client.sendall(
            b"POST /api/workbench/telemetry HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nabc"
        )
        assert client.recv(1000).startswith(b"HTTP/1.1 401 ")


def test_a_body_that_is_cut_off_is_refused(portal):
    with socket.create_connection(("127.0.0.1", portal.port), timeout=10) as client:
        client.sendall(b"POST /v1/track HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{}")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1000).startswith(b"HTTP/1.1 400 ")


def test_what_the_portal_keeps_is_for_its_owner_alone(portal):
    others = {
        path.name: path.stat().st_mode & 0o077 for path in [portal.data_dir, *portal.data_dir.iterdir()]
    }
    assert set(others.values()) == {0}


def test_a_body_that_never_comes_is_given_up(portal):
    with socket.create_connection(("127.0.0.1", portal.port), timeout=30) as client:
        client.sendall(b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc")
        assert client.recv(1000).startswith(b"HTTP/1.1 408 ")
        while client.recv(1000):
            pass


def test_a_killed_web_server_comes_back_with_no_orphan(portal):
    before = portal.state()["web"]
    orphans = processes_below(before["pid"])
    os.kill(before["pid"], signal.SIGKILL)
    wait_until(
        lambda: portal.state()["web"]["restarts"] == before["restarts"] + 1 and portal.state()["web"]["up"]
    )
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in orphans))
    wait_until(lambda: can_get(portal, "/healthz"))


def can_get(portal, path):
    """Whether the portal says yes; a busy machine may answer too late."""
    try:
        return portal.get(path)[0] == 200
    except OSError:
        return False


def test_a_second_portal_on_the_same_data_is_refused_in_one_sentence(portal):
    second = launch(portal.data_dir, port=free_port())

    text, _ = second.communicate(timeout=30)

    assert second.returncode == 1
    assert text == (
        f"CommandError: Another portal runs on DATA_DIR {portal.data_dir}; "
        "stop it, or set DATA_DIR to another directory.\n"
    )


def test_a_taken_port_is_refused_in_one_sentence(portal, tmp_path):
    second = launch(tmp_path, port=portal.port)

    text, _ = second.communicate(timeout=30)

    assert second.returncode == 1
    assert text.startswith(
        f"CommandError: Can't listen on 127.0.0.1 port {portal.port}: Address already in use."
    )
    assert text.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("WEB_WORKERS", "many", "The settings are wrong: WEB_WORKERS is 'many'; it takes a whole number.\n"),
        ("TRUSTED_PROXIES", "proxy", "TRUSTED_PROXIES can't be read: 'proxy'"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_a_sentence(tmp_path, name, value, sentence):
    process = launch(tmp_path, port=free_port(), **{name: value})

    text, _ = process.communicate(timeout=30)

    assert process.returncode == 1
    assert sentence in text
    assert "Traceback" not in text


def test_ctrl_c_stops_everything_within_ten_seconds_and_a_second_start_is_quiet(portal):
    below = processes_below(portal.process.pid)
    assert len(below) >= 3

    portal.process.send_signal(signal.SIGINT)
    assert portal.process.wait(timeout=10) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in below)
    portal.process.communicate()

    again = start(portal.data_dir, port=portal.port, WEB_WORKERS="2")
    portal.process = again.process
    assert "password" not in again.text
