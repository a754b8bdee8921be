"""The rollup: computes the buckets that folds touched anew, and notes how far each environment is computed.

A bucket's rows are replaced by what its things say now. So the rollup may run at any time, and any number of times.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Min, Sum

from kpis import histogram
from kpis.compute.cumulative import raise_totals
from kpis.compute.funnel import measure_funnel, sum_funnel
from kpis.compute.instruments import rollup_seconds
from kpis.compute.later_changes import causes_of, noted
from kpis.compute.measures import MEASURES, MeasuredRanges, MeasuredRow, measure
from kpis.compute.usage import measure_usage, sum_days
from kpis.compute.users import measure_users, sum_users
from kpis.days import day_start, local_day, reporting_zone
from kpis.models import (
    EXCLUDED,
    EnteredCount,
    Freshness,
    FunnelBucket,
    KpiBucket,
    StoredGranularity,
    UsageBucket,
    UsersBucket,
)
from kpis.registry import REGISTRY, Kind, Kpi
from telemetry.models import Arrival, Environment, Erasure
from web.tracing import spans
from workbench.buckets import BASE_BUCKET, Bucket, bucket_of, bucket_start, mark_touched
from workbench.costs import usd_per_minute
from workbench.dialect import current
from workbench.fold import pending
from workbench.isolation import Isolated
from workbench.models import ChangeCause, Session, TouchedBucket

logger = logging.getLogger(__name__)

# Buckets in one transaction. The limit bounds memory, and the time for which the environment's rollup is locked.
BUCKETS_PER_TRANSACTION = 200

# Clocks of two machines may differ by this much.
CLOCKS_APART = timedelta(minutes=1)

# (dimension, value) of the row that is not broken down.
WHOLE = ("", "")

BucketRow = TypeVar("BucketRow", KpiBucket, UsageBucket, FunnelBucket, UsersBucket)


def bring_up_to_date(*, now: datetime, wait: bool = False) -> None:
    """Folds all pending arrivals, computes all touched buckets, and moves computed_until up to now.

    Safe to repeat and to run twice at once: an environment that another process is working on is left to it,
    unless `wait` is set. An environment that cannot be brought up to date does not stop the others; afterwards an
    ExceptionGroup says what went wrong.
    """
    with Isolated("not every environment could be brought up to date") as isolated:
        with isolated.step(), rollup_seconds.labels("fold").time():
            pending.fold_pending(now=now, wait=wait)
        for environment in Environment.names():
            with isolated.step():
                roll_up(environment=environment, now=now, wait=wait)


def roll_up(*, environment: str, now: datetime, wait: bool = False) -> None:
    """Computes the environment's touched buckets; afterwards its KPIs are computed until now.

    Where arrivals are still pending, they are computed until the oldest of these was received.
    """
    while roll_up_batch(environment=environment, now=now, wait=wait):
        pass


def mark_day(*, environment: str, date: date) -> None:
    """Asks the rollup to compute the bucket at the start of that day of the reporting zone (see EnteredCount)."""
    mark_touched(
        environment=environment,
        buckets=[bucket_of(day_start(date, zone=reporting_zone()))],
        cause=ChangeCause.ENTERED_COUNT,
    )


def roll_up_batch(*, environment: str, now: datetime, wait: bool) -> bool:
    """Computes up to BUCKETS_PER_TRANSACTION touched buckets in one transaction; True when more may be touched.

    False also when another process rolls the environment up and `wait` is not set, and during an erasure.
    """
    with transaction.atomic():
        freshness = lock_freshness(environment, wait=wait)
        if freshness is None:
            return False
        # No KPI shows half an erasure: the numbers stay as they are until all of it is done.
        erasures = Erasure.objects.filter(environment=environment)
        if erasures.half_done().exists():
            return False
        begun = erasures.begun().count()
        if freshness.time_zone != settings.REPORTING_TIME_ZONE:
            _change_zone(freshness)
        if not freshness.has_usage:
            _mark_past(freshness)
        if not (freshness.has_funnel and freshness.has_users):
            _mark_past_sessions(freshness)
        # First what is pending, then what is touched: a fold that commits in between is pending here, so
        # computed_until stops before it.
        arrivals = Arrival.objects.pending().filter(environment=environment)
        oldest_pending = arrivals.aggregate(oldest=Min("received_at"))["oldest"]
        starts = _touched(environment)
        causes = causes_of(environment=environment, starts=starts, computed_until=freshness.computed_until)
        buckets = _take(environment, starts)
        with (
            rollup_seconds.labels("rollup").time(),
            roll_up_span(environment, buckets=len(buckets)),
            noted(environment=environment, causes=causes, now=now),
        ):
            recompute(environment=environment, buckets=_computable(environment, buckets))
        has_more = len(buckets) == BUCKETS_PER_TRANSACTION
        if not has_more:
            freshness.computed_until = _until(now, oldest_pending, freshness.computed_until)
        freshness.save()
        if erasures.begun().count() != begun:
            # One began meanwhile, and some of its steps may be in these numbers. They wait for all of it.
            transaction.set_rollback(True)
            return False
    return has_more


def roll_up_span(environment: str, *, buckets: int) -> AbstractContextManager[None]:
    return spans.span("roll up", attributes={"portal.environment": environment, "portal.buckets": buckets})


def lock_freshness(environment: str, *, wait: bool) -> Freshness | None:
    """The environment's freshness, locked until the transaction ends. Whoever replaces KPI rows must hold it.

    None when another process holds it and `wait` is not set.
    """
    Freshness.objects.get_or_create(
        environment=environment,
        defaults={
            "time_zone": settings.REPORTING_TIME_ZONE,
            "has_usage": True,
            "has_funnel": True,
            "has_users": True,
        },
    )
    return Freshness.objects.select_for_update(skip_locked=not wait).filter(environment=environment).first()


def _until(now: datetime, oldest_pending: datetime | None, computed_until: datetime | None) -> datetime:
    """The new computed_until. It never goes back: what readers have seen as computed stays computed.

    The exception is a moment that has not come yet: the clock was ahead when it was written.
    """
    until = min(now, oldest_pending) if oldest_pending else now
    if computed_until and computed_until > now + CLOCKS_APART:
        logger.warning("Computed until a moment in the future by %s; mended.", computed_until - now)
        return until
    return max(until, computed_until) if computed_until else until


def _touched(environment: str) -> list[datetime]:
    """Starts of the earliest touched buckets, as many as a transaction computes."""
    # Index: touched_bucket_environment (bucket_start, environment).
    rows = TouchedBucket.objects.filter(environment=environment).order_by("bucket_start")
    return list(rows.values_list("bucket_start", flat=True).distinct()[:BUCKETS_PER_TRANSACTION])


def _take(environment: str, starts: Sequence[datetime]) -> list[Bucket]:
    """The touched buckets that begin there; their marks are deleted.

    They are deleted before the buckets are computed. What a fold marks from then on stays for the next time.
    """
    TouchedBucket.objects.filter(environment=environment, bucket_start__in=starts).delete()
    return [bucket_of(start) for start in starts]


def _computable(environment: str, buckets: Sequence[Bucket]) -> list[Bucket]:
    """Those whose things are all kept. The rows of earlier ones stay what they were when retention began there."""
    kept_from = (
        Environment.objects.filter(name=environment).values_list("things_kept_from", flat=True).first()
    )
    return [bucket for bucket in buckets if kept_from is None or bucket_start(bucket) >= kept_from]


def recompute(*, environment: str, buckets: Iterable[Bucket]) -> None:
    """Replaces the rows of the buckets, and of the days that they lie in, in the caller's transaction."""
    buckets = sorted(set(buckets))
    if not buckets:
        return
    zone = reporting_zone()
    within = ranges_of(buckets, environment=environment)
    starts = [bucket_start(bucket) for bucket in buckets]
    base = StoredGranularity.BASE
    replace_rows(KpiBucket, base_rows(within), environment=environment, granularity=base, starts=starts)
    replace_rows(UsageBucket, measure_usage(within), environment=environment, granularity=base, starts=starts)
    replace_rows(
        FunnelBucket, measure_funnel(within), environment=environment, granularity=base, starts=starts
    )
    replace_rows(UsersBucket, measure_users(within), environment=environment, granularity=base, starts=starts)
    recompute_days(
        environment=environment, days={local_day(bucket_start(bucket), zone=zone) for bucket in buckets}
    )
    raise_totals(environment=environment)


