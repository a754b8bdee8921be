"""How long a check may ask the database."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

# SQLite asks between so many of its steps whether to go on; this costs nothing that can be measured.
STEPS_BETWEEN_QUESTIONS = 10_000


@contextmanager
def bounded_statements(*, seconds: float) -> Iterator[None]:
    """Let statements of the block fail with OperationalError when they take longer than this.

    On PostgreSQL each may take that long, on SQLite all of them together.
    """
    if connection.vendor == "postgresql":
        with transaction.atomic():
            set_statement_timeout(seconds)
            yield
        return
    connection.ensure_connection()
    sqlite = connection.connection
    until = time.monotonic() + seconds
    sqlite.set_progress_handler(lambda: time.monotonic() > until, STEPS_BETWEEN_QUESTIONS)
    try:
        yield
    finally:
        sqlite.set_progress_handler(None, STEPS_BETWEEN_QUESTIONS)


def set_statement_timeout(seconds: float) -> None:
    """For the rest of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{max(1, seconds * 1000):.0f}"])
