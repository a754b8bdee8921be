"""Puts a backup into an empty database. Nothing is overwritten but a secret that nothing was encrypted with yet."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader

from config.operations import backup
from config.operations.backup import (
    DATABASE_FILES,
    FORMAT,
    MANIFEST_FILE,
    SECRET_FILE,
    BackupFailed,
    Manifest,
)
from config.processes.startup import LOCK_FILE


class RestoreRefused(Exception):
    """The backup can't be restored here; the text says why and what to do about it. The database has not changed."""


def restore_backup(folder: Path) -> Manifest:
    """Restore the backup into the database of the settings, which must be empty.

    On PostgreSQL it is one transaction, on SQLite one renaming: an interrupted restore leaves an empty database, and
    can be repeated.
    Raises RestoreRefused.
    """
    manifest = read_manifest(folder)
    check_migrations(manifest)
    check_database(manifest)
    secret = secret_to_restore(folder, manifest)
    database = folder / DATABASE_FILES[manifest.database]
    try:
        # First: an empty database may have any secret, and one that is restored is of no use with another.
        if secret:
            put_secret(secret)
        if manifest.database == "sqlite":
            put_sqlite(database)
        else:
            load_postgresql(database)
    except BackupFailed as failure:
        # The database is still empty, and what was here before goes with it again.
        if secret:
            put_secret(settings.SECRET_KEY)
        raise RestoreRefused(str(failure)) from failure
    return manifest


@contextmanager
def leaving_no_trace() -> Iterator[None]:
    """After a refusal, remove what DATA_DIR has only because of this try: lock, generated secret, empty database.

    The next try, or a portal that is started after all, then finds what this one found. To be entered before the lock
    is taken and before the database is opened.
    """
    database = sqlite_files() if connection.vendor == "sqlite" else []
    made = [path for path in (settings.DATA_DIR / LOCK_FILE, *database) if not path.exists()]
    if settings.SECRET_KEY_IS_NEW:
        made.append(settings.DATA_DIR / SECRET_FILE)
    try:
        yield
    except RestoreRefused:
        if database:
            connection.close()
        for path in made:
            path.unlink(missing_ok=True)
        raise


def sqlite_files() -> list[Path]:
    return [Path(f"{connection.settings_dict['NAME']}{suffix}") for suffix in ("", "-wal", "-shm")]


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup whose files are as they were written. Raises RestoreRefused."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST_FILE).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise RestoreRefused(f"{folder} is no whole backup: {MANIFEST_FILE} can't be read.") from error
    if manifest.format != FORMAT:
        raise RestoreRefused(f"{folder} has format {manifest.format}; this release reads format {FORMAT}.")
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.is_file() or backup.hash_of(path) != expected:
            raise RestoreRefused(f"{path} is missing or has changed since the backup. Use another backup.")
    return manifest


def check_migrations(manifest: Manifest) -> None:
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations or ()}
    if unknown := set(manifest.migrations) - known:
        raise RestoreRefused(
            f"The backup is of a newer release: this one has no {min(unknown)}. Install that release first."
        )


def check_database(manifest: Manifest) -> None:
    if manifest.database != connection.vendor:
        raise RestoreRefused(
            f"The backup is of {manifest.database}, and DATABASE_URL names {connection.vendor}."
        )
    try:
        tables = connection.introspection.table_names()
    except DatabaseError as error:
        raise RestoreRefused(
            f"The database does not answer ({type(error).__name__}). Look at it and at DATABASE_URL."
        ) from error
    if tables:
        raise RestoreRefused("The database is not empty. Restore into a new one, and set DATABASE_URL to it.")


def secret_to_restore(folder: Path, manifest: Manifest) -> str:
    """The backup's secret where the portal generates its own; empty where SECRET_KEY is given, and the same.

    Raises RestoreRefused where it is another one: second factors could not be read, and pseudonyms would change.
    """
    if backup.fingerprint_of(settings.SECRET_KEY) == manifest.secret_fingerprint:
        return ""
    if SECRET_FILE in manifest.files and backup.generated_secret():
        return (folder / SECRET_FILE).read_text(encoding="ascii")
    raise RestoreRefused(
        "SECRET_KEY is not that of the backup. Unset it: the backup has the secret that the portal generated."
        if SECRET_FILE in manifest.files
        else "SECRET_KEY is not that of the backup. Set it to the one that the portal ran with."
    )


def put_sqlite(database: Path) -> None:
    """Renamed into place when it is complete. What stood there has no tables."""
    path = Path(connection.settings_dict["NAME"])
    connection.close()
    for empty in sqlite_files():
        empty.unlink(missing_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    try:
        make_private(partial)
        shutil.copyfile(database, partial)
        backup.flush_to_disk(partial)
        partial.rename(path)
    except OSError as error:
        raise BackupFailed(f"Can't write {path}: {error.strerror}.") from error
    finally:
        partial.unlink(missing_ok=True)


def load_postgresql(database: Path) -> None:
    options, name, variables = backup.client_options()
    # Owners and rights are those of who restores: the backup may come from a server with other users.
    how = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    backup.run_client(["pg_restore", *how, *options, f"--dbname={name}", str(database)], variables)
    with connection.cursor() as cursor:
        # A dump has no statistics; without them the first hours would be slow.
        cursor.execute("ANALYZE")


def put_secret(secret: str) -> None:
    """In place of the one that this start generated."""
    aside = settings.DATA_DIR / f"{SECRET_FILE}.new"
    make_private(aside)
    aside.write_text(secret, encoding="ascii")
    backup.flush_to_disk(aside)
    os.replace(aside, settings.DATA_DIR / SECRET_FILE)


def make_private(path: Path) -> None:
    """Make an empty file that nobody else can open, before anything is in it. One that is there goes."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600, exist_ok=False)
