"""Severities in order. Rules may use either pair of words; any other word counts least."""

from telemetry.models import NoticeSeverity

# The portal's own two words, and those of Prometheus's examples.
RANKS = {NoticeSeverity.PAGE.value: 2, "critical": 2, NoticeSeverity.TICKET.value: 1, "warning": 1}


def rank_of(severity: str) -> int:
    """2: act now, 1: look at it today, 0: good to know."""
    return RANKS.get(severity, 0)
