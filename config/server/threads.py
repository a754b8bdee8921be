"""Threads that compute answers. Posts, probes and everything else each have their own, so none takes all."""

import asyncio
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar, TypeVarTuple

from config.server import patience

WAIT_SECONDS = 3.0
# With four busy threads the event loop gets the interpreter within 13 ms (p99); with Python's 5 ms, within 80 ms.
# What the threads compute takes no longer by it.
TURN_SECONDS = 0.0005

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


class NoFreeThread(Exception):
    """The queue is too long, or no thread became free within WAIT_SECONDS."""


def take_short_turns() -> None:
    """For this process: whoever waits for the interpreter gets it soon, above all the event loop with its probes."""
    sys.setswitchinterval(TURN_SECONDS)


def hurried(deadline: float, call: Callable[[], Result]) -> Result:
    patience.set_deadline(deadline)
    return call()


class ThreadShare:
    """Some threads and the queue before them.

    `queue` is how many calls may wait; `database_seconds` how long a call waits for a thread and then the database,
    together.
    """

    def __init__(self, name: str, *, threads: int, queue: int, database_seconds: float) -> None:
        self.executor = ThreadPoolExecutor(max_workers=threads, thread_name_prefix=name)
        self.database_seconds = database_seconds
        self.most = threads + queue
        self.in_flight = 0

    async def run(self, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """The function's result. Raises NoFreeThread, and then the function was not called."""
        if self.in_flight >= self.most:
            raise NoFreeThread
        self.in_flight += 1
        deadline = time.monotonic() + self.database_seconds
        call = self.executor.submit(hurried, deadline, partial(function, *arguments))
        # A call that has begun can't be cancelled. (A semaphore with a timeout costs a busy post twice as much.)
        timer = asyncio.get_running_loop().call_later(WAIT_SECONDS, call.cancel)
        try:
            return await asyncio.wrap_future(call)
        except asyncio.CancelledError:
            raise NoFreeThread from None
        finally:
            timer.cancel()
            self.in_flight -= 1
