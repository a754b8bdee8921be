import pytest

from pages.sparkline import HEIGHT, MARGIN, Sparkline, make_sparkline

# With a view box of 240 by 56 and a margin of 4: 4 slots are 60 wide, and y runs from 52 up to 4.


def draw(values: list[float | None], *, target: float | None = None, is_open: bool = False) -> Sparkline:
    sparkline = make_sparkline(values, target=target, is_open=is_open)
    assert sparkline is not None
    return sparkline


@pytest.mark.parametrize("values", [[], [None], [None, None]], ids=["no period", "one", "two"])
def test_draws_nothing_where_there_is_no_value(values: list[float | None]) -> None:
    assert make_sparkline(values, target=1, is_open=True) is None


def test_draws_points_in_the_middle_of_their_slots_from_zero_to_the_highest_value() -> None:
    assert draw([0, 5, 10, 10]).line == "M30 52 L90 28 L150 4 L210 4"


def test_leaves_a_gap_where_there_is_no_value_and_draws_a_dot_for_a_lone_one() -> None:
    assert draw([10, 10, None, 10]).line == "M30 4 L90 4 M210 4 h0.01"


def test_fills_the_area_under_each_stretch() -> None:
    assert draw([10, 0, None, 10]).area == f"M30 {HEIGHT} L30 4 L90 52 L90 {HEIGHT} Z"


def test_draws_zeros_at_the_bottom() -> None:
    assert draw([0, 0, 0, 0]).line == "M30 52 L90 52 L150 52 L210 52"


@pytest.mark.parametrize(
    ("target", "line"),
    [(None, ""), (5, "M0 28 H240"), (10, f"M0 {MARGIN} H240"), (20, f"M0 {MARGIN} H240")],
    ids=["no target", "below the highest value", "at it", "above it"],
)
def test_draws_the_target_within_the_picture(target: float | None, line: str) -> None:
    assert draw([0, 10], target=target).target == line


def test_marks_the_last_value() -> None:
    assert draw([10, 5, None, None]).end == "M90 28 h0.01"


def test_leads_to_a_period_that_is_not_over_with_a_line_of_its_own() -> None:
    sparkline = draw([10, 10, 10, 5], is_open=True)

    assert sparkline.line == "M30 4 L90 4 L150 4"
    assert sparkline.open_line == "M150 4 L210 28"
    assert sparkline.is_open


@pytest.mark.parametrize(
    ("values", "is_open"),
    [([10.0, 10.0], False), ([10.0, None], True)],
    ids=["every period is over", "nothing happened in the open one yet"],
)
def test_draws_no_open_end_without_an_open_value(values: list[float | None], is_open: bool) -> None:
    sparkline = draw(values, is_open=is_open)

    assert (sparkline.open_line, sparkline.is_open) == ("", False)
