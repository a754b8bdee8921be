"""The portal's own processes, as `manage.py portal` and the kernel tell of them.

DATA_DIR/supervisor.json is {kind: {"up", "restarts", "backoff_seconds", "pid"}}, written by the process that
starts the others. Where there is none (each process is started by something else), there is nothing to tell.
"""

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """What the kernel says of a process: its parent, its CPU time with that of dead children, its memory."""

    pid: int
    parent: int
    cpu_seconds: float
    resident_bytes: int


def process_families() -> Iterator[Metric]:
    """Whether each kind of worker is up, how often it was restarted, and what its processes use in all."""
    workers = read_supervisor()
    if not workers:
        return
    up = GaugeMetricFamily("portal_worker_up", "Whether the worker runs (1) or not (0).", labels=["worker"])
    restarts = CounterMetricFamily("portal_worker_restarts", "Times it was restarted.", labels=["worker"])
    backoff = GaugeMetricFamily(
        "portal_worker_backoff_seconds", "How long it waits before its next start.", labels=["worker"]
    )
    for worker, state in workers.items():
        up.add_metric([worker], float(state.get("up", False)))
        restarts.add_metric([worker], state.get("restarts", 0))
        backoff.add_metric([worker], state.get("backoff_seconds", 0))
    yield from (up, restarts, backoff)
    yield from usage_families({worker: state["pid"] for worker, state in workers.items() if state.get("pid")})


def usage_families(pids: Mapping[str, int]) -> Iterator[Metric]:
    """Memory, CPU time and number of the processes below (and with) each worker's pid."""
    memory = GaugeMetricFamily(
        "portal_process_resident_memory_bytes",
        "Resident memory of its processes, added up.",
        labels=["worker"],
    )
    cpu = CounterMetricFamily("portal_process_cpu_seconds", "CPU time of its processes.", labels=["worker"])
    count = GaugeMetricFamily("portal_processes", "How many processes it is made of.", labels=["worker"])
    processes = read_processes()
    for worker, pid in pids.items():
        tree = list(tree_of(pid, processes=processes))
        if tree:
            memory.add_metric([worker], sum(process.resident_bytes for process in tree))
            cpu.add_metric([worker], sum(process.cpu_seconds for process in tree))
            count.add_metric([worker], len(tree))
    yield from (memory, cpu, count)


def read_supervisor() -> dict[str, dict[str, Any]]:
    """The supervisor's file; empty when there is none or it is being written."""
    try:
        workers = json.loads((settings.DATA_DIR / "supervisor.json").read_text())
    except (OSError, ValueError):
        return {}
    return {str(worker): state for worker, state in sorted(workers.items())}


def read_processes() -> dict[int, Process]:
    """All processes that can be seen, by pid; empty where the kernel has no /proc."""
    pids = (int(entry.name) for entry in PROC.glob("[0-9]*"))
    return {process.pid: process for pid in pids if (process := read_process(pid))}


def read_process(pid: int) -> Process | None:
    """See proc(5), /proc/pid/stat. None for a process that has just ended."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The name, in parentheses, may hold spaces and parentheses itself; field 3 comes after its end.
    fields = stat.rpartition(")")[2].split()
    return Process(
        pid=pid,
        parent=int(fields[1]),
        cpu_seconds=sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK"),
        resident_bytes=int(fields[21]) * os.sysconf("SC_PAGE_SIZE"),
    )


def tree_of(pid: int, *, processes: Mapping[int, Process]) -> Iterator[Process]:
    """The process and all below it; nothing when it has ended."""
    children = children_by_parent(processes.values())
    waiting = [processes[pid]] if pid in processes else []
    while waiting:
        process = waiting.pop()
        yield process
        waiting.extend(children[process.pid])


def children_by_parent(processes: Iterable[Process]) -> Mapping[int, list[Process]]:
    children: dict[int, list[Process]] = defaultdict(list)
    for process in processes:
        children[process.parent].append(process)
    return children
