"""Notes what a recomputation changes of days that were over and shown: before, after, and why."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

from kpis import histogram
from kpis.days import day_start, local_day, reporting_zone
from kpis.models import KpiBucket, LaterChange, StoredGranularity
from kpis.registry import REGISTRY, Kind, Kpi
from kpis.values import value_of
from workbench.models import ChangeCause, TouchedBucket

# Of several causes of one recomputation the first is noted: the difference cannot be told apart.
CAUSES_BY_PRIORITY = (
    ChangeCause.ERASURE,
    ChangeCause.REPLAY,
    ChangeCause.ENTERED_COUNT,
    ChangeCause.LATE_EVENTS,
    ChangeCause.REBUILD,
)
AFTER = ("last_changed_at", "numerator_after", "denominator_after", "value_after")


@dataclass(frozen=True, slots=True)
class DayFigures:
    """A day of a whole KPI as it is stored. `version` is the definition's; 0 where nothing is stored."""

    numerator: int = 0
    denominator: int = 0
    value: float | None = None
    version: int = 0

    def shows_the_same(self, other: "DayFigures") -> bool:
        """A version is not shown."""
        return (self.numerator, self.denominator, self.value) == (
            other.numerator,
            other.denominator,
            other.value,
        )


NOTHING = DayFigures()


@contextmanager
def noted(*, environment: str, causes: Mapping[date, ChangeCause], now: datetime) -> Iterator[None]:
    """Notes what the body changes of the days, in the caller's transaction; without days it costs nothing.

    The days are over and were computed before. A body that changes nothing leaves no note, so it is safe to repeat.
    """
    before = read_days(environment=environment, days=causes)
    yield
    after = read_days(environment=environment, days=causes)
    changes = [
        make_change(slug, environment=environment, day=day, cause=causes[day], now=now, before=old, after=new)
        for slug, day in sorted(before.keys() | after.keys())
        for old, new in [(before.get((slug, day), NOTHING), after.get((slug, day), NOTHING))]
        if not old.shows_the_same(new)
    ]
    if changes:
        store(changes, environment=environment)


def store(changes: Sequence[LaterChange], *, environment: str) -> None:
    """Stores the changes, of one moment; each goes on with the newest one of its day where they are of one kind.

    Whoever calls it holds the lock of the environment's freshness.
    """
    # Index: later_change_unique (environment, kpi, date, first_changed_at).
    stored = LaterChange.objects.filter(
        environment=environment,
        kpi__in={change.kpi for change in changes},
        date__in={change.date for change in changes},
    )
    newest = {(row.kpi, row.date): row for row in stored.order_by("first_changed_at")}
    added, prolonged = [], []
    for change in changes:
        earlier = newest.get((change.kpi, change.date))
        if earlier and goes_on(earlier, change):
            for name in AFTER:
                setattr(earlier, name, getattr(change, name))
            prolonged.append(earlier)
        else:
            added.append(change)
    LaterChange.objects.bulk_create(added, batch_size=1000)
    LaterChange.objects.bulk_update(prolonged, AFTER, batch_size=500)


def goes_on(earlier: LaterChange, change: LaterChange) -> bool:
    """Whether both are one change: one cause on one UTC day, or parts of one rebuild, which have one moment."""
    is_same_day = (
        earlier.last_changed_at.astimezone(UTC).date() == change.first_changed_at.astimezone(UTC).date()
    )
    is_same_moment = earlier.last_changed_at == change.first_changed_at
    return is_same_moment or (is_same_day and earlier.cause == change.cause)


def read_days(*, environment: str, days: Collection[date]) -> dict[tuple[str, date], DayFigures]:
    """The stored figures by (KPI's slug, day); no query without days."""
    if not days:
        return {}
    zone = reporting_zone()
    starts = [day_start(day, zone=zone) for day in days]
    # Index: kpi_bucket_unique (environment, kpi, granularity, dimension, period_start, …).
    rows = KpiBucket.objects.filter(
        environment=environment,
        kpi__in=list(REGISTRY),
        granularity=StoredGranularity.DAY,
        dimension="",
        period_start__in=starts,
    )
    return {(row.kpi, local_day(row.period_start, zone=zone)): figures_of(row) for row in rows}


def figures_of(row: KpiBucket) -> DayFigures:
    kpi = REGISTRY[row.kpi]
    value = value_of(
        kpi,
        numerator=row.numerator,
        denominator=row.denominator,
        percentile=percentile_of(row, kpi=kpi),
    )
    return DayFigures(row.numerator, row.denominator, value, row.definition_version)


def percentile_of(row: KpiBucket, *, kpi: Kpi) -> float | None:
    """In seconds; None for a KPI that is no duration."""
    if kpi.kind is not Kind.DURATION:
        return None
    bins = {int(bin_index): count for bin_index, count in row.histogram.items()}
    return histogram.percentiles(bins, [kpi.statistic])[0]


def make_change(
    slug: str,
    *,
    environment: str,
    day: date,
    cause: ChangeCause,
    now: datetime,
    before: DayFigures,
    after: DayFigures,
) -> LaterChange:
    is_new_definition = before.version not in {0, REGISTRY[slug].version}
    return LaterChange(
        environment=environment,
        kpi=slug,
        date=day,
        cause=ChangeCause.DEFINITION if is_new_definition else cause,
        first_changed_at=now,
        last_changed_at=now,
        numerator_before=before.numerator,
        denominator_before=before.denominator,
        value_before=before.value,
        numerator_after=after.numerator,
        denominator_after=after.denominator,
        value_after=after.value,
    )


def closed_days(starts: Collection[datetime], *, computed_until: datetime | None) -> set[date]:
    """The days of the reporting zone that hold the moments, and were computed to their end."""
    if computed_until is None:
        return set()
    zone = reporting_zone()
    today = local_day(computed_until, zone=zone)
    return {day for start in starts if (day := local_day(start, zone=zone)) < today}


def causes_of(
    *, environment: str, starts: Collection[datetime], computed_until: datetime | None
) -> dict[date, ChangeCause]:
    """Why the closed days among those of the touched buckets are to be computed anew.

    Usually the buckets are of today, and there is no query.
    """
    closed = closed_days(starts, computed_until=computed_until)
    if not closed:
        return {}
    zone = reporting_zone()
    rows = TouchedBucket.objects.filter(environment=environment, bucket_start__in=starts)
    causes: dict[date, ChangeCause] = {}
    for start, name in rows.values_list("bucket_start", "cause").distinct():
        day, cause = local_day(start, zone=zone), ChangeCause(name)
        if day in closed:
            causes[day] = min(cause, causes.get(day, cause), key=CAUSES_BY_PRIORITY.index)
    return causes
