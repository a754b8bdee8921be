"""(c) Fold and rollup of what came in, against the rate at which it came in, with and without a history."""

from benchmarks.ingest_batch import door_posts, post, recent_events, take_in
from benchmarks.options import Options
from benchmarks.report import Comparison
from benchmarks.servers import Databases, Site, site

TITLE = "(c) fold and rollup"
HISTORY_DAYS = 29


def run(options: Options, databases: Databases) -> list[Comparison]:
    drain = Comparison(name="drained, against taken in", unit="events/s", bar=">= 1.5")
    later = Comparison(
        name=f"the same with {options.history_factor} x history", unit="events/s", bar=">= 1.5"
    )
    cost = Comparison(name=f"cost at {options.history_factor} x history, at none", unit="ms", bar="<= 1.2")
    with site(databases) as empty, site(databases) as grown:
        history = options.events * options.history_factor
        grown.inside.call("load_history", events=history, days=HISTORY_DAYS)
        for number in range(options.rounds + 1):
            events = recent_events(options.events, seed=1000 + number)
            taken_in = take_in(door_posts(events, key=empty.key), portal=empty, events=len(events))
            alone = drain_seconds(empty)
            taken_in_later = post(door_posts(events, key=grown.key), portal=grown, events=len(events))
            with_history = drain_seconds(grown)
            # The first round warms up processes and connections.
            if number:
                drain.portal.append(len(events) / alone)
                drain.reference.append(taken_in)
                later.portal.append(len(events) / with_history)
                later.reference.append(taken_in_later)
                cost.portal.append(with_history * 1000)
                cost.reference.append(alone * 1000)
    return [drain, later, cost]


def drain_seconds(portal: Site) -> float:
    """Seconds in which one process folds and rolls up all that is pending, while nothing else happens."""
    portal.inside.call("checkpoint")
    seconds: float = portal.inside.call("drain")
    return seconds
