"""(j) The scrape of three environments with few and with many events, and what is left of it when names never end."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import chain
from math import ceil
from pathlib import Path

from benchmarks.options import Options
from benchmarks.report import Comparison
from benchmarks.scrape.counts import SeriesCount
from benchmarks.servers import Databases, Inside, environment, inside

TITLE = "(j) the scrape of 3 environments"
DAYS = 60
PERCENTILES = {"p50": 0.5, "p95": 0.95}


@dataclass
class Measured:
    """A portal and its scrapes: milliseconds of server time by round, and all of processor time."""

    process: Inside
    rounds: list[list[float]] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)

    def scrape(self, *, times: int) -> None:
        timed = self.process.call("time_scrapes", times=times)
        self.rounds.append([1000 * seconds for seconds, _ in timed])
        self.busy += [1000 * seconds for _, seconds in timed]

    def percentile(self, fraction: float) -> float:
        """Of all rounds."""
        return nearest([*chain.from_iterable(self.rounds)], fraction)

    def by_round(self, fraction: float) -> list[float]:
        return [nearest(milliseconds, fraction) for milliseconds in self.rounds]


def run(options: Options, databases: Databases) -> list[Comparison]:
    return [
        *compare("PostgreSQL", options, urls=[databases.make(), databases.make()]),
        *compare("SQLite", options, urls=["", ""]),
    ]


def compare(name: str, options: Options, *, urls: list[str]) -> list[Comparison]:
    """The two portals are scraped in turn; the names come last, and to the large one."""
    with ExitStack() as stack:
        small, large = (
            Measured(stack.enter_context(portal_with(events, url=url)))
            for events, url in zip((options.small_environment, options.large_environment), urls, strict=True)
        )
        for _ in range(options.rounds):
            small.scrape(times=options.scrapes)
            large.scrape(times=options.scrapes)
        lines = [*times(name, small=small, large=large), *series(name, small=small, large=large)]
        return [*lines, *with_many_names(name, options, portal=large)]


@contextmanager
def portal_with(events: int, *, url: str) -> Iterator[Inside]:
    """A process whose environments have so many events together, spread over the DAYS days before today."""
    with tempfile.TemporaryDirectory() as folder:
        metrics = Path(folder, "metrics")
        metrics.mkdir()
        # As in a web process: what all processes counted in memory is read from files.
        variables = environment(data_dir=folder, database_url=url, PROMETHEUS_MULTIPROC_DIR=str(metrics))
        with inside(variables) as process:
            process.call("prepare_static_files")
            if not url:
                process.call("prepare_database")
            process.call("load_environments", events=events, days=DAYS)
            yield process


def times(name: str, *, small: Measured, large: Measured) -> Iterator[Comparison]:
    for percentile, fraction in PERCENTILES.items():
        bar = "<= 50" if percentile == "p95" else ""
        portal = [large.percentile(fraction)]
        yield Comparison(name=f"{name}: {percentile}", unit="ms", bar=bar, portal=portal)
    # On a busy machine the others' part of the server time is left out; so is the database's.
    busy = nearest(large.busy, PERCENTILES["p95"])
    yield Comparison(name=f"{name}: p95 of processor time", unit="ms", portal=[busy])
    yield Comparison(
        name=f"{name}: p50, many events against few",
        unit="ms",
        portal=large.by_round(0.5),
        reference=small.by_round(0.5),
    )


def series(name: str, *, small: Measured, large: Measured) -> Iterator[Comparison]:
    few, many = (count_series(measured.process) for measured in (small, large))
    yield Comparison(
        name=f"{name}: series, many events against few",
        unit="series",
        bar="<= 1",
        portal=[many.scraped],
        reference=[few.scraped],
    )


def with_many_names(name: str, options: Options, *, portal: Measured) -> Iterator[Comparison]:
    """What is scraped once so many workflows, agents, routes and types of errors were named."""
    portal.process.call("post_names", count=options.names)
    found, crowded = count_series(portal.process), Measured(portal.process)
    crowded.scrape(times=options.scrapes * options.rounds)
    yield Comparison(
        name=f"{name}: series of the fullest family, of its budget",
        unit="series",
        # Past it each environment has one series more for each value of a label that is not open.
        bar="<= 1.1",
        portal=[found.fullest],
        reference=[found.budget],
    )
    yield Comparison(name=f"{name}: series with {options.names} names", unit="series", portal=[found.scraped])
    yield Comparison(
        name=f"{name}: p95 with {options.names} names",
        unit="ms",
        bar="<= 50",
        portal=[crowded.percentile(PERCENTILES["p95"])],
    )
    yield Comparison(
        name=f"{name}: p95 of processor time then",
        unit="ms",
        portal=[nearest(crowded.busy, PERCENTILES["p95"])],
    )


def count_series(process: Inside) -> SeriesCount:
    found: SeriesCount = process.call("count_series")
    return found


def nearest(values: list[float], fraction: float) -> float:
    """The smallest value that so large a part of them does not exceed."""
    return sorted(values)[max(0, ceil(len(values) * fraction) - 1)]
