"""Days of a KPI whose figures changed after they were first shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Self

from kpis.days import local_day
from kpis.models import LaterChange
from kpis.reading.periods import Range, last_date
from kpis.registry import Kind, Kpi
from telemetry.plan.metrics import MICRO
from workbench.models import ChangeCause

MOST_CHANGES = 2_000


@dataclass(frozen=True, kw_only=True)
class NotedFigures:
    """What a day showed: counts, seconds or dollars, as an Evaluation has them; the value is None for nothing."""

    numerator: float
    denominator: int
    value: float | None


@dataclass(frozen=True, kw_only=True)
class NotedChange:
    """What one cause changed of one day."""

    date: date
    cause: ChangeCause
    first_changed_at: datetime
    last_changed_at: datetime
    before: NotedFigures
    after: NotedFigures

    @classmethod
    def from_row(cls, row: LaterChange, *, kpi: Kpi) -> Self:
        size = 1 if kpi.kind is Kind.RATIO else MICRO
        return cls(
            date=row.date,
            cause=ChangeCause(row.cause),
            first_changed_at=row.first_changed_at,
            last_changed_at=row.last_changed_at,
            before=NotedFigures(
                numerator=row.numerator_before / size,
                denominator=row.denominator_before,
                value=row.value_before,
            ),
            after=NotedFigures(
                numerator=row.numerator_after / size,
                denominator=row.denominator_after,
                value=row.value_after,
            ),
        )


@dataclass(frozen=True, kw_only=True)
class ChangedDay:
    """A day as it was first shown and as it is now, with the causes in the order in which they came, each once."""

    date: date
    first_shown: NotedFigures
    now: NotedFigures
    causes: Sequence[ChangeCause]
    last_changed_at: datetime


def changes_within(kpi: Kpi, *, environment: str, range: Range) -> tuple[list[NotedChange], bool]:
    """The changes of the days that the range touches, the newest day first and of a day the last change first.

    Of more than MOST_CHANGES these are the first ones, and the second part says that there are more. One query.
    """
    # Index: later_change_unique (environment, kpi, date, first_changed_at), read backwards.
    rows = LaterChange.objects.filter(
        environment=environment,
        kpi=kpi.slug,
        date__gte=local_day(range.start, zone=range.zone),
        date__lte=last_date(range, zone=range.zone),
    ).order_by("-date", "-first_changed_at")
    found = [NotedChange.from_row(row, kpi=kpi) for row in rows[: MOST_CHANGES + 1]]
    return found[:MOST_CHANGES], len(found) > MOST_CHANGES


def changed_days(changes: Sequence[NotedChange]) -> list[ChangedDay]:
    """The changes by day, in the order of `changes_within`."""
    return [changed_day(list(of_day)[::-1]) for _, of_day in groupby(changes, key=lambda change: change.date)]


def changed_day(changes: Sequence[NotedChange]) -> ChangedDay:
    """The changes of one day, the first one first."""
    return ChangedDay(
        date=changes[0].date,
        first_shown=changes[0].before,
        now=changes[-1].after,
        causes=list(dict.fromkeys(change.cause for change in changes)),
        last_changed_at=changes[-1].last_changed_at,
    )
