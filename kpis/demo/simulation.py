"""A live stream of events: the demo's team and servers at work now, without end."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from random import Random

from kpis.demo.day import Day, Event, moment_of
from kpis.demo.runs import WORKFLOWS, run_scheduled
from kpis.demo.servers import (
    create_workflow,
    flush_tool_buffer,
    maintain,
    restart_worker,
    serve_request,
    start_worker,
)
from kpis.demo.sessions import spend_session
from kpis.demo.team import USERS

SERVERS = ("appserver-1", "appserver-2")


@dataclass(frozen=True)
class Activity:
    """Something that somebody does. It begins up to `age` ago, so that some of it is over and some is to come."""

    begin: Callable[[Day, datetime], None]
    age: timedelta
    weight: int


def _session(day: Day, at: datetime) -> None:
    spend_session(day, user=day.random.randrange(USERS), start=at)


def _scheduled_run(day: Day, at: datetime) -> None:
    workflow = day.random.choice([workflow for workflow in WORKFLOWS if workflow.scheduled_a_day])
    run_scheduled(day, workflow, now=at)


def _restart(day: Day, at: datetime) -> None:
    restart_worker(day, server=day.random.choice(SERVERS), at=at)


ACTIVITIES = (
    Activity(lambda day, at: serve_request(day, at=at), age=timedelta(seconds=20), weight=600),
    Activity(_session, age=timedelta(minutes=30), weight=40),
    Activity(_scheduled_run, age=timedelta(minutes=4), weight=120),
    Activity(lambda day, at: flush_tool_buffer(day, at=at), age=timedelta(seconds=3), weight=60),
    Activity(lambda day, at: create_workflow(day, at=at), age=timedelta(), weight=10),
    Activity(_restart, age=timedelta(seconds=15), weight=4),
    Activity(
        lambda day, at: maintain(day, at=at, lasts=timedelta(minutes=1)), age=timedelta(minutes=1), weight=1
    ),
)


@dataclass
class Simulation:
    """Makes events up as time goes by. Two with one seed and the same questions give the same events.

    `start` (UTC) is a part of all ids, so that a later simulation is about other things.
    """

    seed: int
    start: datetime
    _upcoming: list[tuple[datetime, int, Event]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self._day = Day(
            date=self.start.date(),
            seed=self.seed,
            growth=1.0,
            random=Random(self.seed),  # noqa: S311 - made-up data, to be repeated
            name=f"{self.start:%y%m%d%H%M%S}x{self.seed}",
        )
        for server in SERVERS:
            start_worker(self._day, server=server, at=self.start)
        # One of each, so that a short stream has all of them too.
        for activity in ACTIVITIES:
            self._begin(activity, now=self.start)

    def due(self, *, now: datetime, least: int) -> list[Event]:
        """The events up to `now` that were not given yet, sorted by time.

        Where they are fewer than `least`, more activities begin.
        """
        events = self._take(now)
        while len(events) < least:
            [activity] = self._day.random.choices(ACTIVITIES, weights=[each.weight for each in ACTIVITIES])
            self._begin(activity, now=now)
            events += self._take(now)
        return sorted(events, key=moment_of)

    def _begin(self, activity: Activity, *, now: datetime) -> None:
        activity.begin(self._day, now - activity.age * self._day.random.random())
        for event in self._day.events:
            heapq.heappush(self._upcoming, (moment_of(event), next(self._order), event))
        self._day.events.clear()

    def _take(self, now: datetime) -> list[Event]:
        taken = []
        while self._upcoming and self._upcoming[0][0] <= now:
            taken.append(heapq.heappop(self._upcoming)[2])
        return taken
