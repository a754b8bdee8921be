"""A scrape's answer: the families of this and the other processes, and those of the database, as text."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from metrics.collector import Snapshot, snapshots
from metrics.processes import process_families
from telemetry.counters.families import FAMILIES
from telemetry.intake.instruments import DRY_RUN_FAMILY
from web import maintenance

OPENMETRICS = "application/openmetrics-text"
RECEIVED = "portal_events_received"

Gather = Callable[[Snapshot], Iterable[Metric]]


@dataclass(frozen=True)
class Families:
    """Metric families in the form that prometheus_client's encoders ask for."""

    families: Iterable[Metric]

    def collect(self) -> Iterable[Metric]:
        return self.families


def everything(snapshot: Snapshot) -> Iterator[Metric]:
    """Everything: requests, the workbench, KPIs, and the portal's own health."""
    own = {family.name: family for family in own_families()}
    dry_runs = own.pop(DRY_RUN_FAMILY, None)
    yield from own.values()
    yield from snapshot.workbench
    yield from with_dry_runs(snapshot.portal, dry_runs=dry_runs)
    yield from process_families()
    yield switch("portal_maintenance", "Whether posts are refused for maintenance.", maintenance.is_on())
    yield collect_error(snapshot)


def workbench_alone(snapshot: Snapshot) -> Iterator[Metric]:
    """The workbench and KPI families alone; where they could not be read, only the sign of that."""
    yield from snapshot.workbench
    if snapshot.has_failed:
        yield collect_error(snapshot)


def own_families() -> Iterable[Metric]:
    """What processes count in their memory: of all of them where they share a directory, else of this one."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY.collect()
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry.collect()


def with_dry_runs(families: Iterable[Metric], *, dry_runs: Metric | None) -> Iterator[Metric]:
    """The families, with the dry runs' counts as an outcome of the received events.

    Nothing of a dry run is stored, so its counts begin anew with the processes.
    """
    definition = FAMILIES["portal_events_received_total"]
    received = CounterMetricFamily(RECEIVED, definition.help)
    for family in families:
        if family.name == RECEIVED:
            received.samples += family.samples
        else:
            yield family
    for sample in dry_runs.samples if dry_runs else ():
        if sample.name.endswith("_total"):
            labels = {**sample.labels, "outcome": "dry_run"}
            received.add_sample(definition.name, labels, sample.value)
    yield received


def collect_error(snapshot: Snapshot) -> Metric:
    return switch("portal_metrics_collect_error", "Whether the database did not answer.", snapshot.has_failed)


def switch(name: str, text: str, is_on: bool) -> Metric:
    return GaugeMetricFamily(name, text, value=float(is_on))


def expose(gather: Gather, *, accept: str, now: datetime) -> tuple[bytes, str]:
    """The families as text and its content type: OpenMetrics 1.0 if the Accept header names it, else
    Prometheus's own format.

    The header goes no further: prometheus_client would repeat what it says of versions.
    """
    wanted = f"{OPENMETRICS}; version=1.0.0" if OPENMETRICS in accept else ""
    encode, content_type = choose_encoder(wanted)
    return encode(Families(gather(snapshots.get(now=now)))), content_type
