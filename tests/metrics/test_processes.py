import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.core import Metric
from pytest_django import Settings

from metrics.processes import Process, process_families, read_process, read_processes, tree_of


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


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system has no /proc")
def test_adds_up_a_workers_processes(data_dir: Path, child: subprocess.Popen[str]) -> None:
    assert child.stdout is not None
    below = int(child.stdout.readline())
    state = {"up": True, "restarts": 0, "backoff_seconds": 0, "pid": child.pid}
    (data_dir / "supervisor.json").write_text(json.dumps({"web": state}))
    # The processes may still be growing.
    before = usage(child.pid, below)
    found = samples(list(process_families()))
    after = usage(child.pid, below)
    assert found["portal_processes", "web"] == 2
    assert before[0] <= found["portal_process_resident_memory_bytes", "web"] <= after[0]
    assert before[1] <= found["portal_process_cpu_seconds_total", "web"] <= after[1]


def usage(*pids: int) -> tuple[int, float]:
    """Resident bytes and processor seconds of the processes."""
    processes = [read_process(pid) for pid in pids]
    return sum(one.resident_bytes for one in processes if one), sum(
        one.cpu_seconds for one in processes if one
    )


def test_a_pid_that_ended_has_no_usage(data_dir: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    state = {"up": False, "restarts": 1, "backoff_seconds": 1, "pid": ended.pid}
    (data_dir / "supervisor.json").write_text(json.dumps({"web": state}))
    assert ("portal_processes", "web") not in samples(list(process_families()))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system has no /proc")
def test_reads_this_process() -> None:
    own = read_processes()[os.getpid()]
    assert own.parent == os.getppid()
    assert own.resident_bytes > 1_000_000
    assert own.cpu_seconds > 0


def test_a_tree_holds_all_below_and_none_beside() -> None:
    parents = {1: 0, 2: 1, 3: 2, 4: 2, 5: 1, 6: 4}
    processes = {
        pid: Process(pid=pid, parent=parent, cpu_seconds=0, resident_bytes=0)
        for pid, parent in parents.items()
    }
    assert {process.pid for process in tree_of(2, processes=processes)} == {2, 3, 4, 6}
    assert list(tree_of(9, processes=processes)) == []
