"""(e) Memory of every process of the embedded portal while a million events pass its door and are folded.

Proportional set size (PSS, see proc(5), smaps_rollup): what processes share is counted once.
"""

import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks import load
from benchmarks.events import make_bodies, make_events
from benchmarks.ingest_batch import CONNECTIONS, DOOR, EVENTS_A_POST
from benchmarks.options import Options
from benchmarks.report import Comparison
from benchmarks.servers import Databases, NotStarted, environment, free_port, manage, running

TITLE = "(e) memory of the embedded portal (PSS)"
PROC = Path("/proc")
# Made at a time, so that the client needs little memory itself.
EVENTS_A_CHUNK = 50_000
FOLD_SECONDS = 600
LOOK_SECONDS = 0.5
BYTES_A_MEGABYTE = 1_000_000


@dataclass(kw_only=True)
class Portal:
    """A running portal; `most` is the most memory, in MB, that all its processes used together when looked at."""

    pid: int
    port: int
    key: str
    data_dir: Path
    most: float = 0.0
    sent: int = 0

    def look(self) -> dict[str, float]:
        """MB of each process, by a name for people."""
        megabytes_by_process = memory_by_process(self.pid, data_dir=self.data_dir)
        self.most = max(self.most, sum(megabytes_by_process.values()))
        return megabytes_by_process


def run(options: Options, databases: Databases) -> list[Comparison]:
    with embedded_portal() as portal:
        samples = {}
        for events in options.memory_samples:
            fill(portal, until=events)
            samples[events] = portal.look()
    totals = {events: sum(sample.values()) for events, sample in samples.items()}
    first, *_, last = totals
    lines = [megabytes(f"{name}, after {last:,}", value) for name, value in samples[last].items()]
    all_of_them = [
        megabytes(f"all, after {events:,}", value, bar="<= 400") for events, value in totals.items()
    ]
    most = megabytes("all, the most that was seen", portal.most, bar="<= 400")
    growth = megabytes(f"all, after {last:,} against {first:,}", totals[last], bar="<= 1.1")
    growth.reference = [totals[first]]
    return [*lines, *all_of_them, most, growth]


def megabytes(name: str, value: float, *, bar: str = "") -> Comparison:
    return Comparison(name=name, unit="MB", bar=bar, portal=[value])


@contextmanager
def embedded_portal() -> Iterator[Portal]:
    """`manage.py portal` as it is out of the box, without demo data."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        variables = environment(data_dir=folder, port=port)
        with running([sys.executable, "manage.py", "portal"], variables, port=port) as process:
            key = manage(
                *("create_key", "--scope", "ingest", "--environment", "production", "--source", "bench"),
                variables=variables,
            )
            yield Portal(pid=process.pid, port=port, key=key, data_dir=Path(folder))


def fill(portal: Portal, *, until: int) -> None:
    """Posts events until so many have been sent in all, and waits until all of them are folded."""
    while portal.sent < until:
        count = min(EVENTS_A_CHUNK, until - portal.sent)
        now = datetime.now(UTC)
        events = make_events(count, seed=portal.sent, start=now - timedelta(days=7), end=now)
        bodies = make_bodies(events, size=EVENTS_A_POST)
        posts = [load.post_request(DOOR, body=body, key=portal.key) for body in bodies]
        _, accepted = load.post_all(posts, port=portal.port, connections=CONNECTIONS)
        if accepted != count:
            raise load.UnexpectedAnswer(f"{accepted} of {count} events were accepted")
        portal.sent += count
        portal.look()
    wait_until_folded(portal)
    load.scrape(port=portal.port)


def wait_until_folded(portal: Portal) -> None:
    """Raises NotStarted when arrivals are still pending after FOLD_SECONDS."""
    deadline = time.monotonic() + FOLD_SECONDS
    while pending_arrivals(portal):
        if time.monotonic() > deadline:
            raise NotStarted("the scheduler does not fold what came in")
        portal.look()
        time.sleep(LOOK_SECONDS)


def pending_arrivals(portal: Portal) -> int:
    url = f"file:{portal.data_dir / 'portal.sqlite3'}?mode=ro"
    with closing(sqlite3.connect(url, uri=True, timeout=20)) as connection:
        query = "SELECT count(*) FROM telemetry_arrival WHERE taken_at IS NULL"
        return int(connection.execute(query).fetchone()[0])


def memory_by_process(supervisor: int, *, data_dir: Path) -> dict[str, float]:
    """MB of the supervisor and of each process below it, as "web 1", "web 2", … in the order of their ids."""
    parents = parent_by_pid()
    state = json.loads((data_dir / "supervisor.json").read_text(encoding="utf-8"))
    by_process = {"supervisor": pss(supervisor)}
    for name, child in state.items():
        pids = sorted(pid for pid in parents if child["pid"] in ancestry(pid, parents=parents))
        by_process |= {f"{name} {index}": pss(pid) for index, pid in enumerate(pids, start=1)}
    return by_process


def ancestry(pid: int, *, parents: dict[int, int]) -> Iterator[int]:
    """The process, its parent, and so on."""
    while pid:
        yield pid
        pid = parents.get(pid, 0)


def parent_by_pid() -> dict[int, int]:
    parents = {}
    for entry in PROC.glob("[0-9]*"):
        try:
            # The name, in parentheses, may hold anything; the parent is the second field after it.
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    return parents


def pss(pid: int) -> float:
    """MB; 0 for a process that has just ended."""
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    kilobytes = next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return kilobytes * 1024 / BYTES_A_MEGABYTE
