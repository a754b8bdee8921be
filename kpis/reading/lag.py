"""How far the KPIs of each environment are behind."""

from collections.abc import Mapping
from datetime import datetime

from django.db.models import Min

from kpis.models import Freshness
from telemetry.models import Arrival


def read_lags(*, now: datetime) -> dict[str, float]:
    """Seconds by environment; those for which nothing is computed and no post waits are left out. Two queries."""
    # Index: arrival_pending.
    waiting = Arrival.objects.pending().values_list("environment")
    return lags(computed_until(), dict(waiting.annotate(oldest=Min("received_at"))), now=now)


def computed_until() -> dict[str, datetime]:
    """Up to when the KPIs of each environment are computed."""
    rows = Freshness.objects.values_list("environment", "computed_until")
    return {environment: until for environment, until in rows if until is not None}


def lags(
    computed: Mapping[str, datetime], oldest_pending: Mapping[str, datetime], *, now: datetime
) -> dict[str, float]:
    """Seconds since the last rollup or since the oldest post that waits, whichever is longer ago."""
    return {
        environment: max(0.0, (now - moment).total_seconds())
        for environment, moment in earliest_by_environment(computed, oldest_pending).items()
    }


def earliest_by_environment(*moments: Mapping[str, datetime]) -> dict[str, datetime]:
    earliest: dict[str, datetime] = {}
    for by_environment in moments:
        for environment, moment in by_environment.items():
            earliest[environment] = min(moment, earliest.get(environment, moment))
    return earliest
