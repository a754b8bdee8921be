"""The scheduler's pulse where there is no broker: signs of life while a task of it runs.

There the scheduler runs the tasks itself, and is silent while a long one runs. A thread of the same process says
meanwhile that it lives. A process that is stopped or swapped out has no thread that runs, so its silence tells.
"""

import threading
import time
from dataclasses import dataclass

from config.processes import heartbeat

INTERVAL_SECONDS = 5.0
# After this it says nothing more of a task: it has been waiting for something that does not come.
LONGEST_TASK_SECONDS = 300.0


@dataclass
class Pulse:
    """`task_started_at` is time.monotonic() of the start of the task that runs now; None between two tasks."""

    task_started_at: float | None = None

    def beat(self, *, now: float) -> None:
        """Leave the sign while a task runs, and not for longer than LONGEST_TASK_SECONDS of it.

        Between two tasks it is silent: a scheduler that starts no task any more must not look alive.
        """
        started_at = self.task_started_at
        if started_at is not None and now - started_at <= LONGEST_TASK_SECONDS:
            heartbeat.leave(heartbeat.SCHEDULER)

    def keep_beating(self) -> None:
        while True:
            time.sleep(INTERVAL_SECONDS)
            self.beat(now=time.monotonic())

    def beat_in_background(self) -> threading.Thread:
        """Beat from a thread of this process, until it ends."""
        thread = threading.Thread(target=self.keep_beating, name="pulse of the scheduler", daemon=True)
        thread.start()
        return thread


of_scheduler = Pulse()
