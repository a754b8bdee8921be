"""Tables that people sort by a column: the order is in the URL, and each heading is a link to the next one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

from django.http import Http404

from pages.page_request import PageState

T = TypeVar("T")
PARAMETER = "sort"


@dataclass(frozen=True, kw_only=True)
class SortColumn(Generic[T]):
    """A column; `key` gives a row's number or text to sort by, None where it has none: those come last."""

    name: str
    label: str
    key: Callable[[T], float | str | None]
    is_text: bool = False
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class SortOrder:
    """By which column rows are sorted."""

    column: str
    is_descending: bool

    @classmethod
    def from_query(cls, query: Mapping[str, str], *, names: Sequence[str], default: str) -> Self:
        """From `cost` or `-cost`, which has the highest first. Raises Http404 for a column that the table lacks."""
        text = query.get(PARAMETER, "") or default
        order = cls(column=text.removeprefix("-"), is_descending=text.startswith("-"))
        if order.column not in names:
            raise Http404("There is no column of this name.")
        return order

    @property
    def text(self) -> str:
        return f"{'-' if self.is_descending else ''}{self.column}"


@dataclass(frozen=True, kw_only=True)
class Heading:
    """A column's heading; `sorted` is ascending, descending or "" (as aria-sort has it)."""

    label: str
    hint: str
    url: str
    sorted: str


def headings(
    columns: Sequence[SortColumn[Any]], *, order: SortOrder, default: str, state: PageState
) -> list[Heading]:
    """A second click turns the order round."""
    return [
        Heading(
            label=column.label,
            hint=column.hint,
            url=state.with_extra(**{PARAMETER: next_order(column, order=order, default=default)}).link(),
            sorted=direction(order) if column.name == order.column else "",
        )
        for column in columns
    ]


def next_order(column: SortColumn[Any], *, order: SortOrder, default: str) -> str:
    """The order behind the column's heading: the highest number or the first name first; "" for the default."""
    is_descending = not order.is_descending if column.name == order.column else not column.is_text
    text = SortOrder(column=column.name, is_descending=is_descending).text
    return "" if text == default else text


def direction(order: SortOrder) -> str:
    return "descending" if order.is_descending else "ascending"


def sort_rows(rows: Sequence[T], *, columns: Sequence[SortColumn[T]], order: SortOrder) -> list[T]:
    """Rows without a value come last, whatever the direction; equal ones keep their order."""
    key = next(column.key for column in columns if column.name == order.column)
    known = [row for row in rows if key(row) is not None]
    unknown = [row for row in rows if key(row) is None]
    return [*sorted(known, key=key, reverse=order.is_descending), *unknown]  # type: ignore[arg-type]  # None is left out.
