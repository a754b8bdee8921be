"""Whether the sender of a body is known before the body is received."""

import re
import time
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.db import close_old_connections

from config.server.threads import ThreadShare
from telemetry import keys

# Where the key stands outside of the body: without one, nothing is received.
KEYED_PATHS = frozenset({"/api/workbench/telemetry", "/v1/traces", "/api/alerts/webhook/"})
# The paths that SDKs and other clients post events to.
POST_PATHS = re.compile(settings.CORS_URLS_REGEX)
# The view asks again, and at most a second late: this only says whose body may come in.
KNOWN_SECONDS = 60.0
MOST_KNOWN = 1024


def is_post(method: str, path: str) -> bool:
    """Whether events are posted."""
    return method == "POST" and POST_PATHS.match(path) is not None


def is_known(secret: str) -> bool:
    """Asks the database, and gives the connection back as a request does."""
    try:
        return keys.find_key(secret) is not None
    finally:
        close_old_connections()


class KnownSenders:
    """The keys that were found lately; the database is asked in the threads of `lookups`."""

    def __init__(self, lookups: ThreadShare) -> None:
        self.lookups = lookups
        self.found_at: dict[str, float] = {}

    async def has_key(self, environ: Mapping[str, Any]) -> bool:
        """Whether header or query bring a known key, in force or not.

        Raises NoFreeThread, and Django's database errors.
        """
        try:
            secret = keys.secret_outside_body(environ)
        except SuspiciousOperation:
            return False
        if not keys.SECRET.fullmatch(secret):
            return False
        digest = keys.digest_of(secret)
        if time.monotonic() - self.found_at.get(digest, float("-inf")) < KNOWN_SECONDS:
            return True
        if not await self.lookups.run(is_known, secret):
            return False
        self.remember(digest)
        return True

    def remember(self, digest: str) -> None:
        if len(self.found_at) >= MOST_KNOWN:
            self.found_at.clear()
        self.found_at[digest] = time.monotonic()
