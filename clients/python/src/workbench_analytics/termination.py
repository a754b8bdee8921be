"""SIGTERM, by which multiprocessing ends the children of a pool: the events that wait are sent before it does."""

from __future__ import annotations

import _thread
import os
import signal
import sys
from types import FrameType
from typing import Callable


def delay_sigterm(finish: Callable[[], None]) -> bool:
    """From now on SIGTERM calls `finish`, and then ends the process as it would have done without it.

    A second SIGTERM ends the process at once. A handler that the program has itself stays, and decides. False where
    nothing can be done: outside the main thread, and on Windows. Safe to repeat.
    """
    if sys.platform == "win32":
        return False

    def handle(signum: int, _: FrameType | None) -> None:
        signal.signal(signum, signal.SIG_DFL)
        # In another thread, because this one may hold a lock that the client needs. Not by threading.Thread, whose
        # start takes locks too.
        _thread.start_new_thread(_end, (finish, signum))

    try:
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, handle)
    except ValueError:
        return False
    return True


def _end(finish: Callable[[], None], signum: int) -> None:
    try:
        finish()
    finally:
        os.kill(os.getpid(), signum)
