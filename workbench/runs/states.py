"""What a run is at, also where its completion never came: the rule in Python for one run, and in SQL for many."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import Q
from django.db.models.functions import Coalesce

from workbench.models import WorkflowRun

# A run that has not completed after this time is taken as abandoned: it is not active any more.
ACTIVE_FOR = timedelta(hours=24)
# After this time without an event of it, nobody can say whether a run still runs.
SILENT_AFTER = timedelta(minutes=15)


class RunState(StrEnum):
    """`silent` and `abandoned` have no completion: no news for a while, and none within 24 hours."""

    RUNNING = "running"
    SILENT = "silent"
    ABANDONED = "abandoned"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


ACTIVE = (RunState.RUNNING, RunState.SILENT)
ENDED = (RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED)


def last_news_at(run: WorkflowRun) -> datetime | None:
    """The latest moment that is known of the run."""
    return run.last_seen_at or run.first_seen_at


def state_of(run: WorkflowRun, *, now: datetime) -> RunState:
    """What the run is at. As soon as its completion is known, however late that came, it counts alone."""
    if run.completed_at is not None:
        return RunState(run.status) if run.status in set(ENDED) else RunState.COMPLETED
    if run.first_seen_at is None or run.first_seen_at < now - ACTIVE_FOR:
        return RunState.ABANDONED
    news = last_news_at(run)
    return RunState.SILENT if news is not None and news < now - SILENT_AFTER else RunState.RUNNING


def is_inferred(run: WorkflowRun) -> bool:
    """Whether only its agents, model calls or approvals speak of a run that has not ended."""
    return run.completed_at is None and run.started_at is None


def states_condition(states: Iterable[RunState], *, now: datetime) -> Q:
    """The runs that are at one of these, of those that have a first moment. It needs `with_news`."""
    condition = Q(pk__in=[])
    for state in states:
        condition |= state_condition(state, now=now)
    return condition


def state_condition(state: RunState, *, now: datetime) -> Q:
    if state is RunState.COMPLETED:
        # An ending that no plan of today knows is one too, as in state_of.
        return Q(completed_at__isnull=False) & ~Q(status__in=[RunState.FAILED, RunState.CANCELLED])
    if state in ENDED:
        return Q(status=state.value, completed_at__isnull=False)
    is_open = Q(completed_at__isnull=True)
    if state is RunState.ABANDONED:
        return is_open & Q(first_seen_at__lt=now - ACTIVE_FOR)
    is_active = is_open & Q(first_seen_at__gte=now - ACTIVE_FOR)
    if state is RunState.SILENT:
        return is_active & Q(news_at__lt=now - SILENT_AFTER)
    return is_active & Q(news_at__gte=now - SILENT_AFTER)


def news_expression() -> Coalesce:
    """`last_news_at` in SQL, for the annotation `news_at`."""
    return Coalesce("last_seen_at", "first_seen_at")
