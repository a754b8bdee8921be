import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config.processes import supervisor
from config.processes.supervisor import Child

SLEEPS = [sys.executable, "-c", "import time; time.sleep(60)"]
DIES = [sys.executable, "-c", "raise SystemExit(3)"]
IGNORES_SIGTERM = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)",
]
HAS_CHILD = [
    sys.executable,
    "-c",
    "import subprocess, sys, time;"
    "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid, flush=True);"
    "time.sleep(60)",
]


def wait_until(condition, *, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


def is_alive(pid):
    """A zombie that nobody has waited for yet is not alive."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def start(tmp_path):
    """Starts a supervisor over these commands; answers its process and a reader of its state file."""
    started = []

    def start(commands, **more):
        plan = {
            "commands": commands,
            "state": str(tmp_path / "supervisor.json"),
            "host": "127.0.0.1",
            "port": 1,
            "announcement": "ready",
            "scratch": str(tmp_path / "scratch"),
            "lock": os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR),
        } | more
        command = [sys.executable, "-P", supervisor.__file__, json.dumps(plan)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, pass_fds=[plan["lock"]])
        started.append(process)
        os.close(plan["lock"])
        wait_until((tmp_path / "supervisor.json").exists)
        return process, lambda: json.loads((tmp_path / "supervisor.json").read_text())

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 0.5), (2, 1), (3, 2), (6, 16), (7, 30), (8, 30), (5000, 30)]
)
def test_the_delay_grows_up_to_half_a_minute(failures, seconds):
    assert Child(name="web", command=DIES, failures=failures).backoff_seconds == seconds


@pytest.mark.parametrize(("up_for", "failures"), [(59.9, 4), (60.0, 1)])
def test_a_child_that_was_up_for_a_while_begins_with_the_first_delay(up_for, failures):
    child = Child(name="web", command=DIES, started_at=1000.0, failures=3, restarts=3)
    child.bury(now=1000.0 + up_for)
    assert (child.failures, child.restarts) == (failures, 4)
    assert child.due_at == 1000.0 + up_for + child.backoff_seconds


@pytest.mark.processes
def test_the_state_file_tells_of_each_child(start):
    _, state = start({"web": SLEEPS, "scheduler": SLEEPS})
    children = state()
    assert all(is_alive(child.pop("pid")) for child in children.values())
    up = {"up": True, "restarts": 0, "backoff_seconds": 0}
    assert children == {"web": up, "scheduler": up}


@pytest.mark.processes
def test_a_killed_child_comes_back_and_is_counted(start):
    _, state = start({"web": SLEEPS, "scheduler": SLEEPS})
    before = state()
    os.kill(before["web"]["pid"], signal.SIGKILL)
    wait_until(lambda: state()["web"]["restarts"] == 1 and state()["web"]["up"])
    assert state()["web"]["pid"] != before["web"]["pid"]
    assert state()["scheduler"] == before["scheduler"]


@pytest.mark.processes
def test_a_child_that_always_dies_waits_longer_each_time(start):
    _, state = start({"web": DIES})
    seen = []
    for restarts in (1, 2, 3):
        wait_until(lambda restarts=restarts: state()["web"]["restarts"] == restarts)
        seen.append((state()["web"]["up"], state()["web"]["backoff_seconds"]))
    assert seen == [(False, 0.5), (False, 1.0), (False, 2.0)]


@pytest.mark.processes
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_all_children(start, number):
    process, state = start({"web": SLEEPS, "scheduler": SLEEPS})
    pids = [child["pid"] for child in state().values()]
    process.send_signal(number)
    assert process.wait(timeout=10) == 0
    assert [is_alive(pid) for pid in pids] == [False, False]
    assert [child["up"] for child in state().values()] == [False, False]


@pytest.mark.processes
def test_a_child_that_ignores_sigterm_is_killed_within_ten_seconds(start):
    process, state = start({"web": IGNORES_SIGTERM})
    assert process.stdout.readline() == "deaf\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    assert not is_alive(state()["web"]["pid"])


@pytest.mark.processes
def test_a_second_signal_does_not_wait(start):
    process, _ = start({"web": IGNORES_SIGTERM})
    assert process.stdout.readline() == "deaf\n"
    process.send_signal(signal.SIGTERM)
    time.sleep(1.2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=2) == 0


@pytest.mark.parametrize(("seconds", "is_hurried"), [(1.0, False), (1.1, True)])
def test_signals_of_the_same_moment_are_one_wish(tmp_path, monkeypatch, seconds, is_hurried):
    keeper = supervisor.Supervisor({}, state_path=tmp_path / "supervisor.json")
    for now in (1000.0, 1000.0 + seconds):
        monkeypatch.setattr(supervisor.time, "monotonic", lambda now=now: now)
        keeper.ask_to_stop(signal.SIGTERM, None)
    assert (keeper.stop_at, keeper.is_hurried) == (1000.0, is_hurried)


@pytest.mark.processes
def test_what_a_dead_child_had_started_dies_with_it(start):
    process, state = start({"web": HAS_CHILD})
    grandchild = int(process.stdout.readline())
    os.kill(state()["web"]["pid"], signal.SIGKILL)
    wait_until(lambda: not is_alive(grandchild))


@pytest.mark.processes
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's doing")
def test_children_do_not_outlive_a_killed_supervisor(start):
    process, state = start({"web": SLEEPS})
    pid = state()["web"]["pid"]
    process.kill()
    wait_until(lambda: not is_alive(pid))


@pytest.mark.processes
def test_it_announces_the_portal_when_it_can_be_reached(start):
    with socket.create_server(("127.0.0.1", 0)) as server:
        process, _ = start({"web": SLEEPS}, port=server.getsockname()[1], announcement="runs at …")
        assert process.stdout.readline() == "runs at …\n"


def test_a_reader_never_sees_a_part_of_the_state(tmp_path):
    path = tmp_path / "supervisor.json"
    keeper = supervisor.Supervisor({"web": SLEEPS}, state_path=path)
    keeper.write_state()
    first = path.stat().st_ino
    keeper.children[0].restarts = 1
    keeper.write_state()
    assert path.stat().st_ino != first
    assert [entry.name for entry in tmp_path.iterdir()] == ["supervisor.json"]


def test_a_full_disk_stops_no_watching(tmp_path, monkeypatch):
    def fail(path, text):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "supervisor.json"
    keeper = supervisor.Supervisor({"web": SLEEPS}, state_path=path)
    with monkeypatch.context() as patch:
        patch.setattr(supervisor, "replace_file", fail)
        keeper.write_state()
    assert not path.exists()
    keeper.write_state()
    assert list(json.loads(path.read_text())) == ["web"]


def test_a_line_that_has_no_space_is_lost_and_nothing_else():
    class Full:
        def write(self, text):
            raise OSError(errno.ENOSPC, "No space left on device")

    supervisor.write_line(Full(), "runs at …")


@pytest.mark.processes
def test_the_scratch_directory_goes_with_the_portal(start, tmp_path):
    (tmp_path / "scratch").mkdir()
    process, _ = start({"web": SLEEPS})
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    assert not (tmp_path / "scratch").exists()
