"""What a process with the portal's Django says of its work. This module needs none."""

from dataclasses import dataclass


@dataclass(kw_only=True)
class Pruned:
    """What a turn of retention did. All times are seconds; a step's is from its lock to the end of its commit."""

    is_over: bool
    rows: int
    seconds: float
    days: int
    drops: float
    longest_drop: float
    longest_step: float
