"""The tables of a KPI's measure, read row by row with the same conditions and sums that the rollup adds up."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import connection
from django.db.models import Field, Model, UUIDField

from kpis.compute.measures import TableMeasure, tables_of
from kpis.counted.places import CountedCursor, Stretch
from telemetry.models import RawEvent
from web.moments import in_utc
from workbench.dialect import Dialect, current
from workbench.models import EventCount
from workbench.raw_events import ONLY_COUNTED, days_of

SqlText = str
LARGEST_KEY = 2**63 - 1
Parameters = list[Any]


class RowChoice(StrEnum):
    """Which rows: all that count, those in a ratio's numerator, the other ones, or those that do not count."""

    COUNTED = "counted"
    NUMERATOR = "numerator"
    OTHERS = "others"
    EXCLUDED = "excluded"


@dataclass(frozen=True, slots=True)
class FoundRow:
    """A row of a source. `reason` is why it does not count, "" for one that counts.

    `numerator` and `denominator` are what it adds to the KPI; of an estimated cost the numerator is microseconds.
    """

    source: int
    key: Any
    moment: datetime
    reason: str
    numerator: int
    denominator: int


@dataclass(frozen=True, kw_only=True)
class RowFilter:
    """Which rows of a KPI are asked for. `breakdown` is a dimension with its `value`, or ""."""

    environment: str
    choice: RowChoice
    breakdown: str = ""
    value: str = ""


@dataclass(frozen=True)
class CountedSource:
    """A table of the KPI, with its place among them. What event counts count are raw events here."""

    number: int
    table: TableMeasure

    @property
    def is_raw(self) -> bool:
        return self.table.model is EventCount

    @property
    def model(self) -> type[Model]:
        return RawEvent if self.is_raw else self.table.model

    @property
    def has_excluded(self) -> bool:
        """Whether any of its rows can be said not to count."""
        return self.table.duration is not None or self.table.left_out != "NULL"

    @property
    def key_field(self) -> "Field[Any, Any]":
        return self.model._meta.pk

    def rows(self, stretches: Sequence[Stretch]) -> tuple[SqlText, Parameters]:
        """What stands after FROM. Raw events are presented as the event counts of one event each."""
        if not self.is_raw:
            return self.table.model._meta.db_table, []
        first, last = days_of(min(start for start, _ in stretches), max(end for _, end in stretches))
        day = RawEvent._meta.get_field("day")
        # Index: raw_event_counted (occurred_at, environment), of the partitions of these days.
        return (
            f"""(
  SELECT event_key, environment, event, substr(coalesce({current().text("source")}, ''), 1, 32) AS variant,
    1 AS events, occurred_at AS bucket_start
  FROM {RawEvent._meta.db_table}
  WHERE {ONLY_COUNTED} AND day BETWEEN %s AND %s
)""",
            [day.get_db_prep_value(value, connection) for value in (first, last)],
        )

    def reason(self) -> SqlText:
        """Why a row does not count; NULL of one that counts, and of one of which there is nothing to say."""
        table, exclusion = self.table, "NULL"
        if table.duration:
            exclusion = table.duration.exclusion(
                without_start=table.without_start, ended_early=table.ended_early
            )
        return f"CASE WHEN {table.where} THEN {exclusion} ELSE {table.left_out} END"

    def condition(self, choice: RowChoice) -> SqlText:
        table = self.table
        counts = f"({table.where})" + (f" AND {table.duration.counts}" if table.duration else "")
        match choice:
            case RowChoice.COUNTED:
                return counts
            case RowChoice.NUMERATOR:
                return f"{counts} AND ({table.numerator}) > 0"
            case RowChoice.OTHERS:
                return f"{counts} AND ({table.numerator}) = 0"
            case RowChoice.EXCLUDED:
                return f"({self.reason()}) IS NOT NULL"

    def numerator(self, dialect: Dialect) -> SqlText:
        """As the rollup adds it up: microseconds of a duration."""
        duration = self.table.duration
        return f"coalesce({duration.microseconds(dialect)}, 0)" if duration else self.table.numerator


def sources_of(kpi: str) -> list[CountedSource]:
    return [CountedSource(number, table) for number, table in enumerate(tables_of(kpi))]


def where_clause(
    source: CountedSource, *, row_filter: RowFilter, stretches: Sequence[Stretch]
) -> tuple[SqlText, Parameters]:
    """The conditions that choose the source's rows in the stretches."""
    adapt = connection.ops.adapt_datetimefield_value
    moment = source.table.moment
    in_stretches = " OR ".join([f"({moment} >= %s AND {moment} < %s)"] * len(stretches))
    text = f"thing.environment = %s AND {source.condition(row_filter.choice)} AND ({in_stretches})"
    parameters = [row_filter.environment, *(adapt(edge) for stretch in stretches for edge in stretch)]
    if row_filter.breakdown:
        text += f" AND ({source.table.dimensions[row_filter.breakdown]}) = %s"
        parameters.append(row_filter.value)
    return text, parameters


