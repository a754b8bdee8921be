"""What is running at the moment when the demo is loaded for the first time."""

from datetime import datetime, timedelta
from random import Random

from kpis.demo.day import Day, Event, moment_of
from kpis.demo.events import DEFAULT_SEED
from kpis.demo.runs import WORKFLOWS, run_scheduled

# How much of its usual time each run has behind it.
SHARES = (0.1, 0.25, 0.4)
SHORTEST_SECONDS = 90


def present_events(*, at: datetime, seed: int = DEFAULT_SEED) -> list[Event]:
    """The events of runs that began shortly before `at` (UTC) and end after it, sorted by timestamp.

    The same moment and seed give the same events.
    """
    day = Day(
        date=at.date(),
        seed=seed,
        growth=1.0,
        random=Random(f"{seed}:{at.isoformat()}"),  # noqa: S311 - made-up data, to be repeated
        name=f"{at:%y%m%d%H%M%S}now",
    )
    long = [workflow for workflow in WORKFLOWS if workflow.median_seconds >= SHORTEST_SECONDS]
    for index, workflow in enumerate(long):
        age = timedelta(seconds=workflow.median_seconds * SHARES[index % len(SHARES)])
        run_scheduled(day, workflow, now=at - age)
    return sorted(day.events, key=moment_of)
