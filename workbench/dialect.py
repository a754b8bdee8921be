"""What the fold's SQL says differently on SQLite and PostgreSQL: the only place of the workbench that knows."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models.expressions import RawSQL

from workbench.buckets import BASE_BUCKET

# Formats of SQLite's strftime and printf, without the percent sign that would read as a parameter.
SECONDS = "char(37) || 's'"
FIFTEEN_DIGITS = "char(37) || '.15g'"
BUCKET_SECONDS = int(BASE_BUCKET.total_seconds())

ColumnType = Literal["text", "bigint", "uuid", "boolean", "timestamptz"]
Vendor = Literal["postgresql", "sqlite"]
VENDORS: Mapping[str, Vendor] = {"postgresql": "postgresql", "sqlite": "sqlite"}


@dataclass(frozen=True)
class Dialect:
    """SQL that means the same on both databases. Unless a method says otherwise, it takes and returns SQL text."""

    vendor: Vendor

    def text(self, name: str) -> str:
        """A property of the event as text, NULL when it has none."""
        if self.vendor == "postgresql":
            return f"(properties->>'{name}')"
        return f"json_extract(properties, '$.{name}')"

    def integer(self, name: str) -> str:
        """A property of the event as an integer, NULL when it has none."""
        if self.vendor == "postgresql":
            return f"(properties->>'{name}')::bigint"
        return f"CAST(json_extract(properties, '$.{name}') AS INTEGER)"

    def micro(self, name: str) -> str:
        """A property in millionths, rounded half away from zero; NULL when it has none."""
        if self.vendor == "postgresql":
            return f"round((properties->>'{name}')::numeric * 1000000)::bigint"
        # SQLite has binary fractions only. Fifteen digits make 0.0000025 exactly 2.5 millionths, not 2.4999….
        millionths = f"printf({FIFTEEN_DIGITS}, json_extract(properties, '$.{name}') * 1000000)"
        return (
            f"CASE WHEN json_extract(properties, '$.{name}') IS NOT NULL"
            f" THEN CAST(round(CAST({millionths} AS REAL)) AS INTEGER) END"
        )

    def boolean(self, name: str) -> str:
        """A property of the event as a boolean column takes it."""
        if self.vendor == "postgresql":
            return f"(properties->>'{name}')::boolean"
        return f"json_extract(properties, '$.{name}')"

    def sorted_list(self, name: str) -> str:
        """A list of texts as JSON text: sorted, each once; empty text when it is absent or empty."""
        if self.vendor == "postgresql":
            return (
                f'coalesce((SELECT jsonb_agg(DISTINCT item COLLATE "C")::text'
                f" FROM jsonb_array_elements_text(properties->'{name}') AS item), '')"
            )
        return (
            f"coalesce(nullif((SELECT json_group_array(value) FROM (SELECT DISTINCT value"
            f" FROM json_each(properties, '$.{name}') ORDER BY value)), '[]'), '')"
        )

    def binary(self, expression: str) -> str:
        """The text, to be compared byte by byte: so its order is the same on every database, whatever its locale."""
        return f'({expression} COLLATE "C")' if self.vendor == "postgresql" else expression

    def flag(self, name: str) -> str:
        """Whether the event has the property, as the text 1 or 0."""
        is_there = f"properties ? '{name}'"
        if self.vendor == "sqlite":
            is_there = f"json_type(properties, '$.{name}') IS NOT NULL"
        return f"CASE WHEN {is_there} THEN '1' ELSE '0' END"

    def listed(self, name: str) -> str:
        """The text of a property that is an enumeration, or true or false; NULL when the event has none."""
        if self.vendor == "postgresql":
            return self.text(name)
        kind = f"json_type(properties, '$.{name}')"
        return f"CASE WHEN {kind} IN ('true', 'false') THEN {kind} ELSE {self.text(name)} END"

    def smallest_text(self, expression: str, *, where: str = "true") -> str:
        """An aggregate: the smallest text that is not empty, byte by byte; the empty text when there is none."""
        text = self.binary(f"nullif({expression}, '')")
        return f"coalesce(min({text}) FILTER (WHERE {where}), '')"

    def texts(self, expression: str, *, where: str = "true") -> str:
        """An aggregate: the texts of the group as a JSON list, in no order; for `sorted_union`."""
        if self.vendor == "postgresql":
            return f"coalesce(jsonb_agg(DISTINCT {expression}) FILTER (WHERE {where})::text, '[]')"
        return f"json_group_array(DISTINCT {expression}) FILTER (WHERE {where})"

    def sorted_union(self, left: str, right: str) -> str:
        """Two JSON lists of texts as one, sorted byte by byte, each once; the empty text is the empty list."""
        left, right = (f"coalesce(nullif({texts}, ''), '[]')" for texts in (left, right))
        if self.vendor == "postgresql":
            items = f"jsonb_array_elements_text({left}::jsonb || {right}::jsonb) AS item"
            return f"coalesce((SELECT jsonb_agg(DISTINCT item COLLATE \"C\")::text FROM {items}), '')"
        items = (
            f"SELECT value FROM json_each({left}) UNION SELECT value FROM json_each({right}) ORDER BY value"
        )
        return f"coalesce(nullif((SELECT json_group_array(value) FROM ({items})), '[]'), '')"

    def only_key(self, column: str, *, where: str) -> str:
        """An aggregate: the event key of the only row of the group for which the condition holds, else NULL."""
        if self.vendor == "postgresql":
            # PostgreSQL 15 has no min() of UUIDs.
            return f"(min({column}::text) FILTER (WHERE {where}))::uuid"
        return f"min({column}) FILTER (WHERE {where})"

    def least(self, left: str, right: str) -> str:
        """The smaller of two; NULL only when both are."""
        if self.vendor == "postgresql":
            return f"least({left}, {right})"
        return f"coalesce(min({left}, {right}), {left}, {right})"

    def greatest(self, left: str, right: str) -> str:
        """The larger of two; NULL only when both are."""
        if self.vendor == "postgresql":
            return f"greatest({left}, {right})"
        return f"coalesce(max({left}, {right}), {left}, {right})"

    def microseconds(self, moment: str) -> str:
        """A moment as whole microseconds since the epoch."""
        if self.vendor == "postgresql":
            # A double holds today's microseconds exactly; extract(), which gives a numeric, takes three times as long.
            return f"(date_part('epoch', {moment}) * 1000000)::bigint"
        # Moments are stored as text, the fraction (if any) from the 21st character on.
        return f"({_seconds(moment)} * 1000000 + CAST(substr({moment}, 21) AS INTEGER))"

    def bucket(self, moment: str) -> str:
        """The number of the base bucket that holds the moment, counted from the epoch."""
        if self.vendor == "postgresql":
            return f"floor(date_part('epoch', {moment}) / {BUCKET_SECONDS})::bigint"
        return f"({_seconds(moment)} / {BUCKET_SECONDS})"

    def any_of(self, column: str, kind: ColumnType = "text") -> str:
        """A condition with one parameter, made by `array`: the column is one of its values."""
        # PostgreSQL must not know how long the list is. It then looks each value up in the column's index. With
        # = ANY(%s) or IN (SELECT unnest(%s)), a thousand values and a table that is not analysed yet, it reads the
        # whole table, or joins the list row by row.
        if self.vendor == "postgresql":
            return f"{column} = ANY(ARRAY({self._subquery(kind)}))"
        return f"{column} IN ({self._subquery(kind)})"

    def any_selected(self, column: str, select: str) -> str:
        """A condition: the column is one of the texts that the SELECT finds. Its index is used, as in `any_of`."""
        return (
            f"{column} = ANY(ARRAY({select}))" if self.vendor == "postgresql" else f"{column} IN ({select})"
        )

    def array(self, values: Iterable[Any]) -> Any:
        """The parameter of `any_of`. The statement and its plan stay the same, however many values there are."""
        return list(values) if self.vendor == "postgresql" else json.dumps(list(values))

    def subquery(self, values: Iterable[str]) -> RawSQL:
        """The values as a subquery, for the ORM's `__in`."""
        return RawSQL(self._subquery("text"), [self.array(values)])  # noqa: S611  (values are a parameter)

    def _subquery(self, kind: ColumnType) -> str:
        # %b sends the list in binary; as text, a list of texts takes ten times as long.
        if self.vendor == "postgresql":
            return f"SELECT unnest(%b::{kind}[])"
        return "SELECT value FROM json_each(%s)"

    def update_many(
        self, table: str, *, key: tuple[str, ColumnType], columns: Mapping[str, ColumnType]
    ) -> str:
        """An UPDATE of many rows by their key, for `update_rows`."""
        if self.vendor == "sqlite":
            assignments = ", ".join(f"{name} = %s" for name in columns)
            return f"UPDATE {table} SET {assignments} WHERE {key[0]} = %s"
        # One array a column. Django's bulk_update, an UPDATE of one CASE a row, was measured at four times the time.
        assignments = ", ".join(f"{name} = new.{name}" for name in columns)
        arrays = ", ".join(
            f"unnest(%s::{kind}[]) AS {name}" for name, kind in {**columns, key[0]: key[1]}.items()
        )
        return f"""
UPDATE {table} AS stored SET {assignments}
FROM (SELECT {arrays}) AS new
WHERE stored.{key[0]} = new.{key[0]}"""

    def update_rows(self, cursor: CursorWrapper, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Runs an `update_many`; a row is its columns' values and, last, its key."""
        if self.vendor == "sqlite":
            cursor.executemany(statement, rows)
        elif rows:
            cursor.execute(statement, [list(column) for column in zip(*rows, strict=True)])

    def create_batch_table(self) -> str:
        """The temporary table of the events that a fold works on; it lives as long as its connection."""
        if self.vendor == "postgresql":
            return (
                "CREATE TEMPORARY TABLE IF NOT EXISTS fold_batch (event_key uuid, environment text, event text,"
                " session_id text, occurred_at timestamptz, draft_id text, run_id text,"
                " agent_run_id text, properties jsonb) ON COMMIT DELETE ROWS"
            )
        return (
            "CREATE TEMPORARY TABLE IF NOT EXISTS fold_batch (event_key text, environment text, event text,"
            " session_id text, occurred_at text, draft_id text, run_id text,"
            " agent_run_id text, properties text)"
        )


def _seconds(moment: str) -> str:
    """SQLite's whole seconds since the epoch, cut off: some versions round a fraction of .9995 up."""
    return f"CAST(strftime({SECONDS}, substr({moment}, 1, 19)) AS INTEGER)"


def current() -> Dialect:
    """The dialect of the default database; raises KeyError for one that the portal does not support."""
    return Dialect(VENDORS[connection.vendor])
