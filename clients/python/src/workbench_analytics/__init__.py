"""Typed events for the workbench analytics portal: one line an event, sent in the background."""

from __future__ import annotations

from workbench_analytics.backoff import Backoff
from workbench_analytics.client import BaseClient
from workbench_analytics.events import EventName, Events
from workbench_analytics.runs import AgentRun, Run, Runs
from workbench_analytics.spool import Spool
from workbench_analytics.tracking import Tracker
from workbench_analytics.values import Counts, Dropped, Problem, Rejection
from workbench_analytics.version import __version__

__all__ = [
    "AgentRun",
    "Backoff",
    "BaseClient",
    "Client",
    "Counts",
    "Dropped",
    "EventName",
    "Events",
    "Problem",
    "Rejection",
    "Run",
    "Runs",
    "Spool",
    "Tracker",
    "__version__",
]


class Client(BaseClient[EventName], Runs):
    """Tracks the events of the portal's tracking plan, one typed method each, and runs as `with` blocks.

    >>> telemetry = Client("https://portal.example.com", key)
    >>> telemetry.workbench.draft_created(session_id="s-1", source="chat", draft_id="d-1")
    """
