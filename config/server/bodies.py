"""Bodies of requests while they come in, with limits for what they hold in memory and for their number of pieces."""

from collections.abc import AsyncIterable
from dataclasses import dataclass, field

# The door takes 1 MiB, and 16 MiB of spans. What is longer is received and dropped, so that the client hears the
# answer; the application sees the length that was announced, or more than it takes, and says 413.
KEPT_BYTES = 1024 * 1024 + 1
KEPT_BYTES_OF_SPANS = 16 * 1024 * 1024 + 1
DRAINED_BYTES = 16 * 1024 * 1024
# Each chunk takes the event loop some 40 µs, however small it is: a mebibyte in bytes would take it 40 seconds.
MOST_CHUNKS = 4096


class TooManyBodies(Exception):
    """The bodies in flight hold all the memory that they may."""


class TooManyChunks(Exception):
    """The body comes in more pieces than any client has a reason to send."""


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
    """One body, of which `limit` bytes are kept; `budgets` pay for these until it is released."""

    budgets: tuple[ByteBudget, ...]
    limit: int = field(default_factory=lambda: KEPT_BYTES)
    kept: int = 0
    chunks: list[bytes] = field(default_factory=list)

    async def receive(self, chunks: AsyncIterable[bytes], *, length: int | None) -> bytes:
        """The first `limit` bytes; the rest is read and dropped, up to DRAINED_BYTES. `length` was announced.

        Raises TooManyBodies, TooManyChunks and IncompleteBody.
        """
        size = count = 0
        most = max(DRAINED_BYTES, self.limit)
        async for chunk in chunks:
            count += 1
            if count > MOST_CHUNKS:
                raise TooManyChunks
            if size < self.limit:
                self.keep(chunk)
            size += len(chunk)
            if size > most:
                break
        if length is not None and size < min(length, most):
            raise IncompleteBody
        return b"".join(self.chunks)[: self.limit]

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
    """Read and drop up to DRAINED_BYTES in up to MOST_CHUNKS."""
    size = count = 0
    async for chunk in chunks:
        size += len(chunk)
        count += 1
        if size > DRAINED_BYTES or count >= MOST_CHUNKS:
            break
