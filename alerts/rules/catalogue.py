"""All rules. Apps above this one add theirs when they start."""

from collections.abc import Iterable

from alerts.rules.findings import AlertRule
from alerts.rules.intake import find_refused_shares, find_silence
from alerts.rules.kpis import find_off_target
from alerts.rules.rollup import find_lags
from alerts.thresholds import KPI_OFF_TARGET, NO_EVENTS, QUARANTINE_GROWING, ROLLUP_LAG_HIGH
from telemetry.notices.rejections import LARGE_SHARE

RULES: list[AlertRule] = [
    AlertRule(threshold=ROLLUP_LAG_HIGH, find=find_lags),
    AlertRule(threshold=KPI_OFF_TARGET, find=find_off_target),
    AlertRule(threshold=NO_EVENTS, find=find_silence),
    AlertRule(threshold=QUARANTINE_GROWING, find=find_refused_shares, told_as=LARGE_SHARE),
]


def add_rules(rules: Iterable[AlertRule]) -> None:
    """Safe to repeat."""
    known = {rule.threshold.name for rule in RULES}
    RULES.extend(rule for rule in rules if rule.threshold.name not in known)
