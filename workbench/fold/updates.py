"""Updates of many rows by their key, and values as the database takes them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Model

from workbench.dialect import ColumnType
from workbench.fold.batch import Batch


def adapt_moment(value: datetime | None) -> Any:
    return connection.ops.adapt_datetimefield_value(value)


def adapt_key(value: UUID) -> Any:
    """An event key: a UUID on PostgreSQL, 32 hex digits on SQLite."""
    return value if connection.features.has_native_uuid_field else value.hex


def update_rows(
    batch: Batch,
    model: type[Model],
    *,
    key: tuple[str, ColumnType],
    columns: Mapping[str, ColumnType],
    rows: Sequence[tuple[Any, ...]],
) -> None:
    """Sets the columns of many rows; a row is the columns' values and, last, its key."""
    statement = batch.dialect.update_many(model._meta.db_table, key=key, columns=columns)
    batch.dialect.update_rows(batch.cursor, statement, rows)
