"""Checks that run in the background: each in a thread of its own with a deadline, and at most one at a time.

A database or a broker that hangs costs a request less than two seconds, and a process one thread a check.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import connections

from config.server import patience

DEADLINE_SECONDS = 1.5
KEPT_SECONDS = 1.0


class NotReady(Exception):
    """Something that the portal needs is missing; the text says what, and nothing of its address."""


@dataclass
class Probe:
    """One check, run in the background; its newest finding is kept for a second."""

    check: Callable[[], str]
    finding: tuple[bool, str] = (False, "")
    started_at: float = float("-inf")
    thread: threading.Thread | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, *, now: float) -> None:
        """Begin a check, unless one is under way or has just ended; `now` is time.monotonic()."""
        with self.lock:
            is_running = self.thread is not None and self.thread.is_alive()
            if not is_running and now - self.started_at > KEPT_SECONDS:
                self.started_at = now
                self.thread = threading.Thread(target=self.run, daemon=True)
                self.thread.start()

    def run(self) -> None:
        patience.set_seconds(DEADLINE_SECONDS)
        try:
            self.finding = (True, self.check())
        except NotReady as fault:
            self.finding = (False, str(fault))
        except Exception as error:  # whatever a driver raises means: not ready
            self.finding = (False, f"{type(error).__name__}")
        finally:
            connections.close_all()

    def result(self) -> tuple[bool, str]:
        """(is ready, text), at the latest DEADLINE_SECONDS after the check began."""
        thread = self.thread
        if thread is not None:
            thread.join(max(0.0, self.started_at + DEADLINE_SECONDS - time.monotonic()))
        if thread is None or thread.is_alive():
            return False, f"no answer within {DEADLINE_SECONDS:g} s"
        return self.finding
