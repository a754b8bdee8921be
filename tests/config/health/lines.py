"""Reading single lines of the health report."""

from datetime import datetime

from config.health.report import CHECKS


def line_named(name: str, *, now: datetime) -> tuple[str, str, float | None, tuple[tuple[str, str], ...]]:
    """(status, text, value, details) as the check finds them."""
    (check,) = [check for check in CHECKS if check.name == name]
    finding = check.find(now)
    return finding.status.value, finding.text, finding.value, finding.details
