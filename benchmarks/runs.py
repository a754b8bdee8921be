"""(k) The run monitor, with few and with many runs of ten agents each.

Server time in one process, as in `reading`. What a process remembers of a second ago is forgotten before each GET.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median

from benchmarks.made_runs import LARGE_RUN
from benchmarks.options import Options
from benchmarks.report import Comparison
from benchmarks.servers import Databases, Inside, environment, inside

TITLE = "(k) server time, many runs against few"
PAGE_SIZE = 50
GETS_A_ROUND = 5
# Name → the page; {place} is that of the last page whose number both environments have.
PAGES = {
    "page 1": "/runs/?range=all",
    "a page far behind": "/runs/?range=all&older={place}",
    "failed runs": "/runs/?range=all&status=failed",
    "a workflow's runs": "/runs/?range=all&workflow=workflow-7",
    "an error's runs": "/runs/?range=all&error=Error7",
    "a run": "/runs/r-7/",
    "a run of 200 agents": f"/runs/{LARGE_RUN}/",
}


def run(options: Options, databases: Databases) -> list[Comparison]:
    lines = []
    with ExitStack() as stack:
        few, many = (
            stack.enter_context(portal_with(runs, databases=databases))
            for runs in (options.few_runs, options.many_runs)
        )
        number = min(500, options.few_runs // PAGE_SIZE)
        places = {process: process.call("place_of_page", number, size=PAGE_SIZE) for process in (few, many)}
        for name, page in PAGES.items():
            paths = {process: page.format(place=place) for process, place in places.items()}
            lines += compare(name, paths=paths, few=few, many=many, rounds=options.rounds)
    return lines


@contextmanager
def portal_with(runs: int, *, databases: Databases) -> Iterator[Inside]:
    with tempfile.TemporaryDirectory() as folder:
        variables = environment(data_dir=folder, database_url=databases.make())
        with inside(variables) as process:
            process.call("prepare_static_files")
            process.call("make_key")
            process.call("make_runs", runs=runs)
            yield process


def compare(
    name: str, *, paths: dict[Inside, str], few: Inside, many: Inside, rounds: int
) -> list[Comparison]:
    growth = Comparison(name=name, unit="ms")
    for process in (few, many):
        time_to_page(paths[process], process=process)
    for _ in range(rounds):
        growth.reference.append(time_to_page(paths[few], process=few))
        growth.portal.append(time_to_page(paths[many], process=many))
    return [growth, Comparison(name="  in itself", unit="ms", bar="<= 50", portal=growth.portal)]


def time_to_page(path: str, *, process: Inside) -> float:
    """Milliseconds; the median of some GETs."""
    seconds: list[float] = [process.call("time_page", path=path) for _ in range(GETS_A_ROUND)]
    return 1000 * median(seconds)
