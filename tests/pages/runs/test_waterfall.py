from datetime import timedelta

import pytest

from pages.runs.waterfall import LEAST_WIDTH, RunSpan, Waterfall, lay_out, make_ticks
from tests.builders import NOW


def span(key: str, start: float = 0, end: float | None = 1, *, parent: str = "", **fields: str) -> RunSpan:
    """Seconds after NOW."""
    return RunSpan(
        key=key,
        parent=parent,
        kind="agent",
        name=key,
        note="",
        start=NOW + timedelta(seconds=start),
        end=None if end is None else NOW + timedelta(seconds=end),
        state="completed",
    )


def laid_out(*spans: RunSpan, seconds: float = 10) -> Waterfall:
    return lay_out(spans, start=NOW, end=NOW + timedelta(seconds=seconds))


def places(fall: Waterfall) -> list[tuple[str, int]]:
    return [(row.span.key, row.depth) for row in fall.rows]


def test_children_stand_below_their_parents_by_time() -> None:
    fall = laid_out(
        span("late child", 3, parent="root"), span("root"), span("child", 1, parent="root"), span("next", 2)
    )

    assert places(fall) == [("root", 0), ("child", 1), ("late child", 1), ("next", 0)]


def test_a_span_of_an_unknown_parent_or_of_itself_is_a_root() -> None:
    assert places(laid_out(span("a", parent="gone"), span("b", 1, parent="b"))) == [("a", 0), ("b", 0)]


def test_spans_that_go_round_in_a_circle_are_each_shown_once() -> None:
    fall = laid_out(span("a", parent="b"), span("b", 1, parent="c"), span("c", 2, parent="a"))

    assert sorted(key for key, _ in places(fall)) == ["a", "b", "c"]


def test_two_spans_of_one_key_are_both_shown_and_their_children_once() -> None:
    fall = laid_out(span("a"), span("a", 1), span("child", 2, parent="a"))

    assert [key for key, _ in places(fall)] == ["a", "child", "a"]


def test_bars_lie_where_their_times_are() -> None:
    (row,) = laid_out(span("a", 2.5, 5)).rows

    assert (row.bar.x, row.bar.width, row.offset_seconds, row.seconds) == (25, 25, 2.5, 2.5)


def test_what_goes_on_reaches_to_the_end() -> None:
    (row,) = laid_out(span("a", 4, None)).rows

    assert (row.bar.x, row.bar.width) == (40, 60)


def test_the_line_of_time_spans_what_lies_outside_of_the_run() -> None:
    fall = laid_out(span("early", -10, -5), span("late", 15, 20))

    assert fall.seconds == 30
    assert [row.bar.x for row in fall.rows] == [0, pytest.approx(83.33)]


@pytest.mark.parametrize("start", [0, 5, 10])
def test_what_took_no_time_can_be_seen_within_the_drawing(start: float) -> None:
    (row,) = laid_out(span("a", start, start)).rows

    assert row.bar.width == pytest.approx(LEAST_WIDTH)
    assert row.bar.x + row.bar.width <= 100


def test_an_end_before_the_start_is_no_length() -> None:
    (row,) = laid_out(span("a", 5, 4)).rows

    assert (row.seconds, row.bar.width) == (0, LEAST_WIDTH)


def test_marks_stand_on_the_row_of_their_agent() -> None:
    end = NOW + timedelta(seconds=10)

    (row,) = lay_out([span("a", 0, 10)], start=NOW, end=end, marks={"a": [span("call", 5, 6)]}).rows

    assert [(mark.x, mark.width) for mark in row.marks] == [(50, 10)]


@pytest.mark.parametrize(
    ("seconds", "ticks"),
    [
        (10, [0, 2, 4, 6, 8]),
        (0.001, [0]),
        (90, [0, 15, 30, 45, 60, 75]),
        (3600, [0, 600, 1200, 1800, 2400, 3000]),
    ],
)
def test_ticks_are_round(seconds: float, ticks: list[float]) -> None:
    assert [tick.seconds for tick in make_ticks(seconds)] == ticks


@pytest.mark.parametrize("seconds", [0.001, 1, 59, 3_601, 86_400 * 400, 10**10])
def test_ticks_are_few_and_begin_at_zero(seconds: float) -> None:
    ticks = make_ticks(seconds)

    assert ticks[0].x == 0
    assert len(ticks) <= 7


def test_a_run_of_hundreds_of_spans_is_laid_out() -> None:
    chain = [span(str(number), number, parent=str(number - 1)) for number in range(2_000)]

    assert len(laid_out(*chain).rows) == 2_000