def ranges_of(buckets: Sequence[Bucket], *, environment: str) -> MeasuredRanges:
    """Where to measure, for the buckets. They are sorted, each once."""
    return MeasuredRanges(
        environment=environment,
        ranges=_ranges(buckets),
        zone=reporting_zone(),
        cost_usd_per_minute=usd_per_minute(),
    )


def base_rows(within: MeasuredRanges) -> list[KpiBucket]:
    """The KPI rows of the ranges as the things now say; unsaved."""
    rows: list[KpiBucket] = []
    for slug in MEASURES:
        rows += _rows(REGISTRY[slug], environment=within.environment, measured=measure(slug, within=within))
    return rows


def _ranges(buckets: Sequence[Bucket]) -> list[tuple[datetime, datetime]]:
    """Half-open ranges that hold exactly the sorted buckets; neighbours become one range."""
    ranges: list[tuple[datetime, datetime]] = []
    for bucket in buckets:
        start = bucket_start(bucket)
        if ranges and ranges[-1][1] == start:
            ranges[-1] = (ranges[-1][0], start + BASE_BUCKET)
        else:
            ranges.append((start, start + BASE_BUCKET))
    return ranges


@dataclass
class RowContent:
    """What a KPI row counts, while it is added up; the histogram is None but for durations."""

    numerator: int = 0
    denominator: int = 0
    histogram: dict[int, int] | None = None

    def add(self, row: MeasuredRow) -> None:
        self.numerator += row.numerator
        self.denominator += row.denominator
        if row.bin is not None:
            self.histogram = self.histogram or {}
            self.histogram[row.bin] = self.histogram.get(row.bin, 0) + row.denominator


