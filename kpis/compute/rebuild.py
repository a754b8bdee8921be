"""Rebuilds: KPI rows of a range of days, computed anew from the things and compared with the stored rows."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime

from django.db import transaction

from audit import trail
from audit.models import Verb
from kpis.compute.funnel import FunnelPlace, measure_funnel
from kpis.compute.later_changes import closed_days, noted
from kpis.compute.measures import MeasuredRanges
from kpis.compute.rollup import (
    BUCKETS_PER_TRANSACTION,
    BucketRow,
    base_rows,
    lock_freshness,
    ranges_of,
    recompute,
)
from kpis.compute.usage import SUMS, UsagePlace, measure_usage
from kpis.compute.users import measure_users
from kpis.days import day_start, reporting_zone
from kpis.models import FunnelBucket, KpiBucket, StoredGranularity, UsageBucket, UsersBucket
from telemetry.models import Environment, Erasure
from workbench.buckets import Bucket, bucket_of, bucket_start
from workbench.models import ChangeCause


class RawEventsPruned(Exception):
    """The range begins before the moment from which raw events or things are kept, so its numbers stay."""

    def __init__(self, *, environment: str, raw_kept_from: datetime) -> None:
        super().__init__(
            f"{environment} keeps raw events from {raw_kept_from.isoformat()} only. "
            "Numbers from before that moment stay as they are."
        )


class ErasureAtWork(Exception):
    """An erasure is between its steps, so a number that is computed now would count half of it."""

    def __init__(self, environment: str) -> None:
        super().__init__(f"A subject of {environment} is being erased. Rebuild when the erasure is done.")


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


def rebuild(
    *, environment: str, from_date: date, to_date: date, apply: bool, now: datetime
) -> RebuildChanges:
    """Computes the days [from_date, to_date) of the reporting zone anew; writes only when `apply` is set.

    What is written is noted in the audit: when it begins, and with its numbers when it ends; what changes of days that
    are over is a LaterChange too. Safe to repeat and to interrupt. Raises RawEventsPruned when raw events of the range
    were pruned; what counts is what was pruned, not how long events are to be kept. Raises ErasureAtWork while a
    subject of the environment is being erased.
    """
    check_range(environment=environment, from_date=from_date)
    zone = reporting_zone()
    start, end = day_start(from_date, zone=zone), day_start(to_date, zone=zone)
    days = {"from": from_date.isoformat(), "to": to_date.isoformat()}
    if apply:
        _note(environment, {"state": "begun", **days})
    changes = RebuildChanges()
    for buckets in _portions(bucket_of(start), bucket_of(end)):
        changes += _rebuild_buckets(environment=environment, buckets=buckets, apply=apply, now=now)
    if apply:
        _note(environment, {"state": "done", **days, **asdict(changes)})
    return changes


def _note(environment: str, details: dict[str, str | int]) -> None:
    trail.note(Verb.REBUILT, subject=Environment.objects.get(name=environment), details=details)


def check_range(*, environment: str, from_date: date) -> None:
    """Raises what `rebuild` raises for the days from that one on, as things stand now."""
    _check(Environment.objects.get(name=environment), start=day_start(from_date, zone=reporting_zone()))


def _check(environment: Environment, *, start: datetime) -> None:
    for kept_from in (environment.raw_kept_from, environment.things_kept_from):
        if kept_from is not None and start < kept_from:
            raise RawEventsPruned(environment=environment.name, raw_kept_from=kept_from)
    if Erasure.objects.half_done().filter(environment=environment).exists():
        raise ErasureAtWork(environment.name)


def _portions(first: Bucket, end: Bucket) -> Iterator[range]:
    for start in range(first, end, BUCKETS_PER_TRANSACTION):
        yield range(start, min(start + BUCKETS_PER_TRANSACTION, end))


def _rebuild_buckets(*, environment: str, buckets: range, apply: bool, now: datetime) -> RebuildChanges:
    with transaction.atomic():
        # The environment's rollup would replace the same rows, so one waits for the other.
        freshness = lock_freshness(environment, wait=True)
        # Retention and erasures, which take the same lock, must not remove things of these buckets meanwhile.
        row = Environment.objects.select_for_update(no_key=True).get(name=environment)
        _check(row, start=bucket_start(buckets.start))
        changes = _compare(environment=environment, buckets=buckets)
        if apply:
            starts = [bucket_start(bucket) for bucket in buckets]
            days = closed_days(starts, computed_until=freshness.computed_until if freshness else None)
            causes = dict.fromkeys(days, ChangeCause.REBUILD)
            with noted(environment=environment, causes=causes, now=now):
                recompute(environment=environment, buckets=buckets)
    return changes


def _compare(*, environment: str, buckets: range) -> RebuildChanges:
    within = ranges_of(buckets, environment=environment)
    stored = _contents(
        [
            *_stored(KpiBucket, within=within),
            *_stored(UsageBucket, within=within),
            *_stored(FunnelBucket, within=within),
            *_stored(UsersBucket, within=within),
        ]
    )
    computed = _contents(
        [
            *base_rows(within),
            *measure_usage(within),
            *measure_funnel(within),
            *measure_users(within),
        ]
    )
    shared = stored.keys() & computed.keys()
    changed = sum(stored[place] != computed[place] for place in shared)
    return RebuildChanges(
        added=len(computed.keys() - stored.keys()),
        changed=changed,
        removed=len(stored.keys() - computed.keys()),
        unchanged=len(shared) - changed,
    )


def _stored(model: type[BucketRow], *, within: MeasuredRanges) -> Iterable[BucketRow]:
    """The base rows of the ranges, which are one."""
    [(start, end)] = within.ranges
    return model._default_manager.filter(
        environment=within.environment,
        granularity=StoredGranularity.BASE,
        period_start__gte=start,
        period_start__lt=end,
    )


Content = tuple[tuple[object, ...], tuple[object, ...]]


def _contents(
    rows: Iterable[KpiBucket | UsageBucket | FunnelBucket | UsersBucket],
) -> dict[tuple[object, ...], tuple[object, ...]]:
    """What each row counts, by its place."""
    return dict(map(_content, rows))


def _content(row: KpiBucket | UsageBucket | FunnelBucket | UsersBucket) -> Content:
    match row:
        case KpiBucket():
            return _kpi_content(row)
        case UsageBucket():
            return _usage_content(row)
        case UsersBucket():
            return ("users", row.period_start), (bytes(row.sketch),)
    return _funnel_content(row)


def _kpi_content(row: KpiBucket) -> Content:
    place = (row.kpi, row.period_start, row.dimension, row.value)
    return place, (row.numerator, row.denominator, row.histogram, row.definition_version)


def _usage_content(row: UsageBucket) -> Content:
    place = (row.period_start, *(getattr(row, name) for name in UsagePlace._fields))
    return ("usage", *place), (row.histogram, row.error_types, *(getattr(row, name) for name in SUMS))


def _funnel_content(row: FunnelBucket) -> Content:
    place = (row.period_start, *(getattr(row, name) for name in FunnelPlace._fields))
    return ("funnel", *place), (row.sessions, row.microseconds, row.histogram)
