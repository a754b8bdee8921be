"""Counts of objectives, as the recorder would have left them."""

from datetime import datetime, timedelta

from objectives.models import ObjectiveCount
from tests.builders import NOW

COLUMNS = ("objective", "environment", "start", "minutes", "good", "total")


def count(
    objective: str, *, start: datetime, good: int, total: int, environment: str = "", minutes: int = 1
) -> None:
    ObjectiveCount.objects.create(
        objective=objective, environment=environment, start=start, minutes=minutes, good=good, total=total
    )


def begin_counting(
    objective: str, *, start: datetime = NOW - timedelta(days=29), environment: str = ""
) -> None:
    """Something good happened then. By default that is before the window, of which nothing changes."""
    count(objective, start=start, good=1, total=1, environment=environment, minutes=15)
