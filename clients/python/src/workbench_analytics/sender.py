"""Sends a batch until the portal has said what became of each event, or until there is to be no more attempt."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Callable, Protocol

from workbench_analytics.backoff import Backoff
from workbench_analytics.encoding import compress, encode_batch
from workbench_analytics.transport import Answer, Transport, Unanswered
from workbench_analytics.values import Event, Rejection
from workbench_analytics.verdicts import Verdict, read_fault, read_verdict

logger = logging.getLogger("workbench_analytics")

KEY_REFUSED = {401, 403}
# The request itself is at fault: one of its events, or their number.
SPLIT = {400, 413}
# https://www.w3.org/TR/trace-context/#traceparent-header
TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class KeyRefused(Exception):
    """The portal does not take this key: sending again can't help."""


class Patience(Protocol):
    """How long the sender may go on."""

    def pause(self, seconds: float, *, obligatory: bool) -> bool:
        """Wait before another attempt; False when there is to be none."""

    def remaining(self) -> float | None:
        """Seconds that are left, or None without an end."""


class Sender:
    """Sends batches over one transport. For one thread at a time."""

    def __init__(
        self, *, transport: Transport, backoff: Backoff, on_verdict: Callable[[Verdict], None]
    ) -> None:
        self._transport = transport
        self._backoff = backoff
        self._on_verdict = on_verdict
        self._is_failing = False

    def deliver(self, events: Sequence[Event], *, patience: Patience) -> None:
        """Returns when every event has its verdict, or when `patience` has ended. Raises KeyRefused.

        An event with a verdict is never sent again. One without is sent again with the same bytes, so that the
        portal knows it for a duplicate if it had been stored.
        """
        parts = [events]
        failures = 0
        while parts:
            part = parts.pop()
            answer = self._post(part, patience)
            verdict = self._read(answer, part) if answer else None
            if verdict is not None:
                self._is_failing = False
                self._on_verdict(verdict)
                failures = 0
            elif answer is not None and answer.status in SPLIT:
                parts.extend(self._split(part, answer))
            else:
                parts.append(part)
                if not self._wait(answer, failures, patience):
                    return
                failures += 1

    def _post(self, events: Sequence[Event], patience: Patience) -> Answer | None:
        body, encoding = compress(encode_batch(events))
        # A post has one trace; it is that of the oldest event that has one.
        traces = (event.traceparent for event in events if TRACEPARENT.fullmatch(event.traceparent))
        try:
            answer = self._transport.post(
                body, encoding=encoding, traceparent=next(traces, ""), within=patience.remaining()
            )
        except Unanswered as fault:
            self._say_failing(f"it gave no answer ({fault})")
            return None
        if answer.status in KEY_REFUSED:
            fault_said = read_fault(answer.body, status=answer.status)
            raise KeyRefused(f"{answer.status} {fault_said.code}: {fault_said.message}")
        return answer

    def _read(self, answer: Answer, events: Sequence[Event]) -> Verdict | None:
        if answer.status == 200:
            verdict = read_verdict(answer.body, events=events)
            if verdict is None:
                self._say_failing("it answered 200 without a verdict (is the url the portal's?)")
            return verdict
        if answer.status in SPLIT and len(events) == 1:
            problem = read_fault(answer.body, status=answer.status)
            refused = Rejection(event=events[0].name, event_id=events[0].event_id, problems=(problem,))
            return Verdict(accepted=0, duplicates=0, rejections=(refused,), warnings=())
        if answer.status not in SPLIT:
            self._say_failing(f"it answered {answer.status}")
        return None

    def _split(self, events: Sequence[Event], answer: Answer) -> list[Sequence[Event]]:
        """Two halves, the older one last: it is the next to be sent."""
        logger.debug(
            "The portal answered %s to %s events; they are sent in halves.", answer.status, len(events)
        )
        middle = len(events) // 2
        return [events[middle:], events[:middle]]

    def _wait(self, answer: Answer | None, failures: int, patience: Patience) -> bool:
        seconds = self._backoff.seconds(failures)
        retry_after = answer.retry_after if answer else None
        if retry_after is None:
            return patience.pause(seconds, obligatory=False)
        # Jitter on top: all clients were told the same moment.
        return patience.pause(retry_after + seconds, obligatory=True)

    def _say_failing(self, what: str) -> None:
        """Once an outage; the attempts after it are for whoever debugs."""
        level = logging.DEBUG if self._is_failing else logging.WARNING
        self._is_failing = True
        logger.log(level, "The portal does not take events: %s. They are kept and sent again.", what)
