"""KPI series as CSV, for spreadsheets."""

import csv
import io
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from kpis.reading.periods import Range, dates_of

# A spreadsheet runs a cell that begins like this as a formula. The minus sign has no simpler form in Unicode.
FORMULA_STARTS = frozenset("=+-@|%\u2212")
# It may begin a new cell, or be dropped.
CONTROL_STARTS = frozenset("\t\r\n\v\f\0")
# Spaces, and what is not seen: byte order marks, zero-width characters, marks of direction.
UNSEEN = {"Zs", "Zl", "Zp", "Cf", "Cc"}
NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
# These stand on every row, because a file must say by itself what it shows.
REPEATED_FIELDS = ("kpi", "environment", "time_zone", "unit")
LATER_FIELDS = ("interval", "is_too_close_to_call")


class CsvRenderer(BaseRenderer):
    """Writes the series of a KPI's answer, or the series of each value of its breakdown, with JSON's fields.

    The renderer of another answer has a `rows_of` of its own.
    """

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(
        self,
        data: Mapping[str, Any],
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return write_csv(self.rows_of(data)).encode()

    @staticmethod
    def rows_of(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
        return rows_of(answer)


def file_headers(request: Request, name: str, *, environment: str, range: Range) -> dict[str, str]:
    """The header that names the file where the answer is CSV: production-costs-2026-02-01-2026-02-28.csv."""
    if request.accepted_renderer.format != CsvRenderer.format:
        return {}
    file_name = f"{environment or 'none'}-{name}-{dates_of(range)}.csv"
    return {"Content-Disposition": f'attachment; filename="{file_name}"'}


def rows_of(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each period of a KPI's answer; with a breakdown, for each period of each value.

    Further values that are one have rows without a value, which say so in the last column.
    """
    repeated = {name: answer[name] for name in REPEATED_FIELDS}
    if "breakdown" not in answer:
        return [repeated | cells_of(period) for period in answer["series"]]
    rows = [
        repeated | {"dimension": answer["dimension"], "dimension_value": part["value"]} | cells_of(period)
        for part in answer["breakdown"]
        for period in part["series"]
    ]
    return rows + [
        repeated
        | {"dimension": answer["dimension"], "dimension_value": ""}
        | cells_of(period)
        | {"other_values": answer["breakdown_other"]["values"]}
        for period in answer.get("breakdown_other", {}).get("series", [])
    ]


def cells_of(period: Mapping[str, Any]) -> dict[str, Any]:
    """The period's fields, and at the end what came to be after the first files: those keep their columns."""
    cells = {name: value for name, value in period.items() if name not in LATER_FIELDS}
    interval = period["interval"] or {}
    ends = {f"interval_{name}": interval.get(name) for name in ("low", "high", "level")}
    return {**cells, **ends, "is_too_close_to_call": period["is_too_close_to_call"]}


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
    """The cell as it is; with an apostrophe before text that a spreadsheet would run. Numbers stay numbers.

    Source: OWASP, "CSV Injection".
    """
    return f"'{value}" if isinstance(value, str) and is_formula(value) else value


def is_formula(text: str) -> bool:
    """Whether a spreadsheet may read the text as a formula: by its first character that is seen, in any width."""
    if NUMBER.fullmatch(text):
        return False
    seen = next((character for character in text if unicodedata.category(character) not in UNSEEN), "")
    return text[:1] in CONTROL_STARTS or unicodedata.normalize("NFKC", seen)[:1] in FORMULA_STARTS
