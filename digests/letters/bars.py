"""The small charts of a mail. Mail programs show neither SVG nor scripts, but every one shows the borders of cells."""

from collections.abc import Sequence
from dataclasses import dataclass

# Pixels.
HEIGHT = 26
WIDTH = 104
GAP = 1
# So that a value of zero is not taken for none.
LOWEST = 2


@dataclass(frozen=True, kw_only=True)
class DigestBar:
    """Pixels; the height is None where the period has no value."""

    width: int
    height: int | None


def make_bars(values: Sequence[float | None]) -> list[DigestBar]:
    """A bar for each period, the highest as high as the chart; none where no period has a value."""
    top = max((value for value in values if value is not None), default=None)
    if top is None:
        return []
    width = max(WIDTH // len(values) - GAP, 2)
    return [DigestBar(width=width, height=height_of(value, top=top)) for value in values]


def height_of(value: float | None, *, top: float) -> int | None:
    if value is None:
        return None
    return max(round(HEIGHT * value / top), LOWEST) if top > 0 else LOWEST
