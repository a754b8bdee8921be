"""Bodies of requests while they come in, with a limit for what all of them hold in memory."""

from collections.abc import AsyncIterable
from dataclasses import dataclass, field

# The door takes 1 MiB. What is longer is received and dropped, so that the client hears the answer; the
# application sees the length that was announced, or more than it takes, and says 413.
KEPT_BYTES = 1024 * 1024 + 1
DRAINED_BYTES = 16 * 1024 * 1024


class TooManyBodies(Exception):
    """The bodies in flight hold all the memory that they may."""


class IncompleteBody(Exception):
    """The body ended before the length that was announced."""


@dataclass
class ByteBudget:
    """How many bytes bodies may hold at once; `peak` is the most that they held since it was last set to 0."""

    limit: int
    used: int = 0
    peak: int = 0

    def take(self, size: int) -> None:
        """Raises TooManyBodies, and then takes nothing."""
        if self.used + size > self.limit:
            raise TooManyBodies
        self.used += size
        self.peak = max(self.peak, self.used)


@dataclass
class Body:
    """One body; `budgets` pay for what is kept of it, until it is released."""

    budgets: tuple[ByteBudget, ...]
    kept: int = 0
    chunks: list[bytes] = field(default_factory=list)

    async def receive(self, chunks: AsyncIterable[bytes], *, length: int | None) -> bytes:
        """The first KEPT_BYTES; the rest is read and dropped, up to DRAINED_BYTES. `length` was announced.

        Raises TooManyBodies and IncompleteBody.
        """
        size = 0
        async for chunk in chunks:
            if size < KEPT_BYTES:
                self.keep(chunk)
            size += len(chunk)
            if size > DRAINED_BYTES:
                break
        if length is not None and size < min(length, DRAINED_BYTES):
            raise IncompleteBody
        return b"".join(self.chunks)[:KEPT_BYTES]

    def keep(self, chunk: bytes) -> None:
        paid = []
        try:
            for budget in self.budgets:
                budget.take(len(chunk))
                paid.append(budget)
        except TooManyBodies:
            for budget in paid:
                budget.used -= len(chunk)
            raise
        self.kept += len(chunk)
        self.chunks.append(chunk)

    def release(self) -> None:
        """Give back what it held. Safe to repeat."""
        self.chunks.clear()
        for budget in self.budgets:
            budget.used -= self.kept
        self.kept = 0


async def drain(chunks: AsyncIterable[bytes]) -> None:
    """Read and drop up to DRAINED_BYTES."""
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > DRAINED_BYTES:
            break
