"""Stored rows for a page to show."""

from datetime import timedelta

from kpis.registry import DEFINITIONS
from tests.kpis.builders import DAY, make_bucket


def make_days(count: int) -> None:
    """A row of every KPI for each of `count` days, the last of which is DAY."""
    for number in range(count):
        for kpi in DEFINITIONS:
            make_bucket(kpi.slug, period_start=DAY - timedelta(days=number), denominator=40)
