import pytest

from pages.exporting.tables import NoSuchTable, read_table

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
    ]


def test_reads_a_list_by_the_names_of_its_cells() -> None:
    assert read_table(LIST, name="kpis") == [
        {"KPI": "Approval rate", "Value": "86.1%"},
        {"KPI": "Cost", "Target": "none"},
    ]


def test_a_table_without_rows_is_there() -> None:
    assert read_table(PAGE, name="none") == []


@pytest.mark.parametrize("name", ["", "x", "Runs"])
def test_another_name_is_no_table(name: str) -> None:
    with pytest.raises(NoSuchTable):
        read_table(PAGE, name=name)
