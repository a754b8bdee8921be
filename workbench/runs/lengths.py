"""How long a run took or takes, in whole microseconds."""

from datetime import datetime, timedelta

from workbench.models import AgentRun, WorkflowRun

MICROSECOND = timedelta(microseconds=1)


def taken(thing: WorkflowRun | AgentRun) -> int | None:
    """As its completion reports, else from its start to its end; None where it is not known or below zero.

    workbench.durations.RUN says the same in SQL.
    """
    if thing.completed_at is None:
        return None
    if thing.duration_ms is not None:
        return thing.duration_ms * 1000 if thing.duration_ms >= 0 else None
    if thing.started_at is None or thing.completed_at < thing.started_at:
        return None
    return (thing.completed_at - thing.started_at) // MICROSECOND


def so_far(run: WorkflowRun, *, now: datetime) -> int | None:
    """From the first moment that is known of a run which has not ended, until now."""
    begin = run.started_at or run.first_seen_at
    return None if begin is None else max(0, (now - begin) // MICROSECOND)
