"""Removes rows of the tables in `subjects`, by ranges of their primary key.

A range is looked at before its transaction: only what is due is locked, and an empty range costs no write.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL

from telemetry.lifecycle.retention.portions import portions
from telemetry.lifecycle.retention.raw_events import raise_kept_from
from telemetry.lifecycle.retention.reports import RemovedRows, row_bytes
from telemetry.lifecycle.retention.rules import HoldRule, RetentionRules, day_after, midnight
from telemetry.lifecycle.retention.subjects import PrunableTable
from telemetry.models import Environment


class NotSettled(Exception):
    """Rows may not be removed just now; the step is to be repeated."""


DAY = timedelta(days=1)
# Rows that a step looks at, and so the most that it removes. On SQLite the clock may end it before (portions.py).
ROWS_LOOKED_AT = {"postgresql": 5_000, "sqlite": 1_000}


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Primary keys after `after` (None: from the first), up to and with `last`."""

    after: Any
    last: Any

    def rows(self, table: PrunableTable) -> QuerySet[Model]:
        rows = table.model._default_manager.filter(pk__lte=self.last)
        return rows if self.after is None else rows.filter(pk__gt=self.after)


@dataclass(frozen=True, slots=True)
class DueRow:
    """A row that is due: its key, and what its report names."""

    pk: Any
    environment: str
    event: str
    bytes: int
    latest: datetime

    @property
    def day(self) -> date:
        return self.latest.astimezone(UTC).date()


def next_range(table: PrunableTable, *, after: Any, rules: RetentionRules) -> KeyRange | None:
    """The next keys to look at; None when the table has no more, or only newer rows."""
    rows = table.model._default_manager.all()
    later = rows if after is None else rows.filter(pk__gt=after)
    names = ["pk", *table.moments[:1]]
    keys = list(later.order_by("pk").values_list(*names)[: ROWS_LOOKED_AT[connection.vendor]])
    latest = rules.latest_cut(table.subject)
    if not keys or latest is None or (table.is_chronological and keys[0][1] >= midnight(latest)):
        return None
    return KeyRange(after, keys[-1][0])


def due_rows(table: PrunableTable, *, keys: KeyRange, rules: RetentionRules) -> list[DueRow]:
    """Those rows of the range that are due, in key order."""
    rows = keys.rows(table).filter(table.only, is_due(table, rules=rules)).order_by("pk")
    size = RawSQL(row_bytes(table.model, alias=table.model._meta.db_table), [])
    names = ["pk", "row_size", *filter(None, (table.environment, table.event)), *table.moments]
    return [
        due_row(table, dict(zip(names, values, strict=True)), rules=rules)
        for values in rows.annotate(row_size=size).values_list(*names)
    ]


def due_row(table: PrunableTable, values: dict[str, Any], *, rules: RetentionRules) -> DueRow:
    environment = values.get(table.environment, "")
    moments = [values[moment] for moment in table.moments if values[moment] is not None]
    # A row without moments is reported with the day before the cut.
    cut = rules.cut(table.subject, environment=environment)
    return DueRow(
        pk=values["pk"],
        environment=environment,
        event=values[table.event] if table.event else str(table.model._meta.model_name),
        bytes=int(values["row_size"]),
        latest=max(moments) if moments else midnight(cut or date.min + DAY) - DAY,
    )


def is_due(table: PrunableTable, *, rules: RetentionRules, is_locked: bool = False) -> Q:
    """What the policies of each environment no longer keep, no hold covers, and no newer row needs.

    With `is_locked` it is asked again in the transaction that removes the rows.
    """
    due = Q(pk__in=[])
    for environment in Environment.names() if table.environment else [""]:
        cut = rules.cut(table.subject, environment=environment)
        if cut is not None and table.orphans:
            # Nothing says when they were, so that any hold of the environment keeps them.
            if not rules.holds_on(environment):
                due |= Q(environment=environment) & table.orphans(environment, midnight(cut), is_locked)
        elif cut is not None:
            due |= (
                (Q(**{table.environment: environment}) if table.environment else Q())
                & passed(table.moments, before=midnight(cut))
                & ~held(table.moments, holds=rules.holds_on(environment))
                & ~is_needed(table, since=midnight(cut))
            )
    return due


def passed(moments: Sequence[str], *, before: datetime) -> Q:
    """Rows with at least one moment, of which none lies at or after `before`."""
    passed = ~Q(**{f"{moment}__isnull": True for moment in moments})
    for moment in moments:
        passed &= Q(**{f"{moment}__isnull": True}) | Q(**{f"{moment}__lt": before})
    return passed


