"""Two things measured side by side, round by round, and the table that says how they compare."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

HEADER = ("", "portal", "reference", "ratio (min..max)", "bar")
WIDTHS = (44, 16, 16, 22, 16)


@dataclass(kw_only=True)
class Comparison:
    """One line. `portal` and `reference` hold a figure a round, and the figures of a round belong together.

    `bar` bounds the median of the ratios, or that of `portal` itself where there is no reference: ">= 0.6",
    "<= 1.2", or "" where nothing is asked.
    """

    name: str
    unit: str
    bar: str = ""
    portal: list[float] = field(default_factory=list)
    reference: list[float] = field(default_factory=list)

    def ratios(self) -> list[float]:
        """A ratio a round; empty where there is no reference."""
        if not self.reference:
            return []
        return [mine / other for mine, other in zip(self.portal, self.reference, strict=True)]

    def judged_figure(self) -> float:
        """What the bar bounds: the median of the ratios, or of `portal` where there is no reference."""
        return median(self.ratios() or self.portal)

    def is_met(self) -> bool:
        """Raises ValueError for a line without a bar."""
        sign, bound = self.bar.split()
        return self.judged_figure() >= float(bound) if sign == ">=" else self.judged_figure() <= float(bound)


def table(title: str, comparisons: Sequence[Comparison]) -> str:
    """The lines as text, each with a verdict where it has a bar."""
    rows = [(title, *HEADER[1:]), *(cells(comparison) for comparison in comparisons)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, WIDTHS, strict=True)).rstrip() for row in rows
    )


def cells(comparison: Comparison) -> tuple[str, str, str, str, str]:
    bar = comparison.bar
    if bar:
        bar += "  met" if comparison.is_met() else "  MISSED"
    return (
        f"  {comparison.name}",
        figure(comparison.portal, unit=comparison.unit),
        figure(comparison.reference, unit=comparison.unit),
        spread(comparison.ratios()) if comparison.reference else "",
        bar,
    )


def figure(values: Sequence[float], *, unit: str) -> str:
    """The median, as "101,230 events/s" or "12.3 ms"."""
    if not values:
        return "-"
    middle = median(values)
    return f"{middle:,.0f} {unit}" if middle >= 1000 else f"{middle:.1f} {unit}"


def spread(values: Sequence[float]) -> str:
    """The median with the smallest and the largest: "0.84 (0.80..0.88)"."""
    middle, least, most = (f"{value:.2f}" for value in (median(values), min(values), max(values)))
    return f"{middle} ({least}..{most})"
