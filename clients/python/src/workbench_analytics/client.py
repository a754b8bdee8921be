"""The client: what an application calls, and the thread that sends."""

from __future__ import annotations

import atexit
import logging
import os
import ssl
import sys
import threading
import time
import weakref
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Callable, TypeVar

from workbench_analytics.backoff import Backoff
from workbench_analytics.buffer import Buffer
from workbench_analytics.encoding import EventFault, encode_event, new_event_id
from workbench_analytics.sender import KeyRefused, Patience, Sender
from workbench_analytics.spool import Spool, SpoolFiles
from workbench_analytics.termination import delay_sigterm
from workbench_analytics.tracking import Name, Tracker
from workbench_analytics.transport import Transport
from workbench_analytics.values import MAX_BATCH_EVENTS, Counts, Dropped, Event, Rejection
from workbench_analytics.verdicts import Verdict

logger = logging.getLogger("workbench_analytics")

C = TypeVar("C", bound="BaseClient[Any]")
T = TypeVar("T")


class BaseClient(Tracker[Name]):
    """Tracks events by name; Client adds a typed method for each event of the tracking plan.

    BaseClient[EventName] takes the names of a plan only, as far as a type checker sees; BaseClient[str] takes any.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        on_rejected: Callable[[Rejection], object] | None = None,
        on_dropped: Callable[[Dropped], object] | None = None,
        debug: bool = False,
        consent: bool = True,
        sync: bool = False,
        dry_run: bool = False,
        traceparent: str | Callable[[], str | None] | None = None,
        batch_events: int = 500,
        flush_seconds: float = 1.0,
        max_queue_events: int = 10_000,
        max_queue_bytes: int = 16 * 1024 * 1024,
        timeout_seconds: float = 10.0,
        exit_seconds: float = 5.0,
        spool: Spool | None = None,
        backoff: Backoff | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Raises ValueError for a url or a key that can't be one, and for a spool in sync mode.

        Nothing else ever raises.

        url: the portal's address, such as https://portal.example.com.
        key: a key of scope `ingest`.
        on_rejected: called with each event that was refused; on_dropped: with the number of events that were
            given up, and why. Both run in the background thread, or in the caller's where that refuses at once.
        debug: log a warning for each problem of an event, with code, field and message.
        consent: False tracks nothing until `set_consent(True)`.
        sync: send each event at once, in the caller's thread, for at most `exit_seconds`.
        dry_run: the portal checks the events and stores nothing.
        traceparent: the W3C trace context to send, or what to call for it when an event is tracked.
        batch_events, flush_seconds: a post is made when so many events wait, or the oldest has waited so long.
        max_queue_events, max_queue_bytes: what may wait; the oldest is dropped, and reported, to make room.
        timeout_seconds: for connecting, and for each wait on the connection.
        exit_seconds: how long `shutdown()` and the end of the process wait for events to be sent.
        spool: keeps events on disk until they are settled; the next process sends what this one could not.
        """
        if spool is not None and sync:
            raise ValueError("A spool needs the background thread: leave out sync=True.")
        self._transport = Transport(
            url=url, key=key, dry_run=dry_run, timeout=timeout_seconds, ssl_context=ssl_context
        )
        self._on_rejected, self._on_dropped = on_rejected, on_dropped
        self._debug = debug
        self._consent = consent
        self._sync = sync
        self._traceparent = traceparent
        self._batch_events = 1 if sync else max(1, min(batch_events, MAX_BATCH_EVENTS))
        self._flush_seconds = flush_seconds
        self._max_queue_events, self._max_queue_bytes = max(1, max_queue_events), max_queue_bytes
        self._exit_seconds = exit_seconds
        self._backoff = backoff or Backoff()
        self._url, self._key, self._spool = url, key, spool
        self._spool_files: SpoolFiles | None = None
        self._begin()
        _clients.add(self)
        if consent and self._spool_files is not None and self._spool_files.has_left_over():
            self._start()

    # What an application calls ----------------------------------------------------------------------------

    def track(
        self,
        event: Name,
        *,
        session_id: str,
        properties: Mapping[str, object] | None = None,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """Track an event; returns its id, or "" when there is no consent. Never raises, never waits (but in sync
        mode).

        Properties are named as in the plan; those that are None are left out. The event happened at `timestamp`
        (with a zone), by default now. `event_id` is the idempotency id; give one to make the call itself safe to
        repeat.
        """
        if not self._consent:
            return ""
        try:
            event_id = event_id or new_event_id()
            self._enqueue(event, event_id, session_id, properties, timestamp)
        except Exception as error:
            _log_internal(error)
        return event_id or ""

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until all that was tracked before has its verdict or is dropped.

        False when `timeout` seconds were too short; the events stay queued. Does nothing in a callback.
        """
        if threading.current_thread() is self._thread:
            return False
        return self._buffer.wait_until_settled(timeout)

    def shutdown(self, timeout: float | None = None) -> None:
        """Send what waits, for at most `timeout` (default `exit_seconds`) seconds; report the rest as dropped.

        Runs by itself when the process ends. What is tracked afterwards is dropped. Safe to repeat.
        """
        timeout = self._exit_seconds if timeout is None else timeout
        self._buffer.close(timeout=timeout)
        if threading.current_thread() is self._thread:
            return
        self._finish(timeout)
        self._buffer.abandon("shutdown")
        self._report_drops()

    def set_consent(self, granted: bool) -> None:
        """Without consent nothing is tracked, and what was tracked but not sent yet is dropped."""
        self._consent = granted
        if not granted:
            self._buffer.cancel("consent_withdrawn")

    @property
    def counts(self) -> Counts:
        """What became of the events so far, in this process."""
        return self._buffer.counts

    def __enter__(self: C) -> C:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    # Tracking ---------------------------------------------------------------------------------------------

    def _enqueue(
        self,
        name: str,
        event_id: str,
        session_id: str,
        properties: Mapping[str, object] | None,
        timestamp: datetime | None,
    ) -> None:
        try:
            body = encode_event(
                name, event_id=event_id, session_id=session_id, properties=properties, timestamp=timestamp
            )
        except EventFault as fault:
            self._buffer.record_unsendable()
            self._report_rejection(Rejection(event=name, event_id=event_id, problems=(fault.problem,)))
            return
        event = Event(event_id, name, body, self._current_traceparent() if self._traceparent else "")
        if self._sync:
            self._send_now(event)
            return
        self._buffer.put(event)
        if self._buffer.is_closed:
            self._report_drops()
        elif self._thread is None:
            self._start()

    def _current_traceparent(self) -> str:
        given = self._traceparent
        try:
            return str((given() if callable(given) else given) or "")
        except Exception as error:
            _log_internal(error)
            return ""

    def _send_now(self, event: Event) -> None:
        with self._sending:
            self._buffer.put(event)
            self._send_next(patience=Deadline(self._exit_seconds), reason="no_answer")

    # Sending ----------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """What a process has of its own: its queue, its thread, its connection and its part of the spool."""
        if self._spool_files is not None:
            self._spool_files.forget()
        if self._spool is not None:
            self._spool_files = SpoolFiles(
                self._spool, url=self._url, key=self._key, max_queue_events=self._max_queue_events
            )
        self._buffer = Buffer(
            max_events=self._max_queue_events,
            max_bytes=self._max_queue_bytes,
            batch_events=self._batch_events,
            interval=self._flush_seconds,
            spool=self._spool_files,
        )
        self._transport.forget()
        self._sender = Sender(transport=self._transport, backoff=self._backoff, on_verdict=self._take_verdict)
        # Reentrant, because a callback or a signal handler may track.
        self._sending = threading.RLock()
        self._starting = threading.RLock()
        self._thread: threading.Thread | None = None

    def _start(self) -> None:
        with self._starting:
            if self._thread is not None or self._sync:
                return
            thread = threading.Thread(target=self._run, name="workbench-analytics", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                # No thread starts in a process that is ending; shutdown sends without one.
                return
            self._thread = thread
        self._finish_with_multiprocessing()

    def _finish_with_multiprocessing(self) -> None:
        """A child of multiprocessing ends without atexit, one of a pool by SIGTERM; this is what it runs instead."""
        process = sys.modules.get("multiprocessing.process")
        util = sys.modules.get("multiprocessing.util")
        if process is None or util is None or process.parent_process() is None:
            return
        util.Finalize(self, _shut_down, args=(weakref.ref(self),), exitpriority=0)
        if not delay_sigterm(_shut_down_all):
            logger.warning(
                "terminate(), as at the end of `with multiprocessing.Pool()`, would end this process before its "
                "events are sent: call flush() when a task ends, or close() and join() of the pool."
            )

    def _run(self) -> None:
        self._take_left_over()
        while self._send_next(patience=self._buffer, reason="shutdown"):
            self._take_left_over()
        self._transport.close()

    def _take_left_over(self) -> None:
        """Queue what other processes left in the spool, as far as there is room for it."""
        files = self._spool_files
        if files is None:
            return
        if not self._consent or not self._buffer.has_room:
            files.postpone_scan()
            return
        while self._buffer.has_room and (left_over := files.claim(now=time.time())) is not None:
            self._buffer.put_back(left_over)
            if not self._consent:
                self._buffer.cancel("consent_withdrawn")

    def _finish(self, timeout: float) -> None:
        if self._thread is not None:
            self._thread.join(timeout)
        elif self._sync:
            self._transport.close()
        else:
            self._run()

    def _send_next(self, *, patience: Patience, reason: str) -> bool:
        """Wait for the next batch and settle it; False when there is none to come. Never raises."""
        buffer = self._buffer
        batch = buffer.take()
        if batch:
            reason = self._deliver(batch, patience, reason)
        buffer.settle(reason=reason)
        self._report_drops()
        return batch is not None

    def _deliver(self, batch: list[Event], patience: Patience, reason: str) -> str:
        """Why events of the batch that are left without a verdict are dropped."""
        try:
            self._sender.deliver(batch, patience=Reporting(patience, self._report_drops))
        except KeyRefused as refusal:
            logger.error("The portal refuses the key; no more events are sent. %s", refusal)
            self._buffer.refuse("key_refused")
            return "key_refused"
        except Exception as error:
            _log_internal(error)
            return "internal_error"
        return reason

    # Reporting --------------------------------------------------------------------------------------------

    def _take_verdict(self, verdict: Verdict) -> None:
        self._buffer.record(
            accepted=verdict.accepted, duplicates=verdict.duplicates, rejected=len(verdict.rejections)
        )
        for rejection in verdict.rejections:
            self._report_rejection(rejection)
        for warning in verdict.warnings:
            self._log_problems(warning, "accepted with a warning")

    def _report_rejection(self, rejection: Rejection) -> None:
        self._log_problems(rejection, "rejected")
        _call(self._on_rejected, rejection)

    def _log_problems(self, rejection: Rejection, what: str) -> None:
        level = logging.WARNING if self._debug else logging.DEBUG
        for problem in rejection.problems:
            logger.log(
                level,
                "%s (%s) was %s: %s %s: %s",
                rejection.event,
                rejection.event_id,
                what,
                problem.code,
                problem.field,
                problem.message,
            )

    def _report_drops(self) -> None:
        for dropped in self._buffer.take_drops():
            logger.warning("%s events were dropped: %s", dropped.count, dropped.reason)
            _call(self._on_dropped, dropped)


class Deadline:
    """The patience of whoever sends in sync mode."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def pause(self, seconds: float, *, obligatory: bool) -> bool:
        if seconds >= self.remaining():
            return False
        time.sleep(seconds)
        return True

    def remaining(self) -> float:
        return self._end - time.monotonic()


class Reporting:
    """Another's patience, which tells of drops before each wait: an outage may be long."""

    def __init__(self, patience: Patience, report: Callable[[], None]) -> None:
        self._patience = patience
        self._report = report

    def remaining(self) -> float | None:
        return self._patience.remaining()

    def pause(self, seconds: float, *, obligatory: bool) -> bool:
        self._report()
        return self._patience.pause(seconds, obligatory=obligatory)


def _call(callback: Callable[[T], object] | None, value: T) -> None:
    if callback is None:
        return
    try:
        callback(value)
    except Exception as error:
        logger.exception("A callback failed: %s", type(error).__name__)


def _log_internal(error: Exception) -> None:
    # Without the message and the trace, which may quote an event.
    logger.error("The client failed: %s", type(error).__name__)


# The clients of this process ------------------------------------------------------------------------------

_clients: weakref.WeakSet[BaseClient[Any]] = weakref.WeakSet()


def _shut_down(reference: weakref.ref[BaseClient[Any]]) -> None:
    client = reference()
    if client is not None:
        client.shutdown()


def _shut_down_all() -> None:
    for client in list(_clients):
        client.shutdown()


def _begin_all() -> None:
    """In the child of a fork: the parent keeps its queue and sends it; locks may be held by threads that are not
    here."""
    for client in list(_clients):
        client._begin()


atexit.register(_shut_down_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_all)
