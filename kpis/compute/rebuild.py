"""Rebuilds: KPI rows of a range of days, computed anew from the things and compared with the stored rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from kpis.compute.rollup import BUCKETS_PER_TRANSACTION, base_rows, lock_freshness, recompute
from kpis.days import day_start, reporting_zone
from kpis.models import KpiBucket, StoredGranularity
from telemetry.models import Environment
from workbench.buckets import Bucket, bucket_of, bucket_start


class RawEventsPruned(Exception):
    """The range begins before the moment from which raw events are kept, so its numbers stay as they are."""

    def __init__(self, *, environment: str, raw_kept_from: datetime) -> None:
        super().__init__(
            f"{environment} keeps raw events from {raw_kept_from.isoformat()} only. "
            "Numbers from before that moment stay as they are."
        )


@dataclass(frozen=True, slots=True)
class RebuildChanges:
    """How many base rows a rebuild adds, changes, removes, and leaves as they are."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0

    def __add__(self, other: "RebuildChanges") -> "RebuildChanges":
        return RebuildChanges(
            added=self.added + other.added,
            changed=self.changed + other.changed,
            removed=self.removed + other.removed,
            unchanged=self.unchanged + other.unchanged,
        )


def rebuild(*, environment: str, from_date: date, to_date: date, apply: bool) -> RebuildChanges:
    """Computes the days [from_date, to_date) of the reporting zone anew; writes only when `apply` is set.

    Safe to repeat and to interrupt. Raises RawEventsPruned when raw events of the range were pruned; what counts
    is what was pruned, not how long events are to be kept.
    """
    check_range(environment=environment, from_date=from_date)
    zone = reporting_zone()
    start, end = day_start(from_date, zone=zone), day_start(to_date, zone=zone)
    changes = RebuildChanges()
    for buckets in _portions(bucket_of(start), bucket_of(end)):
        changes += _rebuild_buckets(environment=environment, buckets=buckets, apply=apply)
    return changes


def check_range(*, environment: str, from_date: date) -> None:
    """Raises RawEventsPruned when the environment's raw events of that day, or of later ones, are gone."""
    start = day_start(from_date, zone=reporting_zone())
    raw_kept_from = Environment.objects.values_list("raw_kept_from", flat=True).get(name=environment)
    if raw_kept_from is not None and start < raw_kept_from:
        raise RawEventsPruned(environment=environment, raw_kept_from=raw_kept_from)


def _portions(first: Bucket, end: Bucket) -> Iterator[range]:
    for start in range(first, end, BUCKETS_PER_TRANSACTION):
        yield range(start, min(start + BUCKETS_PER_TRANSACTION, end))


def _rebuild_buckets(*, environment: str, buckets: range, apply: bool) -> RebuildChanges:
    with transaction.atomic():
        # The environment's rollup would replace the same rows, so one waits for the other.
        lock_freshness(environment, wait=True)
        changes = _compare(environment=environment, buckets=buckets)
        if apply:
            recompute(environment=environment, buckets=buckets)
    return changes


def _compare(*, environment: str, buckets: range) -> RebuildChanges:
    stored_rows = KpiBucket.objects.filter(
        environment=environment,
        granularity=StoredGranularity.BASE,
        period_start__gte=bucket_start(buckets.start),
        period_start__lt=bucket_start(buckets.stop),
    )
    stored = {_place(row): _content(row) for row in stored_rows}
    computed = {_place(row): _content(row) for row in base_rows(environment=environment, buckets=buckets)}
    shared = stored.keys() & computed.keys()
    changed = sum(stored[place] != computed[place] for place in shared)
    return RebuildChanges(
        added=len(computed.keys() - stored.keys()),
        changed=changed,
        removed=len(stored.keys() - computed.keys()),
        unchanged=len(shared) - changed,
    )


def _place(row: KpiBucket) -> tuple[str, datetime, str, str]:
    return row.kpi, row.period_start, row.dimension, row.value


def _content(row: KpiBucket) -> tuple[int, int, dict[str, int], int]:
    return row.numerator, row.denominator, row.histogram, row.definition_version
