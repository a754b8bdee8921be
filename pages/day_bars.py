"""Small bars of one value a day, drawn as SVG by the server. They need no script."""

from collections.abc import Sequence
from dataclasses import dataclass

# The view box of _day_bars.html; x to the right, y downwards.
WIDTH = 290
HEIGHT = 56
# So that a day with a little of it can be seen.
LEAST_HEIGHT = 2.0
GAP = 2.0


@dataclass(frozen=True, kw_only=True)
class DayBar:
    """A bar; `label` says in words what it shows."""

    x: float
    y: float
    width: float
    height: float
    label: str


def make_bars(values: Sequence[float], *, labels: Sequence[str], top: float) -> list[DayBar]:
    """A bar for each value above 0. One that is above `top` makes the others smaller."""
    slot = WIDTH / max(len(values), 1)
    highest = max([top, *values])
    return [
        bar(index * slot, value / highest if highest else 0, width=slot - GAP, label=label)
        for index, (value, label) in enumerate(zip(values, labels, strict=True))
        if value > 0
    ]


def bar(x: float, share: float, *, width: float, label: str) -> DayBar:
    height = max(LEAST_HEIGHT, round(share * HEIGHT, 1))
    return DayBar(
        x=round(x, 1), y=round(HEIGHT - height, 1), width=round(width, 1), height=height, label=label
    )
