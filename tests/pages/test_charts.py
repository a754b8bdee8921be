import pytest

from pages.charts import Box, Scale, area_path, last_point, line_path, make_scale

BOX = Box(width=100, height=50)


@pytest.mark.parametrize(
    ("highest", "unit", "ticks"),
    [
        (0.31, "ratio", (0, 0.1, 0.2, 0.3, 0.4)),
        (0.8, "ratio", (0, 0.2, 0.4, 0.6, 0.8)),
        (95, "count", (0, 25, 50, 75, 100)),
        (1500, "seconds", (0, 600, 1200, 1800)),
        (200, "seconds", (0, 60, 120, 180, 240)),
        (3, "seconds", (0, 1, 2, 3)),
    ],
)
def test_makes_round_ticks_from_zero_that_hold_every_value(
    highest: float, unit: str, ticks: tuple[float, ...]
) -> None:
    scale = make_scale([None, highest, 0], unit=unit)
    assert scale.ticks == pytest.approx(ticks)
    assert scale.top == pytest.approx(ticks[-1])
    assert scale.top >= highest


@pytest.mark.parametrize("values", [[], [None], [0, 0]])
def test_makes_a_scale_of_nothing(values: list[float | None]) -> None:
    assert make_scale(values, unit="count") == Scale(top=1, ticks=(0, 0.25, 0.5, 0.75, 1))


def test_makes_a_scale_of_values_beyond_every_step() -> None:
    assert make_scale([1e300], unit="count").top >= 1e300


def test_draws_a_line_with_points_in_the_middle_of_their_slots() -> None:
    assert line_path([0, 5, 10, 20], box=BOX, top=10) == "M12.5 50 L37.5 25 L62.5 0 L87.5 0"


def test_leaves_a_gap_where_there_is_no_value_and_a_dot_for_a_lone_one() -> None:
    assert line_path([10, 10, None, 10], box=BOX, top=10) == "M12.5 0 L37.5 0 M87.5 0 h0.01"


def test_draws_the_area_under_each_stretch() -> None:
    assert area_path([10, 0, None, 10], box=BOX, top=10) == "M12.5 50 L12.5 0 L37.5 50 L37.5 50 Z"


def test_draws_nothing_of_nothing() -> None:
    assert (line_path([], box=BOX, top=1), area_path([None], box=BOX, top=1)) == ("", "")
    assert last_point([None], box=BOX, top=1) is None


def test_finds_the_last_value() -> None:
    assert last_point([10, 5, None], box=BOX, top=10) == ("50", "25")
