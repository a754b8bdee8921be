"""(d) Every page and the scrape, in a small and in a large environment of 60 days. The pages of runs are in (k).

Server time in one process: Django's test client, middleware and templates included, no network between.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median, quantiles

from benchmarks.options import Options
from benchmarks.report import Comparison
from benchmarks.servers import Databases, Inside, environment, inside

TITLE = "(d) server time, large against small"
DAYS = 60
PAGE_BAR, DRILL_DOWN_BAR = "<= 50", "<= 80"
# A page → its bar; {session}, {draft} and {approval} are things of the environment.
PAGES = {
    "/": PAGE_BAR,
    "/kpis/time-to-create-workflow/": PAGE_BAR,
    "/kpis/workflow-success-rate/?breakdown=workflow": PAGE_BAR,
    "/kpis/template-suggestion-rate/": PAGE_BAR,
    "/kpis/time-to-create-workflow/counted/": DRILL_DOWN_BAR,
    "/kpis/template-suggestion-rate/counted/": DRILL_DOWN_BAR,
    "/sessions/{session}/": DRILL_DOWN_BAR,
    "/drafts/{draft}/": DRILL_DOWN_BAR,
    "/approvals/{approval}/": DRILL_DOWN_BAR,
    "/funnel/": PAGE_BAR,
    "/funnel/sessions/?step=draft_created": DRILL_DOWN_BAR,
    "/agents/": PAGE_BAR,
    "/costs/": PAGE_BAR,
    "/plan/": PAGE_BAR,
    "/plan/workbench.draft_created/": PAGE_BAR,
    "/live/": DRILL_DOWN_BAR,
    "/slos/": PAGE_BAR,
    "/alerts/": PAGE_BAR,
    "/metrics": "",
}


def run(options: Options, databases: Databases) -> list[Comparison]:
    lines = []
    with ExitStack() as stack:
        small, large = (
            stack.enter_context(portal_with(events, databases=databases))
            for events in (options.small_environment, options.large_environment)
        )
        things = {process: process.call("things_with_pages") for process in (small, large)}
        for page, bar in PAGES.items():
            paths = {process: page.format(**ids) for process, ids in things.items()}
            lines += compare(page, bar, paths=paths, small=small, large=large, options=options)
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


def compare(
    page: str, bar: str, *, paths: dict[Inside, str], small: Inside, large: Inside, options: Options
) -> list[Comparison]:
    """The medians against each other, and the 95th percentile of the large one in itself."""
    growth = Comparison(name=page, unit="ms", bar="<= 1.1" if bar else "<= 1.2")
    in_itself = Comparison(name="  p95 in itself", unit="ms", bar=bar)
    for process in (small, large):
        time_gets(paths[process], process=process, gets=options.gets)
    for _ in range(options.rounds):
        growth.reference.append(median(time_gets(paths[small], process=small, gets=options.gets)))
        times = time_gets(paths[large], process=large, gets=options.gets)
        growth.portal.append(median(times))
        in_itself.portal.append(quantiles(times, n=20, method="inclusive")[-1])
    return [growth, in_itself] if bar else [growth]


def time_gets(path: str, *, process: Inside, gets: int) -> list[float]:
    """Milliseconds of each GET."""
    return [1000 * process.call("time_page", path=path) for _ in range(gets)]
