"""(b) Posts of one event each, against views on the same server that do nearly nothing."""

from collections.abc import Sequence

from benchmarks import load
from benchmarks.ingest_batch import DOOR, recent_events
from benchmarks.options import Options
from benchmarks.report import Comparison
from benchmarks.servers import Databases, Site, site

TITLE = "(b) single-event posts"
CONNECTIONS = 8
# No server on the machines at hand comes near: a body is never sent twice.
MOST_A_SECOND = 15_000
WARM_UP_SECONDS = 1


def run(options: Options, databases: Databases) -> list[Comparison]:
    bare = Comparison(name="against a bare view that inserts a row", unit="posts/s", bar=">= 0.6")
    empty = Comparison(name="against an empty DRF view", unit="posts/s")
    with site(databases, settings="benchmarks.settings") as portal:
        bodies = recent_events(round(max(1, options.seconds) * MOST_A_SECOND), seed=2)
        for path in (DOOR, "/bare", "/empty"):
            measure(path, bodies, portal=portal, seconds=min(WARM_UP_SECONDS, options.seconds))
        for _ in range(options.rounds):
            rate = measure(DOOR, bodies, portal=portal, seconds=options.seconds)
            check_posts(portal, at_least=round(rate * options.seconds * 0.9))
            for comparison, path in ((bare, "/bare"), (empty, "/empty")):
                comparison.portal.append(rate)
                comparison.reference.append(measure(path, bodies, portal=portal, seconds=options.seconds))
    return [bare, empty]


def measure(path: str, bodies: Sequence[bytes], *, portal: Site, seconds: float) -> float:
    """Answers a second; the door's tables are empty before, because it must not have seen the bodies."""
    if path == DOOR:
        portal.inside.call("forget_events")
    portal.inside.call("checkpoint")
    return load.requests_per_second(
        path, bodies, port=portal.port, key=portal.key, seconds=seconds, connections=CONNECTIONS
    )


def check_posts(portal: Site, *, at_least: int) -> None:
    """Raises UnexpectedAnswer unless each post was a new event."""
    counts = portal.inside.call("counts")
    if counts["duplicates"] or counts["accepted"] != counts["posts"] or counts["posts"] < at_least:
        raise load.UnexpectedAnswer(f"the posts became {counts}")