def _rows(kpi: Kpi, *, environment: str, measured: Iterable[MeasuredRow]) -> list[KpiBucket]:
    contents: defaultdict[tuple[Bucket, str, str], RowContent] = defaultdict(RowContent)
    for row in measured:
        places = [(EXCLUDED, row.excluded)] if row.excluded else [WHOLE, *row.dimensions]
        for dimension, value in places:
            contents[row.bucket, dimension, value].add(row)
    return [
        _row(
            kpi,
            environment=environment,
            granularity=StoredGranularity.BASE,
            start=bucket_start(bucket),
            dimension=dimension,
            value=value,
            content=content,
        )
        for (bucket, dimension, value), content in contents.items()
        if content.numerator or content.denominator
    ]


def _row(
    kpi: Kpi,
    *,
    environment: str,
    granularity: StoredGranularity,
    start: datetime,
    dimension: str,
    value: str,
    content: RowContent,
) -> KpiBucket:
    return KpiBucket(
        kpi=kpi.slug,
        persona=kpi.persona,
        environment=environment,
        granularity=granularity,
        period_start=start,
        dimension=dimension,
        value=value,
        numerator=content.numerator,
        denominator=content.denominator,
        # Sorted, so that equal histograms are equal rows.
        histogram={str(key): bins for key, bins in sorted((content.histogram or {}).items())},
        definition_version=kpi.version,
    )


def recompute_days(*, environment: str, days: Iterable[date]) -> None:
    """Replaces the day rows by the sums of their base rows, in the caller's transaction."""
    zone = reporting_zone()
    rows: list[KpiBucket] = []
    usage: list[UsageBucket] = []
    funnel: list[FunnelBucket] = []
    users: list[UsersBucket] = []
    starts: list[datetime] = []
    for day in sorted(days):
        start, end = day_start(day, zone=zone), day_start(day + timedelta(days=1), zone=zone)
        starts.append(start)
        rows += _day_rows(environment=environment, start=start, end=end)
        usage += sum_days(environment=environment, start=start, end=end)
        funnel += sum_funnel(environment=environment, start=start, end=end)
        users += sum_users(environment=environment, start=start, end=end)
    granularity = StoredGranularity.DAY
    replace_rows(KpiBucket, rows, environment=environment, granularity=granularity, starts=starts)
    replace_rows(UsageBucket, usage, environment=environment, granularity=granularity, starts=starts)
    replace_rows(FunnelBucket, funnel, environment=environment, granularity=granularity, starts=starts)
    replace_rows(UsersBucket, users, environment=environment, granularity=granularity, starts=starts)


