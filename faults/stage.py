"""What a fault is, and what it has in its hands."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from faults.clock import Clock
from faults.programs import Portal, Program
from faults.truth import Truth


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A running portal with clients that post to it, and the servers behind it. A short run does less of all."""

    portal: Portal
    postgres: Program | None = None
    redis: Program | None = None
    clock: Clock | None = None
    is_short: bool = False
    # What was wrong, beside events, KPIs and probes; makes the row red.
    complaints: list[str] = field(default_factory=list)

    def hold(self, seconds: float) -> None:
        """Let the fault last; a third of it in a short run."""
        time.sleep(seconds / 3 if self.is_short else seconds)

    def expect(self, is_so: bool, complaint: str) -> None:
        if not is_so and complaint not in self.complaints:
            self.complaints.append(complaint)


Strike = Callable[[Stage], None]
# What a watch looks at in the end: called with the environment, and with what is in its tables when all is folded.
FinalCheck = Callable[[str, Truth], None]
Watch = Callable[[Stage], AbstractContextManager[FinalCheck]]


@contextmanager
def unwatched(stage: Stage) -> Iterator[FinalCheck]:
    yield lambda environment, truth: None


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`strike` breaks something, lets it last, and gives back what it took.

    `watch` begins before the first post, and says in the end what is to be checked. `needs` are what it takes:
    postgres, redis, mount, compiler or prometheus. With `place` the portal is the fault's own: on a small disk, or
    with a clock that can be set. `takes_web_down`: probes may meet no server.
    """

    strike: Strike
    watch: Watch = unwatched
    databases: tuple[str, ...] = ("SQLite", "PostgreSQL")
    needs: tuple[str, ...] = ()
    place: str = ""
    takes_web_down: bool = False
