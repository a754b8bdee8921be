"""Reads a table out of a page of the portal: what its reader sees, and beside it the values behind the texts.

A table, or a list that is shown in another shape, has a name: `data-csv`. Of a list, `data-csv-row` begins a row and
`data-csv-cell` names a cell; within a cell of a table it names a column of its own. The values are in the elements that
the filter `computable` makes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

# They have no end tag.
VOID = {
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
}  # fmt: skip
DASH = "\N{EN DASH}"


class NoSuchTable(LookupError):
    """The page has no table of this name."""


class RowDoesNotFit(ValueError):
    """A row of a table has more or fewer cells than the table has columns."""


@dataclass
class TableCell:
    """`parts` are the pieces of its text, `values` what is behind them, by unit.

    `name` is the column's where the cell says it. A cell may lie across several columns.
    """

    name: str = ""
    width: int = 1
    parts: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        text = " ".join(" ".join(self.parts).split())
        return "" if text == DASH else text

    def columns(self, name: str) -> dict[str, str]:
        """Its text, then each of its values in a column that says the unit."""
        return {name: self.text} | {f"{name} ({unit})": value for unit, value in self.values.items()}


@dataclass
class OpenElement:
    """An element whose end did not come yet. What is in a silent one is no text of the table."""

    tag: str
    is_table: bool
    is_silent: bool
    cell: TableCell | None


class TableReader(HTMLParser):
    """Collects the rows of the table that has the name. The first row of a table has its columns' names."""

    def __init__(self, name: str) -> None:
        super().__init__(convert_charrefs=True)
        self.name = name
        self.is_found = False
        self.rows: list[list[TableCell]] = []
        self.open: list[OpenElement] = []

    @property
    def is_inside(self) -> bool:
        return any(element.is_table for element in self.open)

    @property
    def cell(self) -> TableCell | None:
        """The innermost one that is open."""
        return next((element.cell for element in reversed(self.open) if element.cell), None)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            return
        values = {name: value or "" for name, value in attrs}
        is_table = values.get("data-csv") == self.name
        self.is_found = self.is_found or is_table
        if self.is_inside and (tag == "tr" or "data-csv-row" in values):
            self.rows.append([])
        cell = self.begin_cell(tag, values)
        # A moment is written in full, in place of its text.
        moment = values.get("datetime", "") if tag == "time" else ""
        self.add_text(moment)
        self.add_value(values)
        is_silent = (
            bool(moment) or tag in {"svg", "caption"} or "hidden-text" in values.get("class", "").split()
        )
        self.open.append(OpenElement(tag=tag, is_table=is_table, is_silent=is_silent, cell=cell))

    def begin_cell(self, tag: str, values: dict[str, str]) -> TableCell | None:
        """None: the element is no cell."""
        is_cell = self.is_inside and (tag in {"th", "td"} or "data-csv-cell" in values)
        if not is_cell or not self.rows:
            return None
        cell = TableCell(name=values.get("data-csv-cell", ""), width=int(values.get("colspan") or 1))
        self.rows[-1].append(cell)
        return cell

    def handle_endtag(self, tag: str) -> None:
        while any(element.tag == tag for element in self.open):
            if self.open.pop().tag == tag:
                return

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A shape of a drawing."""

    def handle_data(self, data: str) -> None:
        if not any(element.is_silent for element in self.open):
            self.add_text(data)

    def add_text(self, text: str) -> None:
        if text and self.cell:
            self.cell.parts.append(text)

    def add_value(self, values: dict[str, str]) -> None:
        if "data-unit" in values and self.cell:
            self.cell.values[values["data-unit"]] = values.get("value", "")


def read_table(page: str, *, name: str) -> list[dict[str, str]]:
    """A row for each of the table's, by column. Raises NoSuchTable, and RowDoesNotFit."""
    reader = TableReader(name)
    reader.feed(page)
    if not reader.is_found:
        raise NoSuchTable(name)
    return in_order_of_columns(list(named_rows([row for row in reader.rows if row])))


def named_rows(rows: Sequence[Sequence[TableCell]]) -> Iterator[dict[str, str]]:
    """Of a list, each cell says its column; of a table, the first row does. A column without a name is left out."""
    if rows and rows[0][0].name:
        yield from (columns_of(row, names=[]) for row in rows)
        return
    names = [cell.text for cell in rows[0]] if rows else []
    yield from (columns_of(row, names=names) for row in rows[1:])


def columns_of(row: Sequence[TableCell], *, names: Sequence[str]) -> dict[str, str]:
    """What lies across columns is in the first of them. Raises RowDoesNotFit."""
    if sum(cell.width for cell in row if not cell.name) != len(names):
        raise RowDoesNotFit([cell.text for cell in row])
    columns: dict[str, str] = {}
    place = 0
    for cell in row:
        if cell.name:
            columns |= cell.columns(cell.name)
            continue
        spanned = names[place : place + cell.width]
        columns |= dict.fromkeys(filter(None, spanned), "") | (cell.columns(spanned[0]) if spanned[0] else {})
        place += cell.width
    return columns


def in_order_of_columns(rows: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """All rows have all columns. One that the first row lacks stands behind the column that is before it in its row."""
    order: list[str] = []
    for row in rows:
        place = 0
        for name in row:
            if name not in order:
                order.insert(place, name)
            place = order.index(name) + 1
    return [{name: row.get(name, "") for name in order} for row in rows]
