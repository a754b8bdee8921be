"""The small line of a KPI's card, drawn as SVG by the server. It needs no script."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

Values = Sequence[float | None]
Point = tuple[float, float]

# The view box of _sparkline.html; x to the right, y downwards.
WIDTH = 240
HEIGHT = 56
# Kept free above and below, so that no line is cut at its edge.
MARGIN = 4


@dataclass(frozen=True, kw_only=True)
class Sparkline:
    """Paths of a line over the periods that are over. A dotted one leads on to the period that is not."""

    line: str
    area: str
    open_line: str
    target: str
    end: str
    is_open: bool


def make_sparkline(values: Values, *, target: float | None, is_open: bool) -> Sparkline | None:
    """A sparkline of one value a period; None where no period has a value.

    `is_open` says that the last period is not over.
    """
    top = max((value for value in [*values, target] if value is not None), default=0) or 1
    points = make_points(values, top=top)
    known = [point for point in points if point]
    if not known:
        return None
    over = [*points[:-1], None] if is_open else points
    return Sparkline(
        line=line_path(over),
        area=area_path(over),
        open_line=line_path(points[-2:]) if is_open and points[-1] else "",
        target="" if target is None else f"M0 {number_text(height_of(target, top=top))} H{WIDTH}",
        end=line_path(known[-1:]),
        is_open=is_open and points[-1] is not None,
    )


def make_points(values: Values, *, top: float) -> list[Point | None]:
    """A point in the middle of each period's slot; None where there is no value."""
    slot = WIDTH / max(len(values), 1)
    return [
        None if value is None else (slot * (index + 0.5), height_of(value, top=top))
        for index, value in enumerate(values)
    ]


def height_of(value: float, *, top: float) -> float:
    """y of a value."""
    return MARGIN + (HEIGHT - 2 * MARGIN) * (1 - value / top)


def line_path(points: Sequence[Point | None]) -> str:
    """A line with a gap where there is no point, and a dot for a point between two gaps."""
    # A dot is a line of no length: round line caps make it visible.
    return " ".join(f"M{points_text(run)}" + (" h0.01" if len(run) == 1 else "") for run in runs(points))


def area_path(points: Sequence[Point | None]) -> str:
    """What lies under the line, closed."""
    return " ".join(
        f"M{number_text(run[0][0])} {HEIGHT} L{points_text(run)} L{number_text(run[-1][0])} {HEIGHT} Z"
        for run in runs(points)
        if len(run) > 1
    )


def runs(points: Sequence[Point | None]) -> list[list[Point]]:
    """The stretches without a gap."""
    groups = groupby(points, key=lambda point: point is None)
    return [[point for point in run if point] for is_gap, run in groups if not is_gap]


def points_text(run: Sequence[Point]) -> str:
    return " L".join(f"{number_text(x)} {number_text(y)}" for x, y in run)


def number_text(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
