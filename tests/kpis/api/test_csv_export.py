import csv
import io

import pytest

from kpis.api.csv_export import safe_cell, write_csv

FORMULAS = [
    *("=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "|calc", "%0A"),
    # In other widths, and behind what is not seen.
    *("\uff1d1+1", "\uff0b1", "\uff0d1+1", "\uff20SUM(1)", "\ufe661+1", "\ufe63cmd", "\u22121+1"),
    *(" =1+1", "\u00a0=1", "\u200b=1", "\ufeff=1", "\u202e=1", "\u2066@x", "\u3000=1"),
    *('=HYPERLINK("http://evil.example","x")', "=cmd|' /C calc'!A0", "+49 170 12", "--1", "-1e", "=-1"),
]
HARMLESS = [
    *("", "chat", "a=b", "1-2", "n/a", "'=1", "\u00e9", "\U0001f600", "#REF!", '"=1'),
    *("-1", "+1", "-0.25", "1e-7", "-1.5E+3", "0"),
]


@pytest.mark.parametrize("text", FORMULAS)
def test_text_that_begins_a_formula_is_made_text(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert safe_cell(text) == text


@pytest.mark.parametrize("number", [-1, -0.25, 1e-7, 0, True, None])
def test_numbers_stay_numbers(number: object) -> None:
    assert safe_cell(number) is number


def test_a_file_has_the_same_cells_when_it_is_read() -> None:
    rows = [{"dimension_value": text, "value": -0.5} for text in (*FORMULAS, *HARMLESS)]

    read = list(csv.DictReader(io.StringIO(write_csv(rows), newline="")))

    assert [row["dimension_value"] for row in read] == [f"'{text}" for text in FORMULAS] + HARMLESS
    assert {row["value"] for row in read} == {"-0.5"}
