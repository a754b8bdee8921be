"""Audit entries as CSV and JSON."""

import csv
import json
from collections.abc import Iterable, Iterator
from typing import Any

from audit.models import AuditEntry
from kpis.api.csv_export import safe_cell

COLUMNS = (
    "time",
    "actor",
    "address",
    "action",
    "type",
    "object",
    "object_id",
    "environment",
    "changes",
    "details",
    "request_id",
)


def record_of(entry: AuditEntry) -> dict[str, Any]:
    """The entry as JSON, with the names of COLUMNS; the time is RFC 3339 in UTC."""
    values = (
        entry.timestamp.isoformat().replace("+00:00", "Z"),
        entry.actor_name,
        entry.remote_addr,
        entry.verb,
        f"{entry.content_type.app_label}.{entry.content_type.model}",
        entry.object_repr,
        entry.object_pk,
        entry.environment,
        entry.changes or {},
        entry.additional_data or {},
        entry.cid,
    )
    return dict(zip(COLUMNS, values, strict=True))


def csv_lines(entries: Iterable[AuditEntry]) -> Iterator[str]:
    """The entries below a header. No cell can be a formula; changes and details are JSON in their cells."""
    writer = csv.writer(EchoFile())
    yield writer.writerow(COLUMNS)
    for entry in entries:
        yield writer.writerow([csv_cell(value) for value in record_of(entry).values()])


def csv_cell(value: Any) -> object:
    is_nested = isinstance(value, dict | list)
    return safe_cell(json.dumps(value, ensure_ascii=False, sort_keys=True) if is_nested else value)


def json_lines(entries: Iterable[AuditEntry]) -> Iterator[str]:
    """A JSON list, an entry a line."""
    separator = "[\n"
    for entry in entries:
        yield separator + json.dumps(record_of(entry), ensure_ascii=False)
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"


class EchoFile:
    """Gives back what is written, so that csv's writer makes one line at a time."""

    def write(self, line: str) -> str:
        return line
