"""KPI series as CSV, for spreadsheets."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from rest_framework.renderers import BaseRenderer

# A cell that begins like this is a formula to a spreadsheet, whatever it says.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
# Of an answer, on every row: a file must say by itself what it shows.
HEAD = ("kpi", "environment", "time_zone", "unit")


class CsvRenderer(BaseRenderer):
    """The series of a KPI answer, or of each value of its breakdown; the same fields as in JSON, flat."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(
        self,
        data: Mapping[str, Any],
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return write_csv(rows_of(data)).encode()


def rows_of(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row a period; with a breakdown, a row a period and value."""
    head = {name: answer[name] for name in HEAD}
    if "breakdown" not in answer:
        return [head | row for row in answer["series"]]
    return [
        head | {"dimension": answer["dimension"], "dimension_value": part["value"]} | row
        for part in answer["breakdown"]
        for row in part["series"]
    ]


def write_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows with a header of every name that occurs, in order of appearance; "" for no rows."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, fieldnames=names, restval="")
    if names:
        writer.writeheader()
    writer.writerows({name: safe_cell(value) for name, value in row.items()} for row in rows)
    return file.getvalue()


def safe_cell(value: object) -> object:
    """Text that a spreadsheet would run as a formula gets an apostrophe before it (OWASP, CSV injection)."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
