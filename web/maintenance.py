"""What says without a database that posts can't be taken: the file `maintenance` in DATA_DIR, or SQLite's file gone.

The file works for all processes of a machine and survives a restart. It is for when the database is what is being
maintained; telemetry/maintenance.py has the switch for all machines.
"""

import os

from django.conf import settings


def has_file() -> bool:
    """Whether somebody made the file `maintenance` in DATA_DIR."""
    # Runs for each post: a plain path costs a tenth of what pathlib does.
    return os.path.exists(f"{settings.DATA_DIR}/maintenance")


def is_database_gone() -> bool:
    """Whether SQLite's file was removed: who has it open still writes to it, and all of that is lost."""
    database = settings.DATABASES["default"]
    return database["ENGINE"].endswith("sqlite3") and not os.path.exists(database["NAME"])
