"""The admin of keys, raw events and everything else that the door writes: a module for each subject.

Each registers its tables when it is imported.
"""

from telemetry.admin import arrivals, counters, keys, quarantine, raw_events

__all__ = ["arrivals", "counters", "keys", "quarantine", "raw_events"]
