import multiprocessing
from pathlib import Path

from people.shared_cache import SharedFileCache

PROCESSES, KEYS = 4, 50


def added(folder: str) -> int:
    """How many of the keys this process was the first to add."""
    cache = SharedFileCache(folder, {})
    return sum(cache.add(f"key-{number}", 1) for number in range(KEYS))


def test_of_several_processes_one_adds_a_key(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        counts = pool.map(added, [str(tmp_path / "cache")] * PROCESSES)

    assert sum(counts) == KEYS


def test_its_files_are_their_owners_alone(tmp_path: Path) -> None:
    SharedFileCache(str(tmp_path / "cache"), {}).add("key", 1)

    modes = {path.name == "lock": path.stat().st_mode & 0o777 for path in (tmp_path / "cache").iterdir()}
    assert modes == {True: 0o600, False: 0o600}
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700
