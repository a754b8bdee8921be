"""Threads that compute answers. Posts, probes and everything else each have their own, so none takes all."""

import asyncio
import time
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
        # As many again stand ready, so that no thread idles while the event loop takes the next from the queue.
        self.turns = asyncio.Semaphore(2 * threads)
        self.queue = queue
        self.waiting = 0

    async def run(self, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """The function's result. Raises NoFreeThread, and then the function was not called."""
        latest = time.monotonic() + WAIT_SECONDS
        await self.take_turn()
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self.executor, call, function, arguments, latest
            )
        finally:
            self.turns.release()

    async def take_turn(self) -> None:
        if not self.turns.locked():
            await self.turns.acquire()
            return
        if self.waiting >= self.queue:
            raise NoFreeThread
        self.waiting += 1
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self.turns.acquire()
        except TimeoutError:
            raise NoFreeThread from None
        finally:
            self.waiting -= 1


def call(function: Callable[[*Arguments], Result], arguments: tuple[*Arguments], latest: float) -> Result:
    """Raises NoFreeThread when it is later than `latest` (monotonic seconds)."""
    if time.monotonic() > latest:
        raise NoFreeThread
    return function(*arguments)
