"""The portal's own processes: what the supervisor wrote of them, and what the system says they use.

DATA_DIR/supervisor.json is {kind: {"up", "restarts", "backoff_seconds", "pid"}}, written by the process that
starts the others. Without the file (each process is started by something else) there are no samples.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psutil
from django.conf import settings
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric


@dataclass(frozen=True, slots=True)
class ProcessUsage:
    """CPU time of a process with that of its ended children, and its resident memory."""

    cpu_seconds: float
    resident_bytes: int


def process_families() -> Iterator[Metric]:
    """Whether each kind of worker is up, how often it was restarted, and what its processes use in total."""
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
    """Memory, CPU time and number of the processes of each worker, by the pid of its first process."""
    memory = GaugeMetricFamily(
        "portal_process_resident_memory_bytes",
        "Resident memory of its processes, added up.",
        labels=["worker"],
    )
    cpu = CounterMetricFamily("portal_process_cpu_seconds", "CPU time of its processes.", labels=["worker"])
    count = GaugeMetricFamily("portal_processes", "How many processes it is made of.", labels=["worker"])
    for worker, pid in pids.items():
        usages = read_tree(pid)
        if usages:
            memory.add_metric([worker], sum(usage.resident_bytes for usage in usages))
            cpu.add_metric([worker], sum(usage.cpu_seconds for usage in usages))
            count.add_metric([worker], len(usages))
    yield from (memory, cpu, count)


def read_supervisor() -> dict[str, dict[str, Any]]:
    """The supervisor's file; empty if there is none or it cannot be read as JSON."""
    try:
        workers = json.loads((settings.DATA_DIR / "supervisor.json").read_text())
    except (OSError, ValueError):
        return {}
    return {str(worker): state for worker, state in sorted(workers.items())}


def read_tree(pid: int) -> list[ProcessUsage]:
    """Usage of the process and of all its descendants; empty if the process has ended."""
    try:
        parent = psutil.Process(pid)
        tree = [parent, *parent.children(recursive=True)]
    except psutil.Error:
        return []
    return [usage for process in tree if (usage := read_usage(process))]


def read_usage(process: psutil.Process) -> ProcessUsage | None:
    """None for a process that has ended meanwhile, or that this user may not see."""
    try:
        with process.oneshot():
            cpu = process.cpu_times()
            resident_bytes = process.memory_info().rss
    except psutil.Error:
        return None
    cpu_seconds = cpu.user + cpu.system + cpu.children_user + cpu.children_system
    return ProcessUsage(cpu_seconds=cpu_seconds, resident_bytes=resident_bytes)
