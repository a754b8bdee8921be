"""The events of the environment `demo`: a made-up team at work, the same for the same seed.

What they show: adoption grows as people join; drafts are accepted sooner every week; the assistant suggests
enough templates; the domain experts' templates are used too seldom; one workflow fails too often since a release.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random

from kpis.demo.day import Day, Event, moment_of
from kpis.demo.runs import run_scheduled_workflows
from kpis.demo.servers import change_app_servers, create_workflows_elsewhere, serve_requests
from kpis.demo.sessions import spend_user_day
from kpis.demo.team import GROWTH_DAYS, USERS

DEFAULT_DAYS = 60
DEFAULT_SEED = 2026


def first_day(*, now: datetime, days: int) -> date:
    """The first of the days that end with the UTC day of now."""
    return now.astimezone(UTC).date() - timedelta(days=days - 1)


def demo_events(*, now: datetime, days: int = DEFAULT_DAYS, seed: int = DEFAULT_SEED) -> Iterator[Event]:
    """Valid events of the last `days` UTC days up to now (exclusive), sorted by timestamp.

    A day's events depend on the seed, on its date and on how many days lie before it: with the same first
    day, a later `now` gives the same events and more.
    """
    start = first_day(now=now, days=days)
    carried_over: list[Event] = []
    for index in range(days):
        day = make_day(start + timedelta(days=index), index=index, seed=seed)
        events = sorted([*carried_over, *day.events], key=lambda event: (event["timestamp"], event["id"]))
        # What starts today may end tomorrow.
        end = min(now, day.at(hour=24))
        yield from (event for event in events if moment_of(event) < end)
        carried_over = [event for event in events if moment_of(event) >= day.at(hour=24)]


def make_day(day: date, *, index: int, seed: int) -> Day:
    """The day with all its events, in no order."""
    made = Day(
        date=day,
        seed=seed,
        growth=min(index / (GROWTH_DAYS - 1), 1.0),
        random=Random(f"{seed}:{day.isoformat()}"),  # noqa: S311 - made-up data, to be repeated
    )
    for user in range(USERS):
        spend_user_day(made, user=user)
    run_scheduled_workflows(made)
    create_workflows_elsewhere(made)
    serve_requests(made)
    change_app_servers(made)
    return made
