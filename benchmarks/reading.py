"""(d) Pages and the scrape, in a small and in a large environment of 60 days.

Server time in one process: Django's test client, middleware and templates included, no network between.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median

from benchmarks.options import Options
from benchmarks.report import Comparison
from benchmarks.servers import Databases, Inside, environment, inside

TITLE = "(d) server time, large against small"
DAYS = 60
GETS_A_ROUND = 5
PAGES = ("/kpis/time-to-create-workflow/", "/kpis/template-suggestion-rate/", "/", "/metrics")


def run(options: Options, databases: Databases) -> list[Comparison]:
    lines = []
    with ExitStack() as stack:
        small, large = (
            stack.enter_context(portal_with(events, databases=databases))
            for events in (options.small_environment, options.large_environment)
        )
        for page in PAGES:
            lines += compare(page, small=small, large=large, rounds=options.rounds)
    return lines


@contextmanager
def portal_with(events: int, *, databases: Databases) -> Iterator[Inside]:
    """A process whose environment has so many events in the DAYS days before today."""
    with tempfile.TemporaryDirectory() as folder:
        variables = environment(data_dir=folder, database_url=databases.make())
        with inside(variables) as process:
            process.call("prepare_static_files")
            process.call("make_key")
            process.call("load_history", events=events, days=DAYS)
            yield process


def compare(page: str, *, small: Inside, large: Inside, rounds: int) -> list[Comparison]:
    growth = Comparison(name=page, unit="ms", bar="<= 1.2")
    time_to_page(page, process=small)
    time_to_page(page, process=large)
    for _ in range(rounds):
        growth.reference.append(time_to_page(page, process=small))
        growth.portal.append(time_to_page(page, process=large))
    if page == "/metrics":
        return [growth]
    return [growth, Comparison(name="  in itself", unit="ms", bar="<= 100", portal=growth.portal)]


def time_to_page(page: str, *, process: Inside) -> float:
    """Milliseconds; the median of some GETs."""
    seconds: list[float] = [process.call("time_page", path=page) for _ in range(GETS_A_ROUND)]
    return 1000 * median(seconds)