def find_rows(
    source: CountedSource,
    *,
    row_filter: RowFilter,
    stretches: Sequence[Stretch],
    cursor: CountedCursor | None,
    limit: int,
) -> list[FoundRow]:
    """The newest rows of the source that are older than the cursor, newest first, `limit` at most.

    Index: that of the table's measure, which begins with its moment (kpis/compute/measures.py names each).
    """
    rows, parameters = source.rows(stretches)
    where, more = where_clause(source, row_filter=row_filter, stretches=stretches)
    parameters += more
    if cursor is not None:
        older, more = older_than(source, cursor)
        where += f" AND {older}"
        parameters += more
    statement = f"""
SELECT
  thing.{source.key_field.column} AS row_key,
  {source.table.moment} AS moment,
  coalesce({source.reason()}, '') AS reason,
  {source.numerator(current())} AS numerator,
  {source.table.denominator} AS denominator
FROM {rows} AS thing{source.table.join}
WHERE {where}
ORDER BY moment DESC, row_key DESC
LIMIT {limit}"""
    with connection.cursor() as database:
        database.execute(statement, parameters)
        found = database.fetchall()
    return [
        FoundRow(
            source=source.number,
            key=stored_key(key),
            moment=stored_moment(moment),
            reason=reason,
            numerator=0 if reason else int(numerator),
            denominator=0 if reason else int(denominator),
        )
        for key, moment, reason, numerator, denominator in found
    ]


def older_than(source: CountedSource, cursor: CountedCursor) -> tuple[SqlText, Parameters]:
    """A condition: behind the cursor in the list. Of one moment, sources come in their order, then keys fall."""
    moment, at = source.table.moment, connection.ops.adapt_datetimefield_value(cursor.moment)
    if source.number > cursor.source:
        return f"{moment} <= %s", [at]
    if source.number < cursor.source:
        return f"{moment} < %s", [at]
    key = key_parameter(source, cursor.key)
    # The first condition says no more than the second: it tells the database where in the index to begin.
    return (
        f"{moment} <= %s AND ({moment} < %s OR thing.{source.key_field.column} < %s)",
        [at, at, key],
    )


def key_parameter(source: CountedSource, text: str) -> Any:
    """A cursor's key as the database compares it; one that cannot be of this source is the smallest."""
    if isinstance(source.key_field, UUIDField):
        return source.key_field.get_db_prep_value(uuid.UUID(text.zfill(32)), connection)
    return min(int(text), LARGEST_KEY) if text.isdigit() else 0


def key_text(key: Any) -> str:
    return key.hex if isinstance(key, uuid.UUID) else str(key)


def stored_key(value: Any) -> Any:
    """SQLite has UUIDs as 32 hex digits."""
    return uuid.UUID(value) if isinstance(value, str) else value


def stored_moment(value: datetime | str) -> datetime:
    """SQLite has moments in UTC without a zone, as text where an expression makes them."""
    return in_utc(datetime.fromisoformat(value) if isinstance(value, str) else value)


def sums_of(source: CountedSource, *, row_filter: RowFilter, stretches: Sequence[Stretch]) -> tuple[int, int]:
    """Numerator and denominator of the source's rows that are kept. Index: as in find_rows."""
    rows, parameters = source.rows(stretches)
    where, more = where_clause(source, row_filter=row_filter, stretches=stretches)
    statement = f"""
SELECT coalesce(sum({source.numerator(current())}), 0), coalesce(sum({source.table.denominator}), 0)
FROM {rows} AS thing{source.table.join}
WHERE {where}"""
    with connection.cursor() as database:
        database.execute(statement, [*parameters, *more])
        numerator, denominator = database.fetchone()
    return int(numerator), int(denominator)


def moment_of_place(source: CountedSource, *, start: datetime, end: datetime, place: int) -> datetime | None:
    """The moment of the `place`th newest row of the range, of all environments; None where it has fewer rows.

    Index: the same. It has all that is asked for, so the table itself is not read.
    """
    adapt, moment = connection.ops.adapt_datetimefield_value, source.table.moment
    statement = f"""
SELECT {moment} FROM {source.table.model._meta.db_table}
WHERE {moment} >= %s AND {moment} < %s
ORDER BY {moment} DESC
LIMIT 1 OFFSET {place - 1}"""
    with connection.cursor() as database:
        database.execute(statement, [adapt(start), adapt(end)])
        row = database.fetchone()
    return stored_moment(row[0]) if row else None


def by_source(rows: Sequence[FoundRow]) -> Mapping[int, list[Any]]:
    """The keys of each source's rows."""
    keys: dict[int, list[Any]] = {}
    for row in rows:
        keys.setdefault(row.source, []).append(row.key)
    return keys


def things_of(
    source: CountedSource, keys: Sequence[Any], *, moments: Sequence[datetime]
) -> Mapping[Any, Model]:
    """The rows themselves by key. Index: the primary key, which begins with the day for PostgreSQL's raw events."""
    if source.is_raw:
        days = days_of(min(moments), max(moments))
        rows: Iterator[Model] = iter(RawEvent.objects.filter(day__range=days, event_key__in=keys))
        return {row.pk: row for row in rows}
    return source.model._default_manager.in_bulk(keys)
