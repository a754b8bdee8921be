"""Runs functions at the same time, each in a thread with database connections of its own."""

import threading
from collections.abc import Callable

from django.db import connections


def run_together(*functions: Callable[[], object], timeout: float = 60) -> list[BaseException]:
    """Start all functions at once and wait for them, up to `timeout` seconds for each.

    Returns what they raised, and a TimeoutError for each that still runs.
    """
    raised: list[BaseException] = []

    def run(function: Callable[[], object]) -> None:
        try:
            function()
        except BaseException as error:
            raised.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(function,), daemon=True) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=timeout)
    hanging = [TimeoutError(f"{thread.name} still runs.") for thread in threads if thread.is_alive()]
    return [*raised, *hanging]
