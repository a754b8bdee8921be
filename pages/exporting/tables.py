"""Reads a table out of a page of the portal, as its reader sees it.

A table, or a list that is shown in another shape, has a name: `data-csv`. Of a list, `data-csv-row` begins a row and
`data-csv-cell` names a cell.
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


@dataclass
class TableCell:
    """`parts` are the pieces of its text; `name` is the column's where the cell says it."""

    name: str = ""
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        text = " ".join(" ".join(self.parts).split())
        return "" if text == DASH else text


@dataclass
class OpenElement:
    """An element whose end did not come yet. What is in a silent one is no text of the table."""

    tag: str
    is_table: bool
    is_silent: bool
    is_cell: bool


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

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            return
        values = {name: value or "" for name, value in attrs}
        is_table = values.get("data-csv") == self.name
        self.is_found = self.is_found or is_table
        is_cell = self.is_inside and (tag in {"th", "td"} or "data-csv-cell" in values)
        if self.is_inside and (tag == "tr" or "data-csv-row" in values):
            self.rows.append([])
        if is_cell and self.rows:
            self.rows[-1].append(TableCell(name=values.get("data-csv-cell", "")))
        # A moment is written in full, in place of its text.
        moment = values.get("datetime", "") if tag == "time" else ""
        self.add_text(moment)
        is_silent = (
            bool(moment) or tag in {"svg", "caption"} or "hidden-text" in values.get("class", "").split()
        )
        self.open.append(OpenElement(tag=tag, is_table=is_table, is_silent=is_silent, is_cell=is_cell))

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
        if text and any(element.is_cell for element in self.open) and self.rows and self.rows[-1]:
            self.rows[-1][-1].parts.append(text)


def read_table(page: str, *, name: str) -> list[dict[str, str]]:
    """A row for each of the table's, by column. Raises NoSuchTable."""
    reader = TableReader(name)
    reader.feed(page)
    if not reader.is_found:
        raise NoSuchTable(name)
    return list(named_rows([row for row in reader.rows if row]))


def named_rows(rows: Sequence[Sequence[TableCell]]) -> Iterator[dict[str, str]]:
    """Of a list, each cell says its column; of a table, the first row does. A column without a name is left out."""
    if rows and rows[0][0].name:
        yield from ({cell.name: cell.text for cell in row} for row in rows)
        return
    names = [cell.text for cell in rows[0]] if rows else []
    for row in rows[1:]:
        # A row of fewer cells is words across the table.
        if len(row) == len(names):
            yield {name: cell.text for name, cell in zip(names, row, strict=True) if name}