def _day_rows(*, environment: str, start: datetime, end: datetime) -> list[KpiBucket]:
    base = KpiBucket.objects.filter(
        environment=environment,
        granularity=StoredGranularity.BASE,
        period_start__gte=start,
        period_start__lt=end,
    )
    key = ("kpi", "dimension", "value")
    contents = {
        (kpi, dimension, value): RowContent(numerator=int(numerator), denominator=int(denominator))
        for kpi, dimension, value, numerator, denominator in base.values_list(*key).annotate(
            Sum("numerator"), Sum("denominator")
        )
    }
    histograms: defaultdict[tuple[str, str, str], list[dict[int, int]]] = defaultdict(list)
    durations = base.filter(kpi__in=[kpi.slug for kpi in REGISTRY.values() if kpi.kind is Kind.DURATION])
    for *place, bins in durations.values_list(*key, "histogram"):
        histograms[tuple(place)].append({int(bin_index): count for bin_index, count in bins.items()})
    for place, stored_histograms in histograms.items():
        contents[place].histogram = histogram.merge(stored_histograms)
    return [
        _row(
            REGISTRY[kpi],
            environment=environment,
            granularity=StoredGranularity.DAY,
            start=start,
            dimension=dimension,
            value=value,
            content=content,
        )
        for (kpi, dimension, value), content in contents.items()
        if kpi in REGISTRY
    ]


def _change_zone(freshness: Freshness) -> None:
    """Replaces the day rows of the zone before by those of the reporting zone.

    Entered counts move with the start of their day, so the buckets that they leave and enter are touched.
    """
    environment, zone = freshness.environment, reporting_zone()
    dates = set(EnteredCount.objects.filter(environment=environment).values_list("date", flat=True))
    zones = (ZoneInfo(freshness.time_zone), zone)
    moved = {bucket_of(day_start(date, zone=day_zone)) for date in dates for day_zone in zones}
    mark_touched(environment=environment, buckets=moved, cause=ChangeCause.REBUILD)
    starts: set[datetime] = set()
    for model in (KpiBucket, UsageBucket, FunnelBucket, UsersBucket):
        rows = model._default_manager.filter(environment=environment)
        rows.filter(granularity=StoredGranularity.DAY).delete()
        base = rows.filter(granularity=StoredGranularity.BASE)
        starts.update(base.values_list("period_start", flat=True).distinct())
    recompute_days(environment=environment, days={local_day(start, zone=zone) for start in starts})
    freshness.time_zone = settings.REPORTING_TIME_ZONE


def _mark_past(freshness: Freshness) -> None:
    """Marks every bucket that has rows: they are from before usage was kept, so it is computed for them now."""
    base = KpiBucket.objects.filter(environment=freshness.environment, granularity=StoredGranularity.BASE)
    starts = base.values_list("period_start", flat=True).distinct()
    mark_touched(
        environment=freshness.environment,
        buckets=[bucket_of(start) for start in starts],
        cause=ChangeCause.REBUILD,
    )
    freshness.has_usage = True


def _mark_past_sessions(freshness: Freshness) -> None:
    """Marks every bucket in which a session started: the funnel or the users were not kept. Retention's limit holds."""
    bucket = current().bucket("started_at")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT {bucket} FROM {Session._meta.db_table}"  # noqa: S608  # Its parts are names of ours.
            " WHERE environment = %s AND started_at IS NOT NULL",
            [freshness.environment],
        )
        buckets = [number for (number,) in cursor.fetchall()]
    mark_touched(environment=freshness.environment, buckets=buckets, cause=ChangeCause.REBUILD)
    freshness.has_funnel = freshness.has_users = True


def replace_rows(
    model: type[BucketRow],
    rows: Sequence[BucketRow],
    *,
    environment: str,
    granularity: StoredGranularity,
    starts: Sequence[datetime],
) -> None:
    """Deletes the rows of the periods that begin at `starts`, and inserts the given ones in their place."""
    # Indexes: kpi_bucket_period, usage_bucket_unique, funnel_bucket_unique, users_bucket_unique (environment,
    # granularity, period_start, …).
    model._default_manager.filter(
        environment=environment, granularity=granularity, period_start__in=starts
    ).delete()
    model._default_manager.bulk_create(rows, batch_size=2000)
