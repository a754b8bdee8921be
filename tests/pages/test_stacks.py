import pytest

from pages.stacks import HEIGHT, WIDTH, StackSeries, make_stacks, round_top


@pytest.mark.parametrize(
    ("highest", "top"),
    [(0, 1), (0.0035, 0.004), (1, 1), (1.01, 1.2), (4.5, 5), (7, 8), (9, 10), (10, 10), (1234, 1600)],
)
def test_the_axis_ends_at_a_round_number(highest: float, top: float) -> None:
    assert round_top(highest) == pytest.approx(top)


def test_parts_stand_on_each_other_and_fill_the_height() -> None:
    series = [
        StackSeries(key="1", name="a", text="", values=[1, 0]),
        StackSeries(key="2", name="b", text="", values=[3, 2]),
    ]

    first, second = make_stacks(series, hints=["mon", "tue"], top=4)

    assert [(part.key, part.y, part.height) for part in first.parts] == [
        ("1", HEIGHT * 0.75, HEIGHT * 0.25),
        ("2", 0, HEIGHT * 0.75),
    ]
    assert [(part.key, part.y) for part in second.parts] == [("2", HEIGHT / 2)]
    assert (second.slot_x, second.slot_width) == (WIDTH / 2, WIDTH / 2)
