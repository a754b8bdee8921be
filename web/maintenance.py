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


def refuse_if_on() -> None:
    """Raises Unavailable (503) during maintenance."""
    if is_on():
        message = "The portal is being maintained. Send the request again later."
        raise Unavailable(code="maintenance", message=message, seconds=RETRY_AFTER_SECONDS)
