"""A UTC day of the demo while its events are made up, and the form of an event."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any

Event = dict[str, Any]


@dataclass(kw_only=True)
class Day:
    """One UTC day while its events are made up: its random numbers, the team's growth so far, its events."""

    date: date
    seed: int
    # 0 on the first day of the demo, 1 once the whole team uses the workbench.
    growth: float
    random: Random
    events: list[Event] = field(default_factory=list)
    identifier_count: int = 0
    # What tells its ids from those of other generators; empty: the date.
    name: str = ""

    def at(self, *, hour: float) -> datetime:
        """The moment (UTC) so many hours after the day's start."""
        return datetime.combine(self.date, time(), UTC) + timedelta(hours=hour)

    def identifier(self, prefix: str) -> str:
        """An id that is unique over all days, and over generators with names of their own."""
        self.identifier_count += 1
        return f"{prefix}-{self.name or format(self.date, '%y%m%d')}-{self.identifier_count}"

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def seconds(self, *, median: float, spread: float) -> timedelta:
        """A log-normal duration, as people's are: many near the median, a few much longer."""
        return timedelta(milliseconds=round(1000 * median * self.random.lognormvariate(0, spread)))

    def by_growth(self, *, start: float, end: float) -> float:
        """From start on the first day to end once the whole team uses the workbench."""
        return start + (end - start) * self.growth

    def trace(self) -> tuple[str, str]:
        """A trace id and a span id, as W3C Trace Context writes them."""
        return f"{self.random.getrandbits(128):032x}", f"{self.random.getrandbits(64):016x}"

    def add(self, event: str, *, session: str, at: datetime, **properties: Any) -> None:
        """Record an event; properties that are None are left out."""
        reported = {name: value for name, value in properties.items() if value is not None}
        self.events.append(build_event(event, session=session, at=at, properties=reported, seed=self.seed))


def build_event(event: str, *, session: str, at: datetime, properties: dict[str, Any], seed: int) -> Event:
    """An event as a client posts it; its id derives from the seed and its content."""
    body = {
        "event": event,
        "sessionId": session,
        "timestamp": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z",
        "properties": properties,
    }
    content = json.dumps([seed, body], sort_keys=True).encode()
    return {"id": f"demo-{hashlib.sha256(content).hexdigest()[:32]}", **body}


def moment_of(event: Event) -> datetime:
    """The event's timestamp (UTC)."""
    return datetime.fromisoformat(event["timestamp"])
