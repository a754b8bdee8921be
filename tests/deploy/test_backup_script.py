import os
import shutil
import subprocess
from pathlib import Path

from tests.deploy.files import DEPLOY


def test_only_old_backups_are_removed(tmp_path: Path) -> None:
    script = tmp_path / "portal" / "deploy" / "systemd" / "backup"
    script.parent.mkdir(parents=True)
    shutil.copy(DEPLOY / "systemd" / "backup", script)
    python = tmp_path / "portal" / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(shutil.which("true") or "")
    folder = tmp_path / "backups"
    for name, days in {
        "20260101T023000Z": 16,
        "20260101T023000Z.partial": 16,
        "20260103T023000Z": 13,
        "holiday-photos": 16,
    }.items():
        (folder / name).mkdir(parents=True)
        moment = script.stat().st_ctime - days * 86_400
        os.utime(folder / name, (moment, moment))

    subprocess.run([script], env={**os.environ, "BACKUP_DIR": str(folder)}, check=True)

    assert sorted(path.name for path in folder.iterdir()) == ["20260103T023000Z", "holiday-photos"]
