import asyncio
import threading
import time

import pytest

from config.server import patience, threads
from config.server.threads import NoFreeThread, ThreadShare


def share(*, queue=10, count=1):
    return ThreadShare("test", threads=count, queue=queue, database_seconds=4)


async def run_all(some_share, functions):
    return await asyncio.gather(*(some_share.run(f) for f in functions), return_exceptions=True)


def test_a_call_gives_its_result():
    assert asyncio.run(share().run(max, 1, 2)) == 2


def test_more_calls_than_threads_take_turns():
    results = asyncio.run(run_all(share(), [lambda number=number: number for number in range(8)]))
    assert results == list(range(8))


def test_a_queue_that_is_too_long_is_refused_at_once():
    released = threading.Event()

    async def fill():
        one = share(queue=1)
        waiting = [asyncio.create_task(one.run(released.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(NoFreeThread):
            await one.run(time.monotonic)
        released.set()
        return await asyncio.gather(*waiting)

    assert asyncio.run(fill()) == [True, True]


def test_nobody_waits_for_a_thread_for_ever(monkeypatch):
    monkeypatch.setattr(threads, "WAIT_SECONDS", 0.05)
    released = threading.Event()
    called = []

    async def fill():
        one = share()
        held = asyncio.create_task(one.run(released.wait))
        await asyncio.sleep(0)
        with pytest.raises(NoFreeThread):
            await one.run(called.append, 1)
        released.set()
        return await held

    assert asyncio.run(fill()) is True
    assert called == []


def test_what_a_call_waits_for_its_thread_it_does_not_wait_for_the_database():
    async def ask():
        one = share()
        began_at = time.monotonic()
        held = asyncio.create_task(one.run(time.sleep, 0.2))
        until = await one.run(lambda: patience.waits.until)
        await held
        return until - began_at

    assert 4 <= asyncio.run(ask()) < 4.2
