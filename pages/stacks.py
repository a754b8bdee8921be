"""Stacked bars, one a day, drawn as SVG by the server. They need no script."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

# The view box of _stacks.html; x to the right, y downwards.
WIDTH = 1000
HEIGHT = 220
# Of a day's slot, what stays free beside its bar.
GAP_SHARE = 0.22
# Tops of an axis within a power of ten. Half of each is a round number, too.
ROUND = (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10)


@dataclass(frozen=True, kw_only=True)
class StackSeries:
    """One colour of the bars: `key` names it in portal.css. A value for each day."""

    key: str
    name: str
    text: str
    values: Sequence[float]


@dataclass(frozen=True, kw_only=True)
class StackPart:
    key: str
    y: float
    height: float


@dataclass(frozen=True, kw_only=True)
class StackBar:
    """A day's bar. `hint` says in words what it shows; `slot_x` and `slot_width` are where the pointer finds it."""

    x: float
    width: float
    slot_x: float
    slot_width: float
    hint: str
    parts: Sequence[StackPart]


def round_top(highest: float) -> float:
    """The top of an axis that holds the value; 1 where there is nothing to show."""
    if highest <= 0:
        return 1
    power = 10.0 ** math.floor(math.log10(highest))
    return next(step * power for step in (*ROUND, 12) if step * power >= highest * (1 - 1e-9))


def make_stacks(series: Sequence[StackSeries], *, hints: Sequence[str], top: float) -> list[StackBar]:
    """A bar for each hint; the first series is at the bottom."""
    slot = WIDTH / max(len(hints), 1)
    return [
        StackBar(
            x=round(slot * (number + GAP_SHARE / 2), 2),
            width=round(slot * (1 - GAP_SHARE), 2),
            slot_x=round(slot * number, 2),
            slot_width=round(slot, 2),
            hint=hint,
            parts=make_parts([(part.key, part.values[number]) for part in series], top=top),
        )
        for number, hint in enumerate(hints)
    ]


def make_parts(values: Sequence[tuple[str, float]], *, top: float) -> list[StackPart]:
    """What is above 0, on top of each other."""
    parts, filled = [], 0.0
    for key, value in values:
        height = HEIGHT * value / top
        if height > 0:
            parts.append(StackPart(key=key, y=round(HEIGHT - filled - height, 2), height=round(height, 2)))
        filled += height
    return parts
