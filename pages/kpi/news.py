"""What is news of a KPI: that it left its target or came back to it, and that it changed more than noise can explain.

The overview and the digest tell the same news.
"""

from kpis.reading.evaluation import OFF_TARGET, ON_TARGET
from kpis.reading.readings import Comparison
from kpis.statistics.changes import DOWN, UP


def left_target(comparison: Comparison) -> bool:
    """Whether it was on target in the period before and is off it now, neither too close to call."""
    return comparison.previous.total.call == ON_TARGET and comparison.current.total.call == OFF_TARGET


def came_back(comparison: Comparison) -> bool:
    """Whether it was off target in the period before and is on it now, neither too close to call."""
    return comparison.previous.total.call == OFF_TARGET and comparison.current.total.call == ON_TARGET


def size_of_change(comparison: Comparison) -> float | None:
    """The difference as a share of the larger value, 0 to 1: comparable between KPIs of different units.

    None where noise can explain it, and where nothing is known of that.
    """
    change = comparison.change
    if change is None or change.judgement not in {UP, DOWN}:
        return None
    larger = max(abs(change.current), abs(change.previous))
    return abs(change.difference) / larger if larger else 0.0
