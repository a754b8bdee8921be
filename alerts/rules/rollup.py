"""The rollup stopped: KPIs stand still, or posts are not folded."""

from datetime import datetime

from django.conf import settings

from alerts.rules.findings import AlertFinding, RuleResult
from alerts.thresholds import ROLLUP_LAG_HIGH
from kpis.reading.lag import read_lags


def find_lags(now: datetime) -> RuleResult:
    late = late_environments(now)
    return RuleResult(findings=[lag_finding(name, seconds) for name, seconds in sorted(late.items())])


def late_environments(now: datetime) -> dict[str, float]:
    """Seconds by environment, of those that are later than the threshold and three intervals between rollups."""
    limit = longest_lag()
    return {name: seconds for name, seconds in read_lags(now=now).items() if seconds > limit}


def longest_lag() -> float:
    return ROLLUP_LAG_HIGH.numbers["seconds"] + 3 * settings.ROLLUP_INTERVAL_SECONDS


def lag_finding(environment: str, seconds: float) -> AlertFinding:
    return AlertFinding(
        threshold=ROLLUP_LAG_HIGH,
        environment=environment,
        summary=f"The KPIs of {environment} stand still",
        description=(
            f"When this was found they were {seconds:,.0f} s behind; more than {longest_lag():g} s are too many. "
            "Posts are still accepted, and no event is lost."
        ),
    )
