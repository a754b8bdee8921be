"""DATABASE_URL as Django's database settings: SQLite for one machine, PostgreSQL for production."""

import os
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

# WAL lets readers work beside the one writer; FULL makes every commit durable, because an answer
# "accepted" promises that the event survives a power cut.
SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY; "
    # A log that a long reader made grow is cut to 64 MiB when it begins anew.
    "PRAGMA journal_size_limit=67108864; "
    # What is deleted is overwritten, as an erasure promises. Many systems' SQLite does it anyway.
    "PRAGMA secure_delete=ON;"
)
# No message repeats the URL, which may hold a password.
MALFORMED = (
    "DATABASE_URL has a port that is not a number, or a name or password with a special character "
    "that is not percent-encoded (%40 for @, %2F for /)."
)


class ExistingFile(sqlite3.Connection):
    """A connection to a SQLite file that is there; it makes none."""

    def __init__(self, database: str, *args: Any, **options: Any) -> None:
        if not os.path.exists(database):
            raise sqlite3.OperationalError("the database's file is gone")
        super().__init__(database, *args, **options)


def from_url(url: str, *, data_dir: Path, must_exist: bool = False) -> dict[str, Any]:
    """Settings of one database; an empty url is SQLite in data_dir.

    Options in the URL's query win over the portal's own. A SQLite file that `must_exist` is not made anew.

    Raises ImproperlyConfigured for a url that is neither empty, sqlite:///path nor postgresql://.
    """
    if not url:
        return sqlite(str(data_dir / "portal.sqlite3"), options={}, must_exist=must_exist)
    scheme = scheme_of(url)
    if scheme not in {"sqlite", "postgresql", "postgres"}:
        raise ImproperlyConfigured(
            f"DATABASE_URL begins with {scheme!r}; it takes postgresql:// or sqlite:///."
        )
    database = parse(url)
    options = database.get("OPTIONS", {})
    if scheme == "sqlite":
        return sqlite(database["NAME"], options=options, must_exist=must_exist)
    return postgresql(database, options=options)


def scheme_of(url: str) -> str:
    try:
        return urlsplit(url).scheme
    except ValueError:
        raise ImproperlyConfigured(MALFORMED) from None


def parse(url: str) -> dict[str, Any]:
    try:
        return dict(dj_database_url.parse(url))
    except dj_database_url.ParseError:
        raise ImproperlyConfigured(MALFORMED) from None


def sqlite(path: str, *, options: dict[str, Any], must_exist: bool) -> dict[str, Any]:
    if path == ":memory:":
        raise ImproperlyConfigured("DATABASE_URL names no file; it takes sqlite:////path/of/the/file.")
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        # Opening the file and setting its pragmas costs a post more than storing an event does.
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            # IMMEDIATE takes the write lock at BEGIN: a transaction never fails half-way with "database is locked".
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": SQLITE_PRAGMAS,
            **({"factory": ExistingFile} if must_exist else {}),
            **options,
        },
        # A file, because a database in memory is locked by the table and waits for nobody.
        "TEST": {"NAME": str(Path(path).with_name("test.sqlite3"))},
    }


def postgresql(database: dict[str, Any], *, options: dict[str, Any]) -> dict[str, Any]:
    # SQLite needs no driver of PostgreSQL.
    from config.server.sessions import WritableSession

    return {
        # The pool replaces persistent connections; Django requires CONN_MAX_AGE 0 with it.
        **database,
        "OPTIONS": {
            "pool": {"min_size": 1, "max_size": 8, "timeout": 5, "connection_class": WritableSession},
            "server_side_binding": True,
            # A statement is planned once and then reused: a post of one event takes a third of the server's time.
            "prepare_threshold": 2,
            **options,
        },
    }
