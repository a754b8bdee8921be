"""A backup: the database as it was at one moment, the secret that the portal generated, and what both belong to.

It is a folder of three files. `backup.json` is written last and names the others with their hashes, and the folder
gets its name when it is complete: a folder with that name is a whole backup.
"""

import hashlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

import msgspec
from django.conf import settings
from django.db import connection
from django.db.backends.postgresql.client import DatabaseClient
from django.db.migrations.recorder import MigrationRecorder

MANIFEST_FILE = "backup.json"
SECRET_FILE = "secret_key"  # noqa: S105  (the name of the file)
DATABASE_FILES: Mapping[str, str] = {"sqlite": "portal.sqlite3", "postgresql": "portal.pgdump"}
FORMAT = 1


class BackupFailed(Exception):
    """The backup could not be made; the text says why."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What `backup.json` says. `files` is name → SHA-256; `migrations` are those applied, as `app.name`."""

    format: int
    database: str
    began_at: datetime
    migrations: list[str]
    secret_fingerprint: str
    files: dict[str, str]


def make_backup(folder: Path, *, now: datetime) -> Manifest:
    """Write a backup to a folder that must not be there yet; only its owner can read it. Folders above it are made.

    Every event that was answered `accepted` before this was called is in it. Posts go on meanwhile and wait for
    nothing. Raises BackupFailed.
    """
    if folder.exists():
        raise BackupFailed(f"{folder} is there already; name a new folder.")
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir(mode=0o700)
        manifest = fill(partial, now=now)
        partial.rename(folder)
    except OSError as error:
        raise BackupFailed(f"Can't write {folder}: {error.strerror}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def fill(folder: Path, *, now: datetime) -> Manifest:
    # Before the copy: a migration that is applied meanwhile is in the copy at most, and never only in the list.
    migrations = applied_migrations()
    database = folder / DATABASE_FILES[connection.vendor]
    if connection.vendor == "sqlite":
        copy_sqlite(database)
    else:
        dump_postgresql(database)
    if secret := generated_secret():
        (folder / SECRET_FILE).write_text(secret, encoding="ascii")
    manifest = Manifest(
        format=FORMAT,
        database=connection.vendor,
        began_at=now,
        migrations=migrations,
        secret_fingerprint=fingerprint_of(settings.SECRET_KEY),
        files={path.name: hash_of(path) for path in sorted(folder.iterdir())},
    )
    (folder / MANIFEST_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
    for path in folder.iterdir():
        path.chmod(0o600)
        flush_to_disk(path)
    return manifest


def copy_sqlite(to: Path) -> None:
    """All pages in one step: one read transaction, during which others write on into the log."""
    source = Path(connection.settings_dict["NAME"]).resolve().as_uri()
    try:
        with (
            closing(sqlite3.connect(f"{source}?mode=rw", uri=True)) as live,
            closing(sqlite3.connect(to)) as copy,
        ):
            live.backup(copy)
    except sqlite3.Error as error:
        raise BackupFailed(f"SQLite could not be copied: {error}.") from error


def dump_postgresql(to: Path) -> None:
    options, name, variables = client_options()
    run_client(["pg_dump", "--format=custom", f"--file={to}", *options, f"--dbname={name}"], variables)


def client_options() -> tuple[list[str], str, dict[str, str]]:
    """Options of PostgreSQL's programs for the portal's database, its name, and variables with the password."""
    words, variables = DatabaseClient.settings_to_cmd_args_env(connection.settings_dict, [])
    return words[1:-1], words[-1], dict(variables or {})


def run_client(command: Sequence[str], variables: Mapping[str, str]) -> None:
    """Run one of PostgreSQL's programs. Raises BackupFailed with what it says."""
    try:
        subprocess.run(command, env={**os.environ, **variables}, check=True, capture_output=True, text=True)  # noqa: S603  (our own command)
    except FileNotFoundError:
        raise BackupFailed(
            f"{command[0]} is not installed; it is in the package postgresql-client."
        ) from None
    except subprocess.CalledProcessError as error:
        raise BackupFailed(f"{command[0]} failed: {error.stderr.strip()}") from None


def applied_migrations() -> list[str]:
    return sorted(f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations())


def generated_secret() -> str:
    """The secret that the portal generated; empty where SECRET_KEY is given, which is not the portal's to copy."""
    path = settings.DATA_DIR / SECRET_FILE
    secret = path.read_text(encoding="ascii").strip() if path.exists() else ""
    return secret if secret == settings.SECRET_KEY else ""


def fingerprint_of(secret: str) -> str:
    """It tells two secrets apart and gives neither away."""
    return hashlib.sha256(f"portal backup\0{secret}".encode()).hexdigest()[:16]


def hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def flush_to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
