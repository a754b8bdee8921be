"""Works that run at the same time, each in a thread with database connections of its own."""

import threading
from collections.abc import Callable

from django.db import connections


def run_together(*works: Callable[[], object], timeout: float = 60) -> list[BaseException]:
    """Start the works at once and wait for all, up to `timeout` seconds for each.

    Answers what they raised, and a TimeoutError for each that still runs.
    """
    raised: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=timeout)
    hanging = [TimeoutError(f"{thread.name} still runs.") for thread in threads if thread.is_alive()]
    return [*raised, *hanging]
