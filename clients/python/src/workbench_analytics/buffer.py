"""The bounded queue between whoever tracks and the thread that sends."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Collection, Sequence

from workbench_analytics.encoding import BATCH_END, BATCH_START
from workbench_analytics.spool import LeftOver, SpoolFiles
from workbench_analytics.values import MAX_BATCH_BYTES, Counts, Dropped, Event

# With less time than this before the deadline, another attempt is not worth its while.
SHORTEST_LEFT_SECONDS = 0.1
# Events that are given up for these reasons stay in the spool, if they are there.
LEFT_IN_SPOOL = {"queue_full", "shutdown", "key_refused"}


class Buffer:
    """Events in the order in which they were tracked; one thread takes them, a batch at a time.

    `max_events` and `max_bytes` bound what waits; a batch that was taken comes on top. The oldest that waits is
    dropped, and counted, to make room. A `spool` keeps events until they are settled.
    """

    def __init__(
        self,
        *,
        max_events: int,
        max_bytes: int,
        batch_events: int,
        interval: float,
        spool: SpoolFiles | None = None,
    ) -> None:
        # Reentrant, because a signal handler may track while its own thread is in here.
        self._changed = threading.Condition(threading.RLock())
        self._max_events, self._max_bytes = max_events, max_bytes
        self._batch_events, self._interval = batch_events, interval
        self._spool = spool
        self._waiting: deque[Event] = deque()
        self._bytes = 0
        self._waiting_since = 0.0
        # Events are numbered from 1 in order: those that wait are the last ones put.
        self._put = 0
        self._taken: Sequence[Event] = ()
        self._taken_count = 0
        self._taken_from = 0
        # Of those that were put: left in the spool, and put again from there.
        self._left = self._again = 0
        self._flush_to = 0
        self._deadline: float | None = None
        self._refusal = ""
        self._cancelled = False
        self._accepted = self._duplicates = self._rejected = self._dropped = self._unsendable = 0
        self._unreported: dict[str, int] = {}

    # By whoever tracks ------------------------------------------------------------------------------------

    def put(self, event: Event) -> None:
        with self._changed:
            self._put += 1
            if self._refusal:
                self._drop(1, self._refusal)
                return
            if self._spool is not None:
                event = self._spool.keep(event)
            waiting = self._waiting
            was_empty = not waiting
            waiting.append(event)
            self._bytes += len(event.body)
            while len(waiting) > self._max_events or self._bytes > self._max_bytes:
                oldest = waiting.popleft()
                self._bytes -= len(oldest.body)
                self._give_up([oldest], "queue_full")
            if was_empty:
                self._waiting_since = time.monotonic()
                self._changed.notify_all()
            elif len(waiting) == self._batch_events or self._bytes >= MAX_BATCH_BYTES:
                self._changed.notify_all()

    def record_unsendable(self) -> None:
        """An event that the client itself refused: it never waits."""
        with self._changed:
            self._unsendable += 1

    def wait_until_settled(self, timeout: float) -> bool:
        """True once all that was put before this call is settled; False when `timeout` seconds were too short."""
        with self._changed:
            target = self._put
            self._flush_to = max(self._flush_to, target)
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._oldest() > target, timeout)

    def close(self, *, timeout: float) -> None:
        """Nothing more comes; what waits is to be sent within `timeout` seconds. The first call decides."""
        with self._changed:
            if self._deadline is None:
                self._deadline = time.monotonic() + timeout
                self._changed.notify_all()

    def refuse(self, reason: str) -> None:
        """Drop what waits and whatever comes from now on."""
        with self._changed:
            self._refusal = self._refusal or reason
            self._clear(reason)

    def cancel(self, reason: str) -> None:
        """Drop what waits, and ask the sender to give up what it has."""
        with self._changed:
            self._cancelled = self._taken_count > 0
            if self._spool is not None:
                self._spool.discard_left()
                self._drop(self._left, reason)
                self._left = 0
            self._clear(reason)

    def abandon(self, reason: str) -> None:
        """Drop all that is not settled, and whatever comes: the sender's time is up."""
        with self._changed:
            self._finish_taken(reason)
            self._cancelled = True
            self.refuse(reason)
            if self._spool is not None:
                self._spool.close()

    @property
    def is_closed(self) -> bool:
        return self._deadline is not None

    @property
    def counts(self) -> Counts:
        with self._changed:
            return Counts(
                tracked=self._put + self._unsendable - self._again,
                accepted=self._accepted,
                duplicates=self._duplicates,
                rejected=self._rejected + self._unsendable,
                dropped=self._dropped,
                waiting=len(self._waiting) + self._taken_count + self._left,
            )

    # By the sender ----------------------------------------------------------------------------------------

    def take(self) -> list[Event] | None:
        """Wait for a batch that is due: full, or old enough, or asked for. None when closed and empty.

        An empty batch says that there are drops to report. `settle` must follow before the next one.
        """
        with self._changed:
            while not self._is_due():
                self._changed.wait(self._seconds_until_due())
            if self._deadline is not None and not self._waiting:
                return None
            return self._take_batch()

    def record(self, *, accepted: int = 0, duplicates: int = 0, rejected: int = 0) -> None:
        """Verdicts on events of the batch that was taken; too late for one that was abandoned."""
        with self._changed:
            if not self._taken_count:
                return
            self._accepted += accepted
            self._duplicates += duplicates
            self._rejected += rejected
            self._taken_count -= accepted + duplicates + rejected

    def settle(self, *, reason: str) -> None:
        """The batch is done with; what has no verdict is dropped for `reason`."""
        with self._changed:
            self._finish_taken("consent_withdrawn" if self._cancelled else reason)
            self._taken_from = 0
            self._cancelled = False
            self._changed.notify_all()

    def pause(self, seconds: float, *, obligatory: bool) -> bool:
        """Wait before another attempt; False when there is to be none.

        A wait that is not `obligatory` gives way to the deadline: closing cuts it short, and one that begins
        later takes at most half of what is left.
        """
        with self._changed:
            is_firm = obligatory or self._deadline is not None
            due = time.monotonic() + (seconds if obligatory else self._fitting(seconds))
            while not self._cancelled:
                now = time.monotonic()
                if self._deadline is not None and not is_firm:
                    return now < self._deadline
                if self._deadline is not None and due >= self._deadline:
                    return False
                if now >= due:
                    return True
                self._changed.wait(due - now)
            return False

    def _fitting(self, seconds: float) -> float:
        left = self.remaining()
        if left is None:
            return seconds
        return min(seconds, left / 2) if left > SHORTEST_LEFT_SECONDS else left

    def remaining(self) -> float | None:
        """Seconds until the deadline; None while the buffer is open."""
        return None if self._deadline is None else self._deadline - time.monotonic()

    def take_drops(self) -> list[Dropped]:
        """The drops since the last call."""
        with self._changed:
            drops = [Dropped(count=count, reason=reason) for reason, count in self._unreported.items()]
            self._unreported.clear()
            return drops

    @property
    def has_room(self) -> bool:
        """Whether events may come back from the spool."""
        with self._changed:
            is_full = len(self._waiting) > self._max_events // 2 or self._bytes > self._max_bytes // 2
            return not is_full and not self._refusal and self._deadline is None

    def put_back(self, left_over: LeftOver) -> None:
        """Events that come back from the spool."""
        with self._changed:
            faults = left_over.corrupt + left_over.expired
            self._put += faults + len(left_over.events)
            returned = 0 if self._spool is None else self._spool.hold(left_over.segment)
            self._again += returned
            self._left -= returned
            self._drop(left_over.corrupt, "spool_corrupt")
            self._drop(left_over.expired, "spool_expired")
            if self._refusal:
                self._give_up(left_over.events, self._refusal)
                return
            if not self._waiting:
                self._waiting_since = time.monotonic()
            self._waiting.extend(left_over.events)
            self._bytes += sum(len(event.body) for event in left_over.events)

    # Within -----------------------------------------------------------------------------------------------

    def _give_up(self, events: Collection[Event], reason: str) -> None:
        """Events without a verdict."""
        left = 0
        if self._spool is not None and reason in LEFT_IN_SPOOL:
            left = self._spool.leave(events)
        elif self._spool is not None:
            self._spool.release(events)
        self._left += left
        self._drop(len(events) - left, reason)

    def _finish_taken(self, reason: str) -> None:
        # The oldest get their verdict first, also when the batch is sent in parts.
        settled = len(self._taken) - self._taken_count
        if self._spool is not None:
            self._spool.release(self._taken[:settled])
        self._give_up(self._taken[settled:], reason)
        self._taken, self._taken_count = (), 0

    def _drop(self, count: int, reason: str) -> None:
        if not count:
            return
        if not self._unreported:
            self._changed.notify_all()
        self._dropped += count
        self._unreported[reason] = self._unreported.get(reason, 0) + count

    def _clear(self, reason: str) -> None:
        self._give_up(self._waiting, reason)
        self._waiting.clear()
        self._bytes = 0
        self._changed.notify_all()

    def _oldest(self) -> int:
        """The number of the oldest event that is not settled; one past the newest when all are."""
        return self._taken_from or self._put - len(self._waiting) + 1

    def _is_due(self) -> bool:
        if self._deadline is not None:
            return True
        if not self._waiting:
            return bool(self._unreported) or self._seconds_until_scan() == 0
        is_full = len(self._waiting) >= self._batch_events or self._bytes >= MAX_BATCH_BYTES
        return is_full or self._flush_to >= self._oldest() or self._seconds_of_age() >= self._interval

    def _seconds_until_due(self) -> float | None:
        return self._interval - self._seconds_of_age() if self._waiting else self._seconds_until_scan()

    def _seconds_until_scan(self) -> float | None:
        """Until it is time to look for what other processes left in the spool."""
        return None if self._spool is None else self._spool.seconds_until_scan

    def _seconds_of_age(self) -> float:
        return time.monotonic() - self._waiting_since

    def _take_batch(self) -> list[Event]:
        first = self._oldest()
        size = len(BATCH_START) + len(BATCH_END)
        batch: list[Event] = []
        while self._waiting and len(batch) < self._batch_events:
            # One more for the comma.
            size += len(self._waiting[0].body) + 1
            if size > MAX_BATCH_BYTES:
                break
            batch.append(self._waiting.popleft())
        self._bytes -= sum(len(event.body) for event in batch)
        self._taken, self._taken_count = batch, len(batch)
        self._taken_from = first if batch else 0
        self._waiting_since = time.monotonic()
        return batch
