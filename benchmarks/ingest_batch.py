"""(a) Posts of 500 events over HTTP into PostgreSQL, against what PostgreSQL alone takes in."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from benchmarks import load
from benchmarks.events import make_bodies, make_events
from benchmarks.options import Options
from benchmarks.raw_table import raw_table
from benchmarks.report import Comparison
from benchmarks.servers import Databases, Site, site

TITLE = "(a) batch ingest, 500 events a post"
DOOR = "/api/workbench/telemetry"
EVENTS_A_POST = 500
CONNECTIONS = 4


def run(options: Options, databases: Databases) -> list[Comparison]:
    insert = Comparison(name="against insert of the same rows", unit="events/s", bar=">= 0.6")
    copy = Comparison(name="against COPY, the ceiling", unit="events/s")
    with site(databases) as portal:
        events = recent_events(options.events, seed=1)
        posts = door_posts(events, key=portal.key)
        with raw_table(portal.database_url, portal.inside.call("rows_of", events)) as table:
            take_in(posts, portal=portal, events=len(events))
            for _ in range(options.rounds):
                rate = take_in(posts, portal=portal, events=len(events))
                insert.portal.append(rate)
                insert.reference.append(table.insert())
                copy.portal.append(rate)
                copy.reference.append(table.copy())
    return [insert, copy]


def recent_events(count: int, *, seed: int) -> list[bytes]:
    """Events of the last hour."""
    now = datetime.now(UTC)
    return list(make_events(count, seed=seed, start=now - timedelta(hours=1), end=now))


def door_posts(events: Sequence[bytes], *, key: str) -> list[bytes]:
    """The events as complete requests, EVENTS_A_POST in each."""
    bodies = make_bodies(iter(events), size=EVENTS_A_POST)
    return [load.post_request(DOOR, body=body, key=key) for body in bodies]


def take_in(posts: Sequence[bytes], *, portal: Site, events: int) -> float:
    """Events a second of the posts into empty tables, where the events stay.

    Raises UnexpectedAnswer unless every event was accepted.
    """
    portal.inside.call("forget_events")
    portal.inside.call("checkpoint")
    return post(posts, portal=portal, events=events)


def post(posts: Sequence[bytes], *, portal: Site, events: int) -> float:
    """Events a second of the posts; raises UnexpectedAnswer unless every event was accepted."""
    seconds, accepted = load.post_all(posts, port=portal.port, connections=CONNECTIONS)
    if accepted != events:
        raise load.UnexpectedAnswer(f"{accepted} of {events} events were accepted")
    return events / seconds
