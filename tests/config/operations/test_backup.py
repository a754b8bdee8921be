import stat
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from config.operations import backup, restore
from config.operations.backup import BackupFailed, make_backup
from config.operations.restore import RestoreRefused, restore_backup

NOW = datetime(2026, 2, 2, 10, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    """Where the portal generated its secret."""
    settings.DATA_DIR = tmp_path / "data"
    settings.DATA_DIR.mkdir()
    (settings.DATA_DIR / "secret_key").write_text(settings.SECRET_KEY)
    return settings.DATA_DIR


@pytest.fixture
def dumped(monkeypatch):
    """The database is a few bytes: these tests are about what is around it."""
    monkeypatch.setattr(backup, "copy_sqlite", lambda to: to.write_text("pages"))
    monkeypatch.setattr(backup, "dump_postgresql", lambda to: to.write_text("pages"))


@pytest.fixture
def folder(dumped, tmp_path):
    make_backup(tmp_path / "backup", now=NOW)
    return tmp_path / "backup"


@pytest.fixture
def empty(monkeypatch):
    """A database without tables, which takes whatever is put into it."""
    put: list[Path] = []
    monkeypatch.setattr(connection.introspection, "table_names", lambda cursor=None: [])
    monkeypatch.setattr(restore, "put_sqlite", put.append)
    monkeypatch.setattr(restore, "load_postgresql", put.append)
    return put


def change(folder, **changes):
    path = folder / "backup.json"
    path.write_bytes(msgspec.json.encode({**msgspec.json.decode(path.read_bytes()), **changes}))


def test_a_backup_is_for_its_owner_alone(folder):
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.iterdir()]}

    database = backup.DATABASE_FILES[connection.vendor]
    assert modes == {"backup": 0o700, "backup.json": 0o600, "secret_key": 0o600, database: 0o600}


def test_a_given_secret_is_not_copied(dumped, data_dir, tmp_path, settings):
    settings.SECRET_KEY = "given-" * 10

    manifest = make_backup(tmp_path / "backup", now=NOW)

    assert list(manifest.files) == [backup.DATABASE_FILES[connection.vendor]]
    assert settings.SECRET_KEY not in (tmp_path / "backup" / "backup.json").read_text()


def test_no_backup_is_written_over(folder):
    with pytest.raises(BackupFailed, match="is there already"):
        make_backup(folder, now=NOW)


