import os
import stat

import pytest
from celery.signals import beat_init, worker_init

from config.processes import file_modes


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def make(path, *, mode):
    path.parent.mkdir(exist_ok=True)
    path.touch()
    path.chmod(mode)
    return path


def test_what_is_made_from_now_on_is_the_owners(tmp_path):
    file_modes.keep_files_private()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    assert (mode(tmp_path / "folder"), mode(tmp_path / "folder" / "file")) == (0o700, 0o600)


@pytest.mark.parametrize(
    "name",
    ["portal.sqlite3", "portal.sqlite3-wal", "portal.sqlite3-shm", "secret_key", "backups/monday.sqlite3"],
)
def test_what_was_there_before_is_narrowed(tmp_path, name):
    found = make(tmp_path / name, mode=0o644)
    tmp_path.chmod(0o755)
    file_modes.keep_files_private()
    assert (mode(found), mode(tmp_path)) == (0o600, 0o700)
    assert mode(found.parent) == 0o700


@pytest.mark.only_on("sqlite")
def test_a_database_elsewhere_is_narrowed_and_its_folder_is_not(tmp_path, settings, monkeypatch):
    found = make(tmp_path / "elsewhere" / "portal.db", mode=0o664)
    log = make(tmp_path / "elsewhere" / "portal.db-wal", mode=0o664)
    found.parent.chmod(0o755)
    monkeypatch.setitem(settings.DATABASES["default"], "NAME", str(found))
    file_modes.keep_files_private()
    assert (mode(found), mode(log), mode(found.parent)) == (0o600, 0o600, 0o755)


def test_what_is_not_the_portals_stays(tmp_path):
    other = make(tmp_path / "notes.txt", mode=0o644)
    (tmp_path / "secret_key").symlink_to(other)
    file_modes.keep_files_private()
    assert mode(other) == 0o644


def test_directories_of_the_whole_system_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(file_modes, "EVERYBODYS", {tmp_path})
    tmp_path.chmod(0o777)
    file_modes.keep_files_private()
    assert mode(tmp_path) == 0o777


@pytest.mark.parametrize("signal", [beat_init, worker_init])
def test_a_scheduler_or_worker_that_something_else_started_does_so_too(tmp_path, signal):
    found = make(tmp_path / "secret_key", mode=0o644)
    signal.send(sender=None)
    assert mode(found) == 0o600
