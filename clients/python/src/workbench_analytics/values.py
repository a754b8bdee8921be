"""What goes through the client and what it reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from workbench_analytics.spool import Segment

# The portal's limits. They hold before compression.
MAX_EVENT_BYTES = 32 * 1024
MAX_BATCH_BYTES = 1024 * 1024
MAX_BATCH_EVENTS = 2_500


class Event(NamedTuple):
    """A tracked event as it will be sent, however often: `body` is its JSON."""

    event_id: str
    name: str
    body: bytes
    traceparent: str = ""
    # The file that keeps it until it is settled.
    segment: Segment | None = None


class Problem(NamedTuple):
    """Something that is wrong with an event; `field` is its place, such as properties.source, or empty."""

    code: str
    field: str
    message: str


class Rejection(NamedTuple):
    """An event that the portal, or the client itself, refused: it is not stored and not sent again."""

    event: str
    event_id: str
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Dropped:
    """Events that were tracked and given up without a verdict.

    `reason` is `queue_full` (the oldest of a full queue), `shutdown` (time was up, or the client was shut down
    already), `no_answer` (sync mode: time was up), `key_refused`, `consent_withdrawn` or `internal_error`. What
    was being sent when time was up may have been stored without the client learning of it. Of a spool: `spool_expired`
    (too old) and `spool_corrupt` (a line that could not be read).
    """

    count: int
    reason: str


class Counts(NamedTuple):
    """What became of the events since the client (in this process) began.

    tracked = accepted + duplicates + rejected + dropped + waiting. With a spool, what an earlier process left is
    tracked when it comes back, and what is left for the next process waits.
    """

    tracked: int
    accepted: int
    duplicates: int
    rejected: int
    dropped: int
    waiting: int
