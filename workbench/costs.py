"""What executions cost: what agent runs and their model calls report, else an estimate by run time."""

from decimal import ROUND_HALF_UP, Decimal

from django.conf import settings

SECONDS_A_MINUTE = 60
# SQL: what an agent run cost. What its model calls report counts, and its own figure only where none of them reports
# one: it may be their sum, and nothing shall count twice.
REPORTED_COST = "coalesce(called_cost_micro_usd, cost_micro_usd)"


def usd_per_minute() -> Decimal:
    """The configured price of a minute, with exactly the digits that were configured."""
    return Decimal(str(settings.COST_USD_PER_MINUTE))


def estimate_cost(microseconds: int, *, usd_per_minute: Decimal) -> int:
    """Micro-dollars for that much run time. Half a micro-dollar is rounded up.

    Dollars per second are micro-dollars per microsecond, so no other factor is needed.
    """
    cost = microseconds * usd_per_minute / SECONDS_A_MINUTE
    return int(cost.to_integral_value(rounding=ROUND_HALF_UP))
