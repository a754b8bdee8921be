"""What is on while maintenance explains an alert, so that Alertmanager holds that alert back.

Posts that maintenance refuses are answered 5xx, and nothing is accepted meanwhile. An alert on either looks back, so it
would fire until its window has forgotten the maintenance.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from alerts.thresholds import AlertEntry, duration_of
from metrics.rules.promql import Rule, window_text
from objectives.definitions import BURN_WINDOWS

ALERT = "MaintenanceOn"
# None that anybody waits for: Alertmanager's route leads to nobody.
SEVERITY = "none"
# It ends later than what it holds back: a process hears of the end of maintenance a second after it, and the messages
# to Alertmanager come one after the other.
MARGIN = timedelta(minutes=1)
MINUTE = timedelta(minutes=1)
# The alerts of the thresholds on what does not come, because it is refused.
MISSING = frozenset({"NoEvents", "AppServerThroughputDrop"})


def burn_maintenance(*, severity: str) -> Iterator[Rule]:
    """One for each window of the alerts on a budget, which all end when their shorter window has forgotten."""
    for window in BURN_WINDOWS:
        if window.severity == severity:
            short = timedelta(minutes=window.short_minutes)
            yield maintenance_rule(short, labels={"window": window_text(window.long_minutes)})


def missing_maintenance(alerts: Iterable[AlertEntry]) -> Iterator[Rule]:
    """One for the alerts on what is missing, if the file has any."""
    windows = [
        duration_of(str(alert.with_.get("window", "0s"))) for alert in alerts if alert.alert in MISSING
    ]
    if windows:
        yield maintenance_rule(max(windows), labels={})


def maintenance_rule(window: timedelta, *, labels: Mapping[str, str]) -> Rule:
    """On during maintenance, and after it until the window and a margin have passed."""
    span = window_text(math.ceil((window + MARGIN) / MINUTE))
    return {
        "alert": ALERT,
        "expr": f"max(max_over_time(portal_maintenance[{span}])) == 1",
        "labels": {"severity": SEVERITY, **labels},
        "annotations": {
            "summary": "The portal refuses posts for maintenance, or did a moment ago",
            "description": f"Maintenance was on within {span}. Alerts on posts that it refused are held back.",
        },
    }
