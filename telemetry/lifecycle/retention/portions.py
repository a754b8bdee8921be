"""Bounds the time for which a step deletes: on SQLite all posts wait while a transaction writes.

How long a number of rows takes depends on the disk, on what else the machine does, and on how many pages of the
indexes the rows lie on. So the clock ends a step, not a number.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from django.db import connection

Key = TypeVar("Key")
ROWS_A_PORTION = 50
# The commit writes what has changed into the log, which takes about as long again.
SECONDS_A_STEP = 0.02


def portions(
    keys: Sequence[Key], *, clock: Callable[[], float] = time.perf_counter
) -> Iterator[Sequence[Key]]:
    """The keys in portions, in order, until the step has had its time: one at least, unless there are no keys.

    On PostgreSQL, where posts do not wait for a deletion, it is all of them at once.
    """
    if connection.vendor == "postgresql":
        yield keys
        return
    until = clock() + SECONDS_A_STEP
    for start in range(0, len(keys), ROWS_A_PORTION):
        yield keys[start : start + ROWS_A_PORTION]
        if clock() >= until:
            return
