import pytest

from pages.exporting.tables import NoSuchTable, RowDoesNotFit, read_table

PAGE = """
<h1>Runs</h1><table><tr><td>another</td></tr></table>
<table data-csv="runs">
  <caption>Not a row</caption>
  <thead><tr><th>Run<svg><title>sorted</title><path d="M0 0"/></svg></th>
    <th>Started</th><th>Cost</th><th></th></tr></thead>
  <tbody>
    <tr><th><a href="/x">r-1</a><br><small>late&nbsp;one</small></th>
      <td><time datetime="2026-02-15T10:00:00+00:00">15 Feb, <b>10:00</b></time></td><td>&#36;1.50</td><td>x</td></tr>
    <tr><th>=cmd()<span class="hidden-text"> hidden</span></th><td>\N{EN DASH}</td><td>2 &lt; 3</td><td></td></tr>
    <tr><td colspan="4">Nothing more</td></tr>
  </tbody>
</table>
<table data-csv="none"><tr><th>A</th></tr></table>
"""
LIST = """
<div data-csv="kpis"><h2>Operator</h2>
  <article data-csv-row><h3 data-csv-cell="KPI"><a href="/">Approval rate</a></h3><p>left out</p>
    <span data-csv-cell="Value">86.1%</span></article>
  <article data-csv-row><h3 data-csv-cell="KPI">Cost</h3><dd data-csv-cell="Target">none</dd></article>
</div>
"""


def test_reads_the_rows_of_the_named_table_as_they_are_seen() -> None:
    assert read_table(PAGE, name="runs") == [
        {"Run": "r-1 late one", "Started": "2026-02-15T10:00:00+00:00", "Cost": "$1.50"},
        {"Run": "=cmd()", "Started": "", "Cost": "2 < 3"},
        {"Run": "Nothing more", "Started": "", "Cost": ""},
    ]


def test_reads_a_list_by_the_names_of_its_cells() -> None:
    assert read_table(LIST, name="kpis") == [
        {"KPI": "Approval rate", "Value": "86.1%", "Target": ""},
        {"KPI": "Cost", "Value": "", "Target": "none"},
    ]


def test_what_is_behind_a_text_has_a_column_that_says_its_unit() -> None:
    page = """<table data-csv="t"><tr><th>Run</th><th>Took</th><th>Cost</th></tr>
      <tr><td>r-1</td><td>\N{EN DASH}</td><td>$2</td></tr>
      <tr><td>r-2 <i data-csv-cell="Begun">at ten</i></td>
        <td><data value="72.25" data-unit="seconds">1 min 12 s</data></td><td>$3</td></tr></table>"""

    assert read_table(page, name="t") == [
        {"Run": "r-1", "Begun": "", "Took": "", "Took (seconds)": "", "Cost": "$2"},
        {"Run": "r-2", "Begun": "at ten", "Took": "1 min 12 s", "Took (seconds)": "72.25", "Cost": "$3"},
    ]


@pytest.mark.parametrize("cells", ["<td>1</td>", "<td>1</td><td>2</td><td>3</td>", '<td colspan="3">1</td>'])
def test_a_row_of_another_width_is_an_error_and_does_not_vanish(cells: str) -> None:
    page = f'<table data-csv="t"><tr><th>A</th><th>B</th></tr><tr>{cells}</tr></table>'

    with pytest.raises(RowDoesNotFit):
        read_table(page, name="t")


def test_a_table_without_rows_is_there() -> None:
    assert read_table(PAGE, name="none") == []


@pytest.mark.parametrize("name", ["", "x", "Runs"])
def test_another_name_is_no_table(name: str) -> None:
    with pytest.raises(NoSuchTable):
        read_table(PAGE, name=name)
