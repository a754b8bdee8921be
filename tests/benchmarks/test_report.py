import pytest

from benchmarks.report import Comparison, table


@pytest.mark.parametrize(
    ("bar", "portal", "is_met"),
    [
        (">= 0.6", 60.0, True),
        (">= 0.6", 59.9, False),
        ("<= 1.2", 120.0, True),
        ("<= 1.2", 120.1, False),
    ],
)
def test_a_bar_bounds_the_ratio_and_holds_at_its_bound(bar, portal, is_met):
    line = Comparison(name="x", unit="ms", bar=bar, portal=[portal], reference=[100.0])
    assert line.is_met() is is_met


def test_rounds_are_compared_pair_by_pair_and_the_median_is_judged():
    line = Comparison(name="x", unit="ms", bar=">= 0.6", portal=[5, 70, 8], reference=[10, 100, 10])

    assert line.ratios() == [0.5, 0.7, 0.8]
    assert line.judged_figure() == 0.7


def test_without_a_reference_the_figure_itself_is_judged():
    assert Comparison(name="x", unit="ms", bar="<= 100", portal=[90, 99, 300]).is_met()
    assert not Comparison(name="x", unit="ms", bar="<= 100", portal=[101]).is_met()


def test_the_table_names_what_was_missed():
    lines = [
        Comparison(name="fast", unit="events/s", bar=">= 0.6", portal=[90_000], reference=[100_000]),
        Comparison(name="slow", unit="events/s", bar=">= 0.6", portal=[50.5], reference=[100]),
        Comparison(name="alone", unit="MB", portal=[12.34]),
    ]

    rows = [line.split() for line in table("(x) title", lines).splitlines()]

    assert rows == [
        ["(x)", "title", "portal", "reference", "ratio", "(min..max)", "bar"],
        ["fast", "90,000", "events/s", "100,000", "events/s", "0.90", "(0.90..0.90)", ">=", "0.6", "met"],
        ["slow", "50.5", "events/s", "100.0", "events/s", "0.51", "(0.51..0.51)", ">=", "0.6", "MISSED"],
        ["alone", "12.3", "MB", "-"],
    ]
