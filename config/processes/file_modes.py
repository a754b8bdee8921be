"""Files that the portal keeps are for its own user alone, also those that were there before."""

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.conf import settings

OWNER_ONLY = 0o077
OWNERS_OWN = 0o700
# What the portal, SQLite and a backup put into DATA_DIR; SQLite gives its -wal and -shm the mode of their database.
PATTERNS = (
    "*.sqlite3*",
    "secret_key",
    "portal.lock",
    "supervisor.json",
    "maintenance",
    "*.alive",
    "backups",
    "backups/*",
)


# Directories of the whole system: whoever keeps DATA_DIR there has other worries, and others need them.
EVERYBODYS = frozenset(
    map(Path, ("/", "/tmp", "/var", "/var/tmp", "/var/lib", "/opt", "/srv", "/home", "/dev/shm"))  # noqa: S108  (named, not used)
)


def keep_files_private() -> None:
    """From now on this process and its children make files for their owner alone, and so are the files that exist.

    Safe to repeat; each process does it for itself, because something else may have started it.
    """
    os.umask(OWNER_ONLY)
    narrow([settings.DATA_DIR, *found_in(settings.DATA_DIR)])
    database = settings.DATABASES["default"]
    if database["ENGINE"] == "django.db.backends.sqlite3":
        narrow(Path(f"{database['NAME']}{suffix}") for suffix in ("", "-wal", "-shm", "-journal"))


def found_in(data_dir: Path) -> Iterator[Path]:
    for pattern in PATTERNS:
        yield from data_dir.glob(pattern)


def narrow(paths: Iterable[Path]) -> None:
    """Take from group and others what they may do; left alone is what belongs to another user or to everybody."""
    for path in paths:
        with contextlib.suppress(OSError):
            found = path.lstat()
            is_shared = path in EVERYBODYS or stat.S_ISLNK(found.st_mode)
            if found.st_uid == os.geteuid() and not is_shared:
                path.chmod(stat.S_IMODE(found.st_mode) & OWNERS_OWN)
