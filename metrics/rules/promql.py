"""How selectors and windows are written in PromQL."""

import json
from typing import Any

from objectives.definitions import MINUTES_A_DAY, IndicatorSource, Objective, Selector

# As the groups of a rule file have them.
Rule = dict[str, Any]
MINUTES_AN_HOUR = 60


def selector_text(selector: Selector) -> str:
    """sample{label=~"…",label!~"…"}."""
    matchers = [
        *(f"{label}=~{json.dumps(value)}" for label, value in selector.labels.items()),
        *(f"{label}!~{json.dumps(value)}" for label, value in selector.without.items()),
    ]
    return f"{selector.sample}{{{','.join(matchers)}}}" if matchers else selector.sample


def window_text(minutes: int) -> str:
    """As Prometheus writes a duration: 5m, 2h, 28d."""
    if minutes % MINUTES_A_DAY == 0:
        return f"{minutes // MINUTES_A_DAY}d"
    return f"{minutes // MINUTES_AN_HOUR}h" if minutes % MINUTES_AN_HOUR == 0 else f"{minutes}m"


def summed(selector: Selector, *, objective: Objective, function: str, window: str) -> str:
    """The rate or increase of the selected counters, added up as their source asks for."""
    series = f"{function}({selector_text(selector)}[{window}])"
    if objective.indicator.source is IndicatorSource.DATABASE:
        # Every replica shows the same counters.
        return f"sum by (environment) (max without (instance, pod) ({series}))"
    return f"sum({series})"


def number_text(number: float) -> str:
    """Without the noise of floating point: 0.01344."""
    return f"{number:.6g}"
