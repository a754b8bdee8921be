import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands.migrate import Command as DjangoCommand
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.errors import LockNotAvailable

# Whoever waits for a table's strictest lock keeps everybody else from the table, so posts wait with it. This is less
# than the three seconds after which a post is answered 503.
LOCK_SECONDS = 2
PAUSE_SECONDS = 1
ATTEMPTS = 40


class Command(DjangoCommand):
    help = f"{DjangoCommand.help} On PostgreSQL no statement waits longer than {LOCK_SECONDS} s for a lock."

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        if connection.vendor != "postgresql":
            super().handle(*args, **options)
            return
        with short_lock_waits(connection):
            for _ in range(ATTEMPTS):
                try:
                    super().handle(*args, **options)
                    return
                except OperationalError as error:
                    # A migration is one transaction: what was not applied as a whole was not applied at all.
                    if connection.in_atomic_block or not isinstance(error.__cause__, LockNotAvailable):
                        raise
                self.stderr.write("Something else holds a lock that the migration needs. Trying again.")
                time.sleep(PAUSE_SECONDS)
        raise CommandError(
            f"In {ATTEMPTS} attempts the migration got no lock. Look for long transactions, like a backup, in "
            "pg_stat_activity, and run this again: what is applied stays applied."
        )


@contextmanager
def short_lock_waits(connection: BaseDatabaseWrapper) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")
