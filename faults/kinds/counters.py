"""The portal's processes are killed over and over while a real Prometheus scrapes: what it stored must be right."""

import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from random import Random

import psutil

from faults.kinds.outages import BACK_SECONDS, end_web_worker, kill_child, start_again
from faults.programs import family, wait_until
from faults.stage import FinalCheck, Stage
from faults.truth import Truth
from tests.prometheus import Prometheus, running_prometheus

# From one start of the portal to its end: five kills each with a worker, four without.
LIVES = 4
# The first one folds. There is a worker only with Redis.
FIRST_TO_LAST = ("worker", "scheduler", "web")
LONGEST_PAUSE_SECONDS = 0.5
# A process is at work in a slice of time in which it has the processor for so long.
SLICE_SECONDS = 0.05
WORK_SECONDS = 0.02
SLICES_OF_REST = 4
WORK_PATIENCE_SECONDS = 5
# How old figures of a scrape may be, and how long Prometheus may take to scrape once more.
CACHE_SECONDS = 1.0
SCRAPE_PATIENCE_SECONDS = 20
ALL_TIME = "1d"
# What counts accepted events, each once.
ACCEPTED = (
    'workbench_events_total{{environment="{0}"}}',
    'portal_events_received_total{{environment="{0}",outcome="accepted"}}',
)
COUNTER_ENDINGS = ("_total", "_bucket", "_count", "_sum")


def kill_often(stage: Stage) -> None:
    """A web process, then whoever folds in the middle of its work, all others, and at last the whole portal."""
    random = Random(1)
    for _ in range(1 if stage.is_short else LIVES):
        names = sorted(stage.portal.children(), key=FIRST_TO_LAST.index)
        end_web_worker(stage)
        wait_for_work(stage, names[0])
        for name in names:
            kill_child(stage, name)
            time.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))
        is_ready = wait_until(stage.portal.is_ready, seconds=BACK_SECONDS)
        stage.expect(is_ready, "the portal was not ready again")
        time.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))
        kill_portal(stage)


def kill_portal(stage: Stage) -> None:
    below = family(stage.portal.pid)
    stage.portal.kill()
    start_again(stage, below=below)


def wait_for_work(stage: Stage, name: str) -> None:
    """Until the child rested and then works; WORK_PATIENCE_SECONDS at most. One that has just started did not rest."""
    used, slices_rested = processor_seconds(stage, name), 0
    for _ in range(round(WORK_PATIENCE_SECONDS / SLICE_SECONDS)):
        time.sleep(SLICE_SECONDS)
        before, used = used, processor_seconds(stage, name)
        is_working = used - before >= WORK_SECONDS
        if is_working and slices_rested >= SLICES_OF_REST:
            return
        slices_rested = 0 if is_working else slices_rested + 1


def processor_seconds(stage: Stage, name: str) -> float:
    """What the child and all that it started used so far."""
    used = 0.0
    for pid in family(stage.portal.child(name)):
        with contextlib.suppress(psutil.Error):
            times = psutil.Process(pid).cpu_times()
            used += times.user + times.system
    return used


@contextmanager
def counted_by_prometheus(stage: Stage) -> Iterator[FinalCheck]:
    folder = stage.portal.folder / "prometheus"
    folder.mkdir(exist_ok=True)
    with running_prometheus(folder, target=f"127.0.0.1:{stage.portal.port}") as prometheus:
        yield partial(compare_counters, stage, prometheus)


def compare_counters(stage: Stage, prometheus: Prometheus, environment: str, truth: Truth) -> None:
    """The counters of accepted events are the rows of the table, and no counter fell between two samples.

    increase() would not do: it extrapolates to the ends of its range, and does not see a series' first value.
    """
    is_scraped = wait_until(
        partial(has_scraped_since, prometheus, time.time() + CACHE_SECONDS), seconds=SCRAPE_PATIENCE_SECONDS
    )
    stage.expect(is_scraped, "Prometheus did not scrape again")
    for counter in ACCEPTED:
        selected = counter.format(environment)
        counted = sum(value for _, value in prometheus.vector(f"sum({selected})"))
        stage.expect(counted == truth.rows, f"Prometheus has {counted:,.0f} of {truth.rows:,} in {selected}")
        changes = sum(value for _, value in prometheus.vector(f"sum(changes({selected}[{ALL_TIME}]))"))
        stage.expect(changes > 0, f"Prometheus did not see {selected} grow")
    stage.expect(not (fallen := fallen_counters(prometheus, environment)), f"fell: {', '.join(fallen)}")


def has_scraped_since(prometheus: Prometheus, moment: float) -> bool:
    """`moment` is a Unix time."""
    return any(stamp >= moment for _, stamp in prometheus.vector("timestamp(up) and up == 1"))


def fallen_counters(prometheus: Prometheus, environment: str) -> list[str]:
    """The counters of events that went back between two of the stored samples.

    Only those that come from the database have an environment; those of a process begin again with it.
    """
    chosen = f'{{environment="{environment}"}}'
    return [
        name
        for name in prometheus.get("label/__name__/values", **{"match[]": chosen})
        if name.endswith(COUNTER_ENDINGS) and prometheus.vector(f"resets({name}{chosen}[{ALL_TIME}]) > 0")
    ]
