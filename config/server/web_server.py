"""Granian, which replaces every web worker that dies: the others go on, whoever else died just before.

Granian itself ends all workers when one dies twice within 5.5 seconds, and forgets one of two that die at the
same moment. This is a program with granian's own options, run by its path: like the supervisor it imports nothing
of the portal, so that it stays small.
"""

import time
from typing import Any

from granian import cli
from granian.server import MPServer

# A worker that lived for less than this is replaced after a pause.
SHORT_LIFE_SECONDS = 5.0
PAUSE_SECONDS = 0.2
# After so many short lives in a row no worker can live, and the supervisor waits longer from start to start.
MOST_SHORT_LIVES = 10


class SteadyServer(MPServer):
    short_lives = 0

    def _serve_loop(self, spawn_target: Any, target_loader: Any) -> None:
        """Until it is told to stop, or no worker can live."""
        while not self.interrupt_signal and not self.is_hopeless():
            self.main_loop_interrupt.wait()
            # Before the list is read: who is added to it from now on sets the event again.
            self.main_loop_interrupt.clear()
            while self.interrupt_children and not self.interrupt_signal and not self.is_hopeless():
                self.replace(self.interrupt_children.pop(0), spawn_target, target_loader)

    def replace(self, index: int, spawn_target: Any, target_loader: Any) -> None:
        if time.monotonic() - self.wrks[index].birth < SHORT_LIFE_SECONDS:
            self.short_lives += 1
            time.sleep(PAUSE_SECONDS)
        else:
            self.short_lives = 0
        self._respawn_workers([index], spawn_target, target_loader)

    def is_hopeless(self) -> bool:
        return self.short_lives >= MOST_SHORT_LIVES


def main() -> None:
    # What granian's command line starts; mypy knows only the names that a module offers.
    cli.Server = SteadyServer  # type: ignore[attr-defined]
    cli.entrypoint()  # type: ignore[no-untyped-call]  # It has no types.


if __name__ == "__main__":
    main()
