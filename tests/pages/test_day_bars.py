from pages.day_bars import HEIGHT, LEAST_HEIGHT, DayBar, make_bars


def heights(bars: list[DayBar]) -> list[float]:
    return [bar.height for bar in bars]


def test_a_bar_of_full_height_is_the_top() -> None:
    bars = make_bars([0, 5, 10], labels=["a", "b", "c"], top=10)

    assert [(bar.label, bar.height, bar.y) for bar in bars] == [
        ("b", HEIGHT / 2, HEIGHT / 2),
        ("c", HEIGHT, 0),
    ]


def test_one_that_is_above_makes_the_others_smaller() -> None:
    assert heights(make_bars([10, 40], labels=["a", "b"], top=10)) == [HEIGHT / 4, HEIGHT]


def test_a_little_is_seen_and_nothing_is_not() -> None:
    assert heights(make_bars([0, 0.0001], labels=["a", "b"], top=10)) == [LEAST_HEIGHT]
