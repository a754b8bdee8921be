"""A scrape's answer as text: the families that processes count in memory, and those of the database."""

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.openmetrics.exposition import ALLOWUTF8
from prometheus_client.registry import Collector

from metrics.collector import Snapshot, snapshots
from metrics.families.stored import Exposed, StoredFamily, metric_of
from metrics.lines import Families, kept_lines, kept_texts
from metrics.processes import process_families
from telemetry import maintenance
from telemetry.counters.families import families
from telemetry.intake.instruments import DRY_RUN_FAMILY

OPENMETRICS = "application/openmetrics-text"
RECEIVED = "portal_events_received"

ToText = Callable[[Collector], bytes]
# Of a snapshot, and of the moment of the scrape, which may be a second later.
Gather = Callable[[Snapshot, datetime], Iterable[Exposed]]


def all_families(snapshot: Snapshot, now: datetime) -> Iterator[Exposed]:
    """Requests, tasks, the workbench, KPIs, and the state of the portal itself."""
    in_memory = {family.name: family for family in in_memory_families()}
    dry_runs = in_memory.pop(DRY_RUN_FAMILY, None)
    yield from in_memory.values()
    yield from snapshot.workbench
    yield from with_dry_runs(snapshot.portal, dry_runs=dry_runs)
    yield from process_families()
    yield maintenance_gauge(snapshot, now=now)
    yield collect_error(snapshot)


def workbench_families(snapshot: Snapshot, now: datetime) -> Iterator[Exposed]:
    """The workbench and KPI families; only portal_metrics_collect_error if they could not be read."""
    yield from snapshot.workbench
    if snapshot.has_failed:
        yield collect_error(snapshot)


def in_memory_families() -> Iterable[Metric]:
    """What all processes counted in memory, if they share a directory (PROMETHEUS_MULTIPROC_DIR); else this one."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY.collect()
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # It has no types.
    return registry.collect()


def with_dry_runs(exposed: Iterable[Exposed], *, dry_runs: Metric | None) -> Iterator[Exposed]:
    """The families, where the counts of dry runs are one more outcome of received events.

    Dry runs store nothing, so their counts start at zero with each process.
    """
    definition = families()["portal_events_received_total"]
    received = CounterMetricFamily(RECEIVED, definition.help)
    for family in exposed:
        if family.name == RECEIVED:
            received.samples += family.samples
        else:
            yield family
    for sample in dry_runs.samples if dry_runs else ():
        if sample.name.endswith("_total"):
            labels = {**sample.labels, "outcome": "dry_run"}
            received.add_sample(definition.name, labels, sample.value)
    yield received


def maintenance_gauge(snapshot: Snapshot, *, now: datetime) -> Metric:
    # Of now, as the counts of refused posts are: an alert on them is held back by this gauge of the same scrape.
    # A scrape waits for a database that does not answer once, and that was for the snapshot.
    is_on = maintenance.is_on(now=now, may_read=not snapshot.has_failed)
    return boolean_gauge("portal_maintenance", "Whether posts are refused for maintenance.", is_on)


def collect_error(snapshot: Snapshot) -> Metric:
    return boolean_gauge(
        "portal_metrics_collect_error", "Whether the database did not answer.", snapshot.has_failed
    )


def boolean_gauge(name: str, text: str, is_on: bool) -> Metric:
    return GaugeMetricFamily(name, text, value=float(is_on))


def expose(gather: Gather, *, accept: str, now: datetime) -> tuple[bytes, str]:
    """The families that `gather` makes of the database at `now`; see `encode`."""
    return encode(gather(snapshots.get(now=now), now), accept=accept)


def encode(exposed: Iterable[Exposed], *, accept: str) -> tuple[bytes, str]:
    """The families as text, and its content type.

    OpenMetrics 1.0 if the Accept header names that format, else Prometheus's own.
    """
    # The header itself goes no further: prometheus_client would repeat any version that it names.
    wanted = f"{OPENMETRICS}; version=1.0.0" if OPENMETRICS in accept else ""
    encoder, content_type = choose_encoder(wanted)
    # All names are plain ones, so there is nothing to escape. To look at each letter took a third of a scrape.
    to_text = partial(encoder, escaping=ALLOWUTF8)  # type: ignore[call-arg]  # Both encoders take it.
    # What ends a text in this format.
    end = to_text(Families(()))
    parts = (
        part.removesuffix(end)
        for family in exposed
        for part in text_parts(family, format=wanted, to_text=to_text)
    )
    return b"".join(parts) + end, content_type


def text_parts(family: Exposed, *, format: str, to_text: ToText) -> Iterator[bytes]:
    """The library writes every family; what did not change is what it wrote before."""
    if isinstance(family, StoredFamily):
        yield kept_texts.of_metric(metric_of(family.family, {}), format=format, to_text=to_text)
        yield kept_lines.of_family(family).encode()
    else:
        yield kept_texts.of_metric(family, format=format, to_text=to_text)
