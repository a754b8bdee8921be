"""Writes down what was good of what there was, as counters and gauges say it again and again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction

from objectives.models import MINUTE, ObjectiveCount, ObjectiveLevel

# How often a level that stays is marked as seen: one that is not for long is forgotten, and would count again.
MARKED_EVERY = timedelta(days=1)

# An objective's name, and an environment or "".
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class GoodOfTotal:
    """How much there was, and how much of it was good."""

    good: int = 0
    total: int = 0

    def __add__(self, other: "GoodOfTotal") -> "GoodOfTotal":
        return GoodOfTotal(self.good + other.good, self.total + other.total)

    def beyond(self, other: "GoodOfTotal") -> "GoodOfTotal":
        """What this one has more. Counters that are read late never take anything back."""
        return GoodOfTotal(max(0, self.good - other.good), max(0, self.total - other.total))

    def highest(self, other: "GoodOfTotal") -> "GoodOfTotal":
        return GoodOfTotal(max(self.good, other.good), max(self.total, other.total))

    def __bool__(self) -> bool:
        return bool(self.good or self.total)


NOTHING = GoodOfTotal()


def minute_of(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def record_levels(
    levels: Mapping[Place, GoodOfTotal], *, source: str, begins_at_zero: bool, now: datetime
) -> None:
    """Count what the source's counters have more than when they were recorded last, in the minute of `now`.

    Safe to repeat, and to do in several processes at once: what a source counted is counted once. Where a place is new,
    all of it counts if the source `begins_at_zero`; else it is where counting begins.
    """
    rows = ObjectiveLevel.objects.filter(source=source)
    stored = {place_of(row): tally_of(row) for row in rows}
    mark_seen([row for row in rows if place_of(row) in levels], now=now)
    risen = {place: tally for place, tally in levels.items() if has_risen(tally, stored.get(place))}
    # SQLite has one writer: hardly anything is written when nothing happened.
    if not risen:
        return
    begin = [
        new_level(place, NOTHING if begins_at_zero else tally, source=source, now=now)
        for place, tally in sorted(risen.items())
        if place not in stored
    ]
    with transaction.atomic():
        ObjectiveLevel.objects.bulk_create(begin, ignore_conflicts=True)
        counts = {}
        for row in locked_levels(source, objectives={name for name, _ in risen}):
            place = place_of(row)
            if place in risen:
                counts[place] = risen[place].beyond(tally_of(row))
                raise_level(row, risen[place], now=now)
        add_counts(counts, minute=minute_of(now))


def place_of(row: ObjectiveLevel) -> Place:
    return row.objective, row.environment


def tally_of(row: ObjectiveLevel) -> GoodOfTotal:
    return GoodOfTotal(row.good, row.total)


def mark_seen(rows: Iterable[ObjectiveLevel], *, now: datetime) -> None:
    if stale := [row.pk for row in rows if row.seen_at < now - MARKED_EVERY]:
        ObjectiveLevel.objects.filter(pk__in=stale).update(seen_at=now)


def has_risen(tally: GoodOfTotal, before: GoodOfTotal | None) -> bool:
    return before is None or bool(tally.beyond(before))


def new_level(place: Place, tally: GoodOfTotal, *, source: str, now: datetime) -> ObjectiveLevel:
    objective, environment = place
    return ObjectiveLevel(
        source=source,
        objective=objective,
        environment=environment,
        good=tally.good,
        total=tally.total,
        seen_at=now,
    )


def locked_levels(source: str, *, objectives: Iterable[str]) -> Sequence[ObjectiveLevel]:
    """In key order, so that two processes cannot deadlock."""
    rows = ObjectiveLevel.objects.select_for_update().filter(source=source, objective__in=sorted(objectives))
    return list(rows.order_by("pk"))


def raise_level(row: ObjectiveLevel, tally: GoodOfTotal, *, now: datetime) -> None:
    highest = tally.highest(tally_of(row))
    row.good, row.total, row.seen_at = highest.good, highest.total, now
    row.save(update_fields=["good", "total", "seen_at"])


def record_states(states: Mapping[Place, bool], *, now: datetime) -> None:
    """Count the minute of `now` once for each place: as good, or not. The first who says it is right."""
    ObjectiveCount.objects.bulk_create(
        [
            ObjectiveCount(
                objective=objective,
                environment=environment,
                start=minute_of(now),
                minutes=MINUTE,
                good=int(is_good),
                total=1,
            )
            for (objective, environment), is_good in sorted(states.items())
        ],
        ignore_conflicts=True,
    )


def add_counts(counts: Mapping[Place, GoodOfTotal], *, minute: datetime) -> None:
    """Add to the counts of a minute, in the caller's transaction."""
    add_rows(
        [
            (objective, environment, minute, MINUTE, tally.good, tally.total)
            for (objective, environment), tally in sorted(counts.items())
            if tally
        ]
    )


def add_rows(rows: Sequence[tuple[str, str, datetime, int, int, int]]) -> None:
    """Add (objective, environment, start, minutes, good, total) to the rows of the same stretches; key order."""
    # The ORM's bulk_create can replace a conflicting row's values, but not add to them.
    table = connection.ops.quote_name(ObjectiveCount._meta.db_table)
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} (objective, environment, start, minutes, good, total)"
            " VALUES (%s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (objective, environment, start, minutes)"
            f" DO UPDATE SET good = {table}.good + excluded.good, total = {table}.total + excluded.total",
            [(row[0], row[1], adapt(row[2]), *row[3:]) for row in rows],
        )
