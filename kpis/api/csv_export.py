"""KPI series as CSV, for spreadsheets."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from rest_framework.renderers import BaseRenderer

# A spreadsheet runs a cell that begins like this as a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
# These stand on every row, because a file must say by itself what it shows.
REPEATED_FIELDS = ("kpi", "environment", "time_zone", "unit")


class CsvRenderer(BaseRenderer):
    """Writes the series of a KPI's answer, or the series of each value of its breakdown, with JSON's fields."""

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
    """A row for each period of a KPI's answer; with a breakdown, for each period of each value."""
    repeated = {name: answer[name] for name in REPEATED_FIELDS}
    if "breakdown" not in answer:
        return [repeated | period for period in answer["series"]]
    return [
        repeated | {"dimension": answer["dimension"], "dimension_value": part["value"]} | period
        for part in answer["breakdown"]
        for period in part["series"]
    ]


def write_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows below a header with every name that occurs, in order of appearance; "" without rows."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, fieldnames=names, restval="")
    if names:
        writer.writeheader()
    writer.writerows({name: safe_cell(value) for name, value in row.items()} for row in rows)
    return file.getvalue()


def safe_cell(value: object) -> object:
    """The cell as it is; with an apostrophe before text that a spreadsheet would run.

    Source: OWASP, "CSV Injection".
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
