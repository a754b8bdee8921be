"""The admin of rejected events: one by one, in groups, and the replays and removals that are made of them."""

from telemetry.admin.quarantine import events, jobs, rejections

__all__ = ["events", "jobs", "rejections"]