def held(moments: Iterable[str], *, holds: Iterable[HoldRule]) -> Q:
    """Rows with a moment on a day that is held."""
    held = Q(pk__in=[])
    for hold in holds:
        for moment in moments:
            within = Q(**{f"{moment}__isnull": False})
            if hold.first > date.min:
                within &= Q(**{f"{moment}__gte": midnight(hold.first)})
            if hold.last < date.max:
                within &= Q(**{f"{moment}__lt": midnight(day_after(hold.last))})
            held |= within
    return held


def is_needed(table: PrunableTable, *, since: datetime) -> Q:
    """Rows with a related row that has a moment at or after `since`: its numbers are still computed from both."""
    needed = Q(pk__in=[])
    for related in table.related:
        newer = Q(pk__in=[])
        for moment in related.moments:
            newer |= Q(**{f"{moment}__gte": since})
        rows = related.model._default_manager.filter(
            newer, environment=OuterRef("environment"), **{related.theirs: OuterRef(related.own)}
        )
        needed |= ~Q(**{related.own: ""}) & Q(Exists(rows))
    return needed


def announce(table: PrunableTable, due: Iterable[DueRow]) -> None:
    """Record that such rows are no longer kept, committed before the first of them is deleted.

    Raises NotSettled while a number that they count in is still to be computed.
    """
    if not table.kept_from:
        return
    for environment, latest in sorted(latest_days(due).items()):
        moment = midnight(day_after(latest))
        with transaction.atomic():
            kept_from = lock_environment(environment, field=table.kept_from)
            if kept_from is not None and kept_from >= moment:
                continue
            if table.is_settled and not table.is_settled(environment, moment):
                raise NotSettled(f"{environment} is to be rolled up")
            raise_kept_from(table.kept_from, environment=environment, moment=moment)


def lock_environment(environment: str, *, field: str) -> datetime | None:
    """Keep the fold away until the transaction ends; returns that moment of the environment. Raises NotSettled."""
    own = Environment.objects.filter(name=environment)
    # The fold's lock. It is not waited for, because a fold may take seconds.
    locked = own.select_for_update(skip_locked=True, no_key=True).first()
    if locked is None:
        raise NotSettled(f"{environment} is being folded")
    kept_from: datetime | None = getattr(locked, field)
    return kept_from


def latest_days(due: Iterable[DueRow]) -> dict[str, date]:
    latest: dict[str, date] = {}
    for row in due:
        latest[row.environment] = max(row.day, latest.get(row.environment, row.day))
    return latest


def delete_due(
    table: PrunableTable, *, keys: KeyRange, found: Sequence[DueRow], rules: RetentionRules
) -> tuple[list[RemovedRows], Any]:
    """Delete what is due in the range, in the caller's transaction; `found` was due before it.

    Says what went, and the key with which it ended: the range's last, or another where its time was up before.
    Raises NotSettled where rows may not be removed just now; what changed meanwhile is left for the next run.
    """
    due = still_due(table, found, rules=rules) if table.orphans else due_rows(table, keys=keys, rules=rules)
    if table.kept_from:
        due = announced_rows(table, due, keys=keys, rules=rules)
    gone: list[DueRow] = []
    for portion in portions(due):
        rows = table.model._default_manager.filter(pk__in=[row.pk for row in portion])
        # Nothing refers to these rows by a foreign key, so nothing has to be collected first.
        rows._raw_delete(rows.db)
        gone += portion
    return summed(gone), keys.last if len(gone) == len(due) else gone[-1].pk


def still_due(table: PrunableTable, found: Sequence[DueRow], *, rules: RetentionRules) -> list[DueRow]:
    """Those that are due now that no fold makes again what they belong to."""
    if not found:
        return []
    for environment in sorted(latest_days(found)):
        lock_environment(environment, field="things_kept_from")
    condition = is_due(table, rules=rules, is_locked=True)
    left = table.model._default_manager.filter(condition, pk__in=[row.pk for row in found])
    keys = set(left.values_list("pk", flat=True))
    return [row for row in found if row.pk in keys]


def announced_rows(
    table: PrunableTable, due: Iterable[DueRow], *, keys: KeyRange, rules: RetentionRules
) -> list[DueRow]:
    """Those that are due now that no fold changes them any more, and lie before the stored moment."""
    environments = sorted(latest_days(due))
    kept_from = {name: lock_environment(name, field=table.kept_from) for name in environments}
    return [
        row
        for row in due_rows(table, keys=keys, rules=rules)
        if (moment := kept_from.get(row.environment)) is not None and row.latest < moment
    ]


def summed(due: Iterable[DueRow]) -> list[RemovedRows]:
    rows: Counter[tuple[str, str, date]] = Counter()
    sizes: Counter[tuple[str, str, date]] = Counter()
    for row in due:
        place = (row.environment, row.event, row.day)
        rows[place] += 1
        sizes[place] += row.bytes
    return [RemovedRows(*place, count, sizes[place]) for place, count in rows.items()]
