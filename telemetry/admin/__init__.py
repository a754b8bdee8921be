"""The admin of keys, raw events and everything else that the door writes: a module or package for each subject.

Each registers its tables when it is imported.
"""

from telemetry.admin import (
    arrivals,
    counters,
    erasures,
    keys,
    maintenance,
    notices,
    plan,
    quarantine,
    raw_events,
    retention,
    sent,
    spans,
)

__all__ = [
    "arrivals",
    "counters",
    "erasures",
    "keys",
    "maintenance",
    "notices",
    "plan",
    "quarantine",
    "raw_events",
    "retention",
    "sent",
    "spans",
]
