"""Geometry of the charts that the server draws as SVG; they need no script. No domain knowledge in here."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

Values = Sequence[float | None]

DECIMAL_STEPS = tuple(mantissa * 10**exponent for exponent in range(-6, 12) for mantissa in (1, 2, 2.5, 5))
# Seconds are read in minutes, hours and days.
TIME_STEPS = (
    *(step for step in DECIMAL_STEPS if step <= 10),
    *(15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200),
    *(86400 * mantissa * 10**exponent for exponent in range(6) for mantissa in (1, 2, 5)),
)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """An axis from zero to `top`; `ticks` from the lowest to the highest, both ends included."""

    top: float
    ticks: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Box:
    """The drawing area; x to the right, y downwards, as SVG has it."""

    width: float
    height: float
    # Kept free above and below, so that no line is cut at its edge.
    margin: float = 0


def make_scale(values: Values, *, unit: str, steps: int = 4) -> Scale:
    """A scale with round ticks that holds every value, from zero up, so that heights can be compared."""
    highest = max((value for value in values if value is not None), default=0) or 1
    candidates = TIME_STEPS if unit == "seconds" else DECIMAL_STEPS
    step = next((step for step in candidates if step * steps >= highest), highest / steps)
    number = next(number for number in range(1, steps + 1) if step * number >= highest or number == steps)
    return Scale(top=step * number, ticks=tuple(step * index for index in range(number + 1)))


def line_path(values: Values, *, box: Box, top: float) -> str:
    """The path of a line; None is a gap, a value between two gaps a point."""
    return " ".join(_run_path(run) for run in _runs(values, box=box, top=top))


def area_path(values: Values, *, box: Box, top: float) -> str:
    """The closed path of what lies under the line."""
    floor = number_text(box.height)
    return " ".join(
        f"M{number_text(run[0][0])} {floor} L{_points(run)} L{number_text(run[-1][0])} {floor} Z"
        for run in _runs(values, box=box, top=top)
        if len(run) > 1
    )


def height_at(value: float, *, box: Box, top: float) -> str:
    """y of a value."""
    return number_text(_y(value, box=box, top=top))


def last_point(values: Values, *, box: Box, top: float) -> tuple[str, str] | None:
    """x and y of the last value that there is."""
    runs = _runs(values, box=box, top=top)
    return (number_text(runs[-1][-1][0]), number_text(runs[-1][-1][1])) if runs else None


def number_text(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _runs(values: Values, *, box: Box, top: float) -> list[list[tuple[float, float]]]:
    """Points of the stretches without a gap; each point in the middle of its slot."""
    slot = box.width / max(len(values), 1)
    points = [
        None if value is None else (slot * (index + 0.5), _y(value, box=box, top=top))
        for index, value in enumerate(values)
    ]
    return [
        [point for point in run if point is not None]
        for is_gap, run in groupby(points, key=lambda point: point is None)
        if not is_gap
    ]


def _y(value: float, *, box: Box, top: float) -> float:
    height = box.height - 2 * box.margin
    return box.margin + height * (1 - min(max(value / top, 0), 1))


def _run_path(run: Sequence[tuple[float, float]]) -> str:
    # A lone point is a line of no length: round line caps make it a dot.
    return f"M{_points(run)}" if len(run) > 1 else f"M{_points(run)} h0.01"


def _points(run: Sequence[tuple[float, float]]) -> str:
    return " L".join(f"{number_text(x)} {number_text(y)}" for x, y in run)
