"""Celery's scheduler, made safe against a wall clock that is set while it runs.

Celery remembers by wall clock when it rang a bell last. When the clock steps back a day, the next ring would be
a day away; when it steps ahead, all bells ring at once. Here such a step moves what is remembered along with it.
"""

import logging
import time
from datetime import timedelta
from typing import Any

from celery.beat import Scheduler

logger = logging.getLogger(__name__)

# Clocks are set by less than this all the time.
SMALLEST_STEP_SECONDS = 1.0


class SteadyScheduler(Scheduler):  # type: ignore[misc]  # It has no types.
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.offset = clock_offset()
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Seconds until the next bell."""
        step = clock_offset() - self.offset
        if abs(step) >= SMALLEST_STEP_SECONDS:
            self.move(step)
        return float(super().tick(*args, **kwargs))

    def move(self, step: float) -> None:
        """The wall clock was set by `step` seconds: remember every ring by the new one."""
        logger.warning("The clock was set by %.0f seconds; the schedule goes on.", step)
        self.offset += step
        for entry in self.schedule.values():
            if entry.last_run_at is not None:
                entry.last_run_at += timedelta(seconds=step)
        # The queue is sorted by wall clock too; without this the next tick makes it anew.
        self.old_schedulers = None


def clock_offset() -> float:
    """Seconds from the start of the monotonic clock to the start of the wall clock; changes when that is set."""
    return time.time() - time.monotonic()
