from collections.abc import Sequence

import pytest
from django.http import Http404

from pages.page_request import PageState
from pages.usage.sorting import SortColumn, SortOrder, headings, sort_rows

Row = tuple[str, float | None]
COLUMNS: Sequence[SortColumn[Row]] = (
    SortColumn(name="name", label="Name", key=lambda row: row[0], is_text=True),
    SortColumn(name="cost", label="Cost", key=lambda row: row[1]),
)
ROWS: Sequence[Row] = (("b", 1), ("a", None), ("c", 2))


@pytest.mark.parametrize(
    ("sort", "names"),
    [("name", "abc"), ("-name", "cba"), ("cost", "bca"), ("-cost", "cba")],
)
def test_sorts_both_ways_with_what_has_no_value_last(sort: str, names: str) -> None:
    order = SortOrder.from_query({"sort": sort}, names=["name", "cost"], default="name")

    assert "".join(row[0] for row in sort_rows(ROWS, columns=COLUMNS, order=order)) == names


def test_a_heading_leads_to_the_other_direction_and_the_default_stays_out_of_the_url() -> None:
    order = SortOrder.from_query({"sort": "-cost"}, names=["name", "cost"], default="-cost")
    state = PageState(environment="staging").with_extra(sort="")

    name, cost = headings(COLUMNS, order=order, default="-cost", state=state)

    assert (name.url, name.sorted) == ("?environment=staging&sort=name", "")
    assert (cost.url, cost.sorted) == ("?environment=staging&sort=cost", "descending")
    turned = SortOrder.from_query({"sort": "cost"}, names=["cost"], default="-cost")
    assert headings(COLUMNS, order=turned, default="-cost", state=state)[1].url == "?environment=staging"


@pytest.mark.parametrize("sort", ["price", "--cost", "\x00"])
def test_there_is_no_order_by_another_column(sort: str) -> None:
    with pytest.raises(Http404):
        SortOrder.from_query({"sort": sort}, names=["name", "cost"], default="name")
