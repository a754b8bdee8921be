import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from prometheus_client.core import Metric
from pytest_django import Settings

from metrics.processes import process_families, read_tree, read_usage


@pytest.fixture
def data_dir(tmp_path: Path, settings: Settings) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path


@pytest.fixture
def child() -> Iterator[subprocess.Popen[str]]:
    """A process with one below it; it prints that one's pid."""
    code = (
        "import subprocess, sys\n"
        "below = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)\n"
        "print(below.pid, flush=True)\n"
        "input()\n"
        "below.communicate()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.communicate("\n", timeout=10)


@pytest.fixture
def ended() -> psutil.Process:
    """A process that has ended since it was found."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        found = psutil.Process(process.pid)
        process.communicate(b"\n", timeout=10)
    return found


def write_worker(data_dir: Path, *, pid: int) -> None:
    """The supervisor's file with a web worker of this pid."""
    state = {"up": True, "restarts": 0, "backoff_seconds": 0, "pid": pid}
    (data_dir / "supervisor.json").write_text(json.dumps({"web": state}))


def samples(families: list[Metric]) -> dict[tuple[str, str], float]:
    return {
        (sample.name, sample.labels["worker"]): sample.value
        for family in families
        for sample in family.samples
    }


def test_without_a_supervisor_there_is_nothing_to_tell(data_dir: Path) -> None:
    assert list(process_families()) == []


@pytest.mark.parametrize("content", ["", "{", "not json"])
def test_a_file_that_is_being_written_tells_nothing(data_dir: Path, content: str) -> None:
    (data_dir / "supervisor.json").write_text(content)

    assert list(process_families()) == []


def test_tells_what_the_supervisor_wrote(data_dir: Path) -> None:
    (data_dir / "supervisor.json").write_text(
        json.dumps(
            {
                "web": {"up": True, "restarts": 0, "backoff_seconds": 0, "pid": None},
                "scheduler": {"up": False, "restarts": 3, "backoff_seconds": 4.5, "pid": None},
            }
        )
    )

    assert samples(list(process_families())) == {
        ("portal_worker_up", "web"): 1.0,
        ("portal_worker_restarts_total", "web"): 0,
        ("portal_worker_backoff_seconds", "web"): 0,
        ("portal_worker_up", "scheduler"): 0.0,
        ("portal_worker_restarts_total", "scheduler"): 3,
        ("portal_worker_backoff_seconds", "scheduler"): 4.5,
    }


def test_adds_up_a_workers_processes(data_dir: Path, child: subprocess.Popen[str]) -> None:
    assert child.stdout is not None
    below = int(child.stdout.readline())
    write_worker(data_dir, pid=child.pid)
    # The processes may still be growing.
    before = usage(child.pid, below)

    found = samples(list(process_families()))

    after = usage(child.pid, below)
    assert found["portal_processes", "web"] == 2
    assert before[0] <= found["portal_process_resident_memory_bytes", "web"] <= after[0]
    assert before[1] <= found["portal_process_cpu_seconds_total", "web"] <= after[1]


def usage(*pids: int) -> tuple[int, float]:
    """Resident bytes and CPU seconds of these processes alone."""
    usages = [read_usage(psutil.Process(pid)) for pid in pids]
    return sum(usage.resident_bytes for usage in usages if usage), sum(
        usage.cpu_seconds for usage in usages if usage
    )


def test_cpu_time_is_that_of_user_and_system_with_ended_children() -> None:
    own = psutil.Process()
    before = sum(own.cpu_times()[:4])

    usage = read_usage(own)

    assert usage is not None
    assert before <= usage.cpu_seconds <= sum(own.cpu_times()[:4])


def test_a_pid_that_ended_has_no_usage(data_dir: Path, ended: psutil.Process) -> None:
    write_worker(data_dir, pid=ended.pid)

    found = samples(list(process_families()))

    assert ("portal_processes", "web") not in found
    assert found["portal_worker_up", "web"] == 1.0


def test_a_process_that_ends_while_it_is_read_is_left_out(
    ended: psutil.Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil.Process, "children", lambda process, recursive: [ended])

    assert len(read_tree(psutil.Process().pid)) == 1
