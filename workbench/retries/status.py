"""What a run's page says of its retries."""

from dataclasses import dataclass
from datetime import datetime

from people.access import Person
from workbench.models import RetryRequest, WorkflowRun
from workbench.retries.requesting import Obstacle, find_obstacle
from workbench.runs.detail import retries_of

MOST_RUNS_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class RetryStatus:
    """`obstacle` is why the person can't retry the run now; None if they can. `newest` is the newest request for it.

    `retried_by` are the ids of runs that repeat it, the newest first, five at most: as events say, or as the
    receiver answered before the run's first event came.
    """

    run: WorkflowRun
    obstacle: Obstacle | None
    newest: RetryRequest | None
    retried_by: tuple[str, ...]

    @property
    def is_possible(self) -> bool:
        return self.obstacle is None

    @property
    def is_shown(self) -> bool:
        """Whether there is anything to say: of runs that nobody retries there is not."""
        nothing = (Obstacle.NOT_ALLOWED, Obstacle.RUNNING, Obstacle.COMPLETED)
        return self.newest is not None or bool(self.retried_by) or self.obstacle not in nothing


def retry_status(*, run: WorkflowRun, person: Person, now: datetime) -> RetryStatus:
    """Five queries at most."""
    # Index: retry_request_run (run_id, environment).
    requests = RetryRequest.objects.filter(run_id=run.run_id, environment=run.environment)
    newest = requests.order_by("-pk").first()
    found = [repeat.run_id for repeat in retries_of(run)[:MOST_RUNS_NAMED]]
    answered = [newest.new_run_id] if newest and newest.new_run_id not in ("", *found) else []
    return RetryStatus(
        run=run,
        obstacle=find_obstacle(run=run, person=person, now=now),
        newest=newest,
        retried_by=(*answered, *found),
    )
