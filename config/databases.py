"""DATABASE_URL as Django's database settings: SQLite for one machine, PostgreSQL for production."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

# WAL lets readers work beside the one writer; FULL makes every commit durable, because an answer
# "accepted" promises that the event survives a power cut.
SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY; "
    # A log that a long reader made grow is cut to 64 MiB when it begins anew.
    "PRAGMA journal_size_limit=67108864;"
)


def from_url(url: str, *, data_dir: Path) -> dict[str, Any]:
    """Settings of one database; an empty url is SQLite in data_dir.

    Raises ImproperlyConfigured for a url that is neither empty, sqlite:///path nor postgresql://.
    """
    parts = urlsplit(url)
    if not url:
        return sqlite(str(data_dir / "portal.sqlite3"))
    if parts.scheme == "sqlite":
        return sqlite(parts.path.removeprefix("/"))
    if parts.scheme in {"postgresql", "postgres"}:
        return postgresql(url)
    raise ImproperlyConfigured(
        f"DATABASE_URL begins with {parts.scheme!r}; it takes postgresql:// or sqlite:///."
    )


def sqlite(path: str) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        # Opening the file and setting its pragmas costs a post more than storing an event does.
        "CONN_MAX_AGE": None,
        # IMMEDIATE takes the write lock at BEGIN: a transaction never fails half-way with "database is locked".
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": SQLITE_PRAGMAS},
        # A file, because a database in memory is locked by the table and waits for nobody.
        "TEST": {"NAME": str(Path(path).with_name("test.sqlite3"))},
    }


def postgresql(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        raise ImproperlyConfigured("DATABASE_URL has a port that is not a number.") from None
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.removeprefix("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(port or ""),
        "OPTIONS": {
            # The pool replaces persistent connections; Django wants CONN_MAX_AGE 0 with it.
            "pool": {"min_size": 1, "max_size": 8, "timeout": 5},
            "server_side_binding": True,
            # A statement that comes again is planned once: a post of one event takes a third of the server's time.
            "prepare_threshold": 2,
            **dict(parse_qsl(parts.query)),
        },
    }
