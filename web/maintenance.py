"""Maintenance: while the file `maintenance` is in DATA_DIR, posts are answered 503 and nothing is stored.

A file works for all processes, survives a restart and needs no database: that is often what is being maintained.
"""

import os

from django.conf import settings

from web.errors import Unavailable

RETRY_AFTER_SECONDS = 60


def is_on() -> bool:
    """Whether the portal refuses posts now."""
    # Runs for each post: a plain path costs a tenth of what pathlib does.
    return os.path.exists(f"{settings.DATA_DIR}/maintenance")


def is_database_gone() -> bool:
    """Whether SQLite's file was removed: who has it open still writes to it, and all of that is lost."""
    database = settings.DATABASES["default"]
    return database["ENGINE"].endswith("sqlite3") and not os.path.exists(database["NAME"])


def refuse_if_on() -> None:
    """Raises Unavailable (503) during maintenance, and while there is no file to store events in."""
    if is_on():
        message = "The portal is being maintained. Send the request again later."
        raise Unavailable(code="maintenance", message=message, seconds=RETRY_AFTER_SECONDS)
    if is_database_gone():
        message = "The portal's database is gone. Send the request again later."
        raise Unavailable(code="database_unavailable", message=message, seconds=RETRY_AFTER_SECONDS)
