"""What `manage.py restore` leaves where it restores nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.servers import free_port
from tests.config.operations.places import Place
from tests.config.test_portal import ROOT, environment

pytestmark = pytest.mark.processes


def refusal(folder: Path, *, data_dir: Path, **more: str) -> str:
    """The sentence with which the command ends."""
    command = [sys.executable, "manage.py", "restore", str(folder)]
    own = environment(data_dir, port=free_port(), **more)
    done = subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    return done.stderr


def test_an_empty_folder_stays_empty_and_the_next_try_succeeds(tmp_path: Path) -> None:
    original = Place(data_dir=tmp_path / "a", database_url="", port=free_port())
    other = Place(data_dir=tmp_path / "b", database_url="", port=free_port())
    original.manage("migrate", "--verbosity=0")
    original.manage("backup", str(tmp_path / "backup"))
    database = tmp_path / "backup" / "portal.sqlite3"
    whole = database.read_bytes()

    database.write_bytes(whole[:-1])
    assert "has changed since the backup" in refusal(tmp_path / "backup", data_dir=other.data_dir)
    assert list(other.data_dir.iterdir()) == []
    database.write_bytes(whole)
    assert "SECRET_KEY is not that of" in refusal(
        tmp_path / "backup", data_dir=other.data_dir, SECRET_KEY="x" * 40
    )
    assert list(other.data_dir.iterdir()) == []

    other.manage("restore", str(tmp_path / "backup"))
    assert (other.data_dir / "secret_key").read_text() == (original.data_dir / "secret_key").read_text()
