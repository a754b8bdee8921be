"""Sessions of PostgreSQL that are not kept when they have become useless."""

from typing import Any

import psycopg
from psycopg.abc import RV, PQGen


class WritableSession(psycopg.Connection[Any]):
    """Ends itself when it turns out that it can only read, so that the pool opens another one.

    A server whose disk is full, or that was a replica until now, tells a session when it begins that it may only
    read. The session keeps to it also when the server takes writes again.
    """

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        try:
            return super().wait(gen, interval, timeout)
        except psycopg.errors.ReadOnlySqlTransaction:
            self.close()
            raise
