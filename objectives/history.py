"""How long minutes are kept: older ones become quarter hours, and these are forgotten when no window reaches them."""

from collections import defaultdict
from datetime import datetime, timedelta

from django.db import transaction

from objectives.definitions import get_objectives
from objectives.models import MINUTE, QUARTER, ObjectiveCount, ObjectiveLevel
from objectives.recording import NOTHING, GoodOfTotal, add_rows, minute_of

# Burn rates over a day and less are of minutes.
MINUTES_KEPT = timedelta(hours=26)
# Beyond the longest window: a target's window may be made longer.
MARGIN = timedelta(days=35)
# A portal that was stopped for so long begins with another source.
LEVELS_KEPT = timedelta(days=60)
# Minutes in one transaction: a day of one objective in one environment.
ROWS_A_STEP = 1440


def sum_up(*, now: datetime) -> None:
    """Sum old minutes up to quarter hours, and forget what is older than any window.

    Safe to repeat, and to break off.
    """
    # Whole quarter hours only, so that a quarter is not read twice.
    until = quarter_of(now - MINUTES_KEPT)
    while sum_up_step(until=until):
        pass
    longest = timedelta(days=max((one.window_days for one in get_objectives().values()), default=0))
    ObjectiveCount.objects.filter(minutes=QUARTER, start__lt=now - longest - MARGIN).delete()
    ObjectiveLevel.objects.filter(seen_at__lt=now - LEVELS_KEPT).delete()


def sum_up_step(*, until: datetime) -> bool:
    """Sum up some of the minutes before `until`; whether there may be more."""
    with transaction.atomic():
        # Index: objective_count_start (minutes, start). Locked, so that no late count is added to a row that goes.
        minutes = list(
            ObjectiveCount.objects.select_for_update()
            .filter(minutes=MINUTE, start__lt=until)
            .order_by("start", "pk")[:ROWS_A_STEP]
        )
        sums: dict[tuple[str, str, datetime], GoodOfTotal] = defaultdict(lambda: NOTHING)
        for row in minutes:
            sums[row.objective, row.environment, quarter_of(row.start)] += GoodOfTotal(row.good, row.total)
        add_rows(
            [
                (objective, environment, start, QUARTER, tally.good, tally.total)
                for (objective, environment, start), tally in sorted(sums.items())
            ]
        )
        ObjectiveCount.objects.filter(pk__in=[row.pk for row in minutes]).delete()
    return len(minutes) == ROWS_A_STEP


def quarter_of(moment: datetime) -> datetime:
    return minute_of(moment).replace(minute=moment.minute // QUARTER * QUARTER)
