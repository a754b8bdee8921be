"""A steady stream of small posts, and how long each waited for its answer."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from itertools import count as counter
from statistics import quantiles

from benchmarks import load
from benchmarks.ingest_batch import DOOR, recent_events
from benchmarks.report import Comparison

CONNECTIONS = 4


def prepared(*, key: str, count: int, seed: int) -> Iterator[bytes]:
    """Posts of one event each, none of them twice. `count` of them are made before any clock starts."""
    first = posts_of(recent_events(count, seed=seed), key=key)
    more = (posts_of(recent_events(count, seed=1_000_000 * number + seed), key=key) for number in counter(1))
    return chain(first, chain.from_iterable(more))


def posts_of(events: Sequence[bytes], *, key: str) -> list[bytes]:
    return [load.post_request(DOOR, body=event, key=key) for event in events]


def waits(requests: Iterator[bytes], *, port: int, rate: float, until: Callable[[], bool]) -> list[float]:
    """Seconds that each post waited, at `rate` posts a second over CONNECTIONS, until `until` says so.

    A post that is late because the one before waited counts from when it was due: no wait is left out.
    """
    lock = threading.Lock()
    began_at = time.perf_counter()
    every = CONNECTIONS / rate

    def work(number: int, connection: load.Connection) -> list[float]:
        waited: list[float] = []
        due = began_at + every * number / CONNECTIONS
        # Two at least, or there is no percentile.
        while len(waited) < 2 or not until():
            time.sleep(max(0.0, due - time.perf_counter()))
            with lock:
                request = next(requests)
            connection.ask(request)
            waited.append(time.perf_counter() - due)
            due += every
        return waited

    with load.connected(CONNECTIONS, port=port) as opened, ThreadPoolExecutor(CONNECTIONS) as threads:
        return [wait for some in threads.map(work, range(CONNECTIONS), opened) for wait in some]


def for_seconds(seconds: float) -> Callable[[], bool]:
    end = time.perf_counter() + seconds
    return lambda: time.perf_counter() >= end


@dataclass(kw_only=True)
class Turns:
    """Seconds that posts waited, a list for each turn. Turns with and without the work follow each other, A B A B,
    so that what slows the machine down for a while slows both.
    """

    without: list[list[float]] = field(default_factory=list)
    meanwhile: list[list[float]] = field(default_factory=list)

    def add(self, others: "Turns") -> None:
        self.without += others.without
        self.meanwhile += others.meanwhile

    def p99(self, name: str, *, bar: str = "") -> Comparison:
        """A ratio for each pair of turns."""
        return Comparison(
            name=name,
            unit="ms",
            bar=bar,
            portal=[p99_ms(waited) for waited in self.meanwhile],
            reference=[p99_ms(waited) for waited in self.without],
        )

    def longest(self, name: str) -> Comparison:
        """The longest waits of all turns."""
        return Comparison(
            name=name, unit="ms", portal=[longest_ms(self.meanwhile)], reference=[longest_ms(self.without)]
        )


def p99_ms(waited: Sequence[float]) -> float:
    return quantiles(waited, n=100)[98] * 1000


def longest_ms(turns: Iterable[Sequence[float]]) -> float:
    return max(wait for waited in turns for wait in waited) * 1000


def in_turns(
    requests: Iterator[bytes], *, port: int, rate: float, seconds: float, work: Callable[[], bool]
) -> Turns:
    """Posts for so many seconds, then while `work` works, and so on until `work` says that nothing is left of it.

    `work` takes about as many seconds at a time. What it does in its last turn may be short, and is left out.
    """
    turns = Turns()
    # What the first posts wait for happens once.
    waits(requests, port=port, rate=rate, until=for_seconds(seconds))
    is_left = True
    while is_left:
        without = waits(requests, port=port, rate=rate, until=for_seconds(seconds))
        with ThreadPoolExecutor(1) as threads:
            working = threads.submit(work)
            meanwhile = waits(requests, port=port, rate=rate, until=working.done)
            is_left = working.result()
        if is_left or not turns.without:
            turns.without.append(without)
            turns.meanwhile.append(meanwhile)
    return turns
