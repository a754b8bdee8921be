"""How much memory a portal's processes take while something is done to it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.memory import memory_by_process
from faults.stage import Stage

LOOK_SECONDS = 1.0
# Bodies in flight have a budget of 64 MiB, and what parses one of them takes some as well.
MOST_GROWTH_MEGABYTES = 200


@contextmanager
def watching_memory(stage: Stage) -> Iterator[None]:
    """Complains when all processes together grow by more than MOST_GROWTH_MEGABYTES."""
    before = most = megabytes(stage)
    ended = threading.Event()

    def watch() -> None:
        nonlocal most
        while not ended.wait(LOOK_SECONDS):
            most = max(most, megabytes(stage))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    growth = max(most, megabytes(stage)) - before
    stage.expect(growth <= MOST_GROWTH_MEGABYTES, f"memory grew by {growth:.0f} MB")


def megabytes(stage: Stage) -> float:
    return sum(memory_by_process(stage.portal.pid, data_dir=stage.portal.data_dir).values())
