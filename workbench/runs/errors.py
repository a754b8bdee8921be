"""The error of a run: where it happened, and how often the same happens elsewhere."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from workbench.models import AgentRun, ModelCall, WorkflowRun
from workbench.runs.filters import is_filled, with_workflow

LOOKED_BACK = timedelta(days=14)
# So many runs are counted; beyond, the page says "more than".
MOST_COUNTED = 1_000


@dataclass(frozen=True, kw_only=True)
class FailedPart:
    """An agent or a model that failed in the run: how often, with which error."""

    name: str
    action: str
    error_type: str
    times: int


@dataclass(frozen=True, kw_only=True)
class SameError:
    """Runs of the environment that ended with the error since `since`, the run itself included.

    `moments` are their first moments, newest first, and `workflows` how many of each; the newest MOST_COUNTED only
    if there `is_more`. `first` and `last` are of all that is kept.
    """

    error_type: str
    since: datetime
    moments: Sequence[datetime]
    workflows: Sequence[tuple[str, int]]
    is_more: bool
    first: WorkflowRun | None
    last: WorkflowRun | None


def read_same_error(error_type: str, *, environment: str, now: datetime) -> SameError:
    """Three queries. Index: workflow_run_error."""
    since = now - LOOKED_BACK
    newest = with_workflow(runs_with(error_type, environment=environment)).order_by("-first_seen_at", "-pk")
    rows = list(
        newest.filter(first_seen_at__gte=since).values_list("first_seen_at", "workflow")[: MOST_COUNTED + 1]
    )
    counted = rows[:MOST_COUNTED]
    return SameError(
        error_type=error_type,
        since=since,
        moments=[moment for moment, _ in counted],
        workflows=Counter(workflow for _, workflow in counted).most_common(),
        is_more=len(rows) > MOST_COUNTED,
        first=newest.reverse().first(),
        last=newest.first(),
    )


def runs_with(error_type: str, *, environment: str) -> QuerySet[WorkflowRun]:
    return WorkflowRun.objects.filter(
        is_filled("error_type"), error_type=error_type, environment=environment, first_seen_at__isnull=False
    )


def failed_parts(*, agents: Sequence[AgentRun], calls: Sequence[ModelCall]) -> list[FailedPart]:
    """The most frequent first."""
    found = Counter(
        [
            *(
                (agent.agent_name, agent.action, agent.error_type)
                for agent in agents
                if agent.status == "failed"
            ),
            *((call.model, "", call.error_type) for call in calls if call.status == "failed"),
        ]
    )
    return [
        FailedPart(name=name, action=action, error_type=error_type, times=times)
        for (name, action, error_type), times in found.most_common()
    ]
