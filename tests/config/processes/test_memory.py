import os
import stat
import sys
import tempfile
from pathlib import Path

import pytest

from config.processes import memory


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no memory file system")
def test_what_is_mapped_lies_on_memory(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    device = memory.memory_dir().stat().st_dev
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    kinds = {words[2]: words[words.index("-") + 1] for words in map(str.split, mounts)}
    assert kinds[f"{os.major(device)}:{os.minor(device)}"] == "tmpfs"


def test_without_memory_it_lies_among_temporary_files(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "SHARED_MEMORY", tmp_path / "missing")
    assert memory.memory_dir() == Path(tempfile.gettempdir())


def test_no_two_portals_share_it(settings, tmp_path):
    names = set()
    for name in ("a", "b"):
        settings.DATA_DIR = tmp_path / name
        settings.DATA_DIR.mkdir()
        names |= {memory.scratch_dir(), memory.scratch_dir()}
    settings.PORT = 8001
    assert len({*names, memory.scratch_dir(), memory.scratch_dir(port=8090)}) == 4


def test_it_is_for_its_owner_and_begins_empty(settings, tmp_path, monkeypatch):
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(memory, "SHARED_MEMORY", tmp_path)
    (memory.make_scratch_dir() / "counter_1.db").touch()
    path = memory.make_scratch_dir()
    assert (list(path.iterdir()), stat.S_IMODE(path.stat().st_mode)) == ([], 0o700)