def test_a_backup_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def fail(*args):
        raise BackupFailed("pg_dump failed: no space")

    monkeypatch.setattr(backup, "copy_sqlite", fail)
    monkeypatch.setattr(backup, "dump_postgresql", fail)
    with pytest.raises(CommandError, match="no space"):
        call_command("backup", str(tmp_path / "backup"))

    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_folder_that_cannot_be_made_is_a_sentence(dumped, tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(BackupFailed, match=r"Can't write .*: File exists"):
        make_backup(tmp_path / "file" / "backup", now=NOW)


def test_the_folders_above_a_backup_are_made(dumped, tmp_path):
    make_backup(tmp_path / "nightly" / "monday", now=NOW)

    assert [path.name for path in (tmp_path / "nightly").iterdir()] == ["monday"]


@pytest.mark.parametrize(
    ("program", "sentence"), [("pg_nothing", "is not installed"), ("false", "false failed: ")]
)
def test_a_program_that_fails_is_a_sentence(program, sentence):
    with pytest.raises(BackupFailed, match=sentence):
        backup.run_client([program], {})


def test_a_backup_is_restored_with_its_secret(folder, empty, settings, data_dir):
    (data_dir / "secret_key").write_text("generated-by-this-start-of-the-portal")
    settings.SECRET_KEY = "generated-by-this-start-of-the-portal"
    expected = (folder / "secret_key").read_text()

    manifest = restore_backup(folder)

    assert (manifest.began_at, [path.parent for path in empty]) == (NOW, [folder])
    assert (data_dir / "secret_key").read_text() == expected


def test_an_interrupted_restore_leaves_no_database_without_its_secret(
    folder, empty, settings, data_dir, monkeypatch
):
    (data_dir / "secret_key").write_text("generated-by-this-start-of-the-portal")
    expected, settings.SECRET_KEY = settings.SECRET_KEY, "generated-by-this-start-of-the-portal"

    def interrupt(database):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(restore, "put_sqlite", interrupt)
        patch.setattr(restore, "load_postgresql", interrupt)
        with pytest.raises(KeyboardInterrupt):
            restore_backup(folder)

    assert (data_dir / "secret_key").read_text() == expected
    # The next start has it.
    settings.SECRET_KEY = expected
    restore_backup(folder)
    assert [path.parent for path in empty] == [folder]


def test_what_is_restored_is_private_before_anything_is_in_it(data_dir, folder, monkeypatch):
    modes = []
    write_text = Path.write_text

    def noted(path, *args, **kwargs):
        modes.append(stat.S_IMODE(path.stat().st_mode))
        return write_text(path, *args, **kwargs)

    monkeypatch.setattr(Path, "write_text", noted)
    restore.put_secret("restored")

    assert modes == [0o600]
    assert (data_dir / "secret_key").read_text() == "restored"


def test_another_secret_that_was_given_is_refused(folder, empty, settings):
    settings.SECRET_KEY = "given-" * 10

    with pytest.raises(RestoreRefused, match=r"SECRET_KEY is not that of the backup\. Unset it"):
        restore_backup(folder)
    assert empty == []


def test_a_secret_that_the_backup_does_not_have_must_be_given(dumped, empty, tmp_path):
    make_backup(tmp_path / "backup", now=NOW)
    change(tmp_path / "backup", secret_fingerprint="of another", files={})

    with pytest.raises(RestoreRefused, match="Set it to the one that the portal ran with"):
        restore_backup(tmp_path / "backup")


def test_a_database_that_is_not_empty_is_left_alone(folder):
    with pytest.raises(CommandError, match="The database is not empty"):
        call_command("restore", str(folder))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"format": 2}, "has format 2; this release reads format 1"),
        ({"database": "oracle"}, "The backup is of oracle"),
        ({"migrations": ["telemetry.9999_add_what_is_new"]}, "no telemetry.9999_add_what_is_new"),
        ({"files": {"portal.sqlite3": "0"}}, "is missing or has changed"),
        ({"files": 3}, "is no whole backup"),
    ],
)
def test_a_backup_that_does_not_fit_is_refused(folder, empty, changes, sentence):
    change(folder, **changes)

    with pytest.raises(RestoreRefused, match=sentence):
        restore_backup(folder)
    assert empty == []


def test_a_folder_without_a_manifest_is_no_backup(tmp_path):
    with pytest.raises(RestoreRefused, match="is no whole backup"):
        restore_backup(tmp_path)


@pytest.mark.parametrize(
    ("is_new", "was_there", "left"),
    [
        (True, [], []),
        (True, ["portal.lock"], ["portal.lock"]),
        (False, [], ["secret_key"]),
        (False, ["portal.lock"], ["portal.lock", "secret_key"]),
    ],
)
def test_a_refused_restore_leaves_nothing_that_it_made(data_dir, tmp_path, settings, is_new, was_there, left):
    settings.SECRET_KEY_IS_NEW = is_new
    for name in was_there:
        (data_dir / name).touch()

    with pytest.raises(CommandError, match="is no whole backup"):
        call_command("restore", str(tmp_path / "missing"))

    assert sorted(path.name for path in data_dir.iterdir()) == left


def test_a_restore_that_fails_half_way_gives_the_secret_of_before_back(
    folder, empty, settings, data_dir, monkeypatch
):
    before = settings.SECRET_KEY = "generated-by-this-start-of-the-portal"
    (data_dir / "secret_key").write_text(before)
    seen = []

    def fail(database):
        seen.append((data_dir / "secret_key").read_text())
        raise BackupFailed("no space")

    with monkeypatch.context() as patch:
        patch.setattr(restore, "put_sqlite", fail)
        patch.setattr(restore, "load_postgresql", fail)
        with pytest.raises(RestoreRefused, match="no space"):
            restore_backup(folder)

    assert seen == [(folder / "secret_key").read_text()]
    assert (data_dir / "secret_key").read_text() == before
    restore_backup(folder)


def test_a_database_that_does_not_answer_is_a_sentence(folder, monkeypatch):
    def fail(cursor=None):
        raise OperationalError("no route")

    monkeypatch.setattr(connection.introspection, "table_names", fail)

    with pytest.raises(RestoreRefused, match=r"does not answer \(OperationalError\)"):
        restore_backup(folder)
