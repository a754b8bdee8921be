"""Threads that compute answers. Posts, probes and everything else each have their own, so none takes all."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

from config.server import patience

WAIT_SECONDS = 3.0

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


class NoFreeThread(Exception):
    """The queue is too long, or no thread became free within WAIT_SECONDS."""


class ThreadShare:
    """Some threads and the queue before them.

    `queue` is how many calls may wait; `database_seconds` how long a thread waits for one answer of the database.
    """

    def __init__(self, name: str, *, threads: int, queue: int, database_seconds: float) -> None:
        self.executor = ThreadPoolExecutor(
            max_workers=threads,
            thread_name_prefix=name,
            initializer=patience.set_seconds,
            initargs=(database_seconds,),
        )
        self.most = threads + queue
        self.in_flight = 0

    async def run(self, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """The function's result. Raises NoFreeThread, and then the function was not called."""
        if self.in_flight >= self.most:
            raise NoFreeThread
        self.in_flight += 1
        call = self.executor.submit(function, *arguments)
        # A call that has begun can't be cancelled. (A semaphore with a timeout costs a busy post twice as much.)
        timer = asyncio.get_running_loop().call_later(WAIT_SECONDS, call.cancel)
        try:
            return await asyncio.wrap_future(call)
        except asyncio.CancelledError:
            raise NoFreeThread from None
        finally:
            timer.cancel()
            self.in_flight -= 1
