"""Which environment a reader gets."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Exists, OuterRef

from kpis.models import KpiBucket, StoredGranularity
from telemetry.models import Environment

PREFERRED = "production"


class UnknownEnvironment(LookupError):
    """No environment has this name."""


def choose_environment(name: str, *, environments: Sequence[str]) -> str:
    """The environment of that name. For "" it is the default: see default_environment; "" where there is none.

    Raises UnknownEnvironment for a name that is not among the environments.
    """
    if name and name not in environments:
        raise UnknownEnvironment(name)
    return name or default_environment(environments)


def default_environment(environments: Sequence[str]) -> str:
    """Production, else the first; one that has data before one that only has a key. "" where there is none."""
    if len(environments) < 2:
        return next(iter(environments), "")
    candidates = having_data(environments) or environments
    return PREFERRED if PREFERRED in candidates else candidates[0]


def first_day_of(environment: str) -> datetime | None:
    """The start of the first day that has figures; None where there is none yet. One query."""
    # Index: kpi_bucket_period (environment, granularity, period_start).
    days = KpiBucket.objects.filter(environment=environment, granularity=StoredGranularity.DAY)
    return days.order_by("period_start").values_list("period_start", flat=True).first()


def having_data(environments: Sequence[str]) -> list[str]:
    """Those of the environments that have KPI rows, in the given order.

    One query, which ends at the first row of each environment (kpi_bucket_unique).
    """
    rows = KpiBucket.objects.filter(environment=OuterRef("name"))
    found = Environment.objects.filter(Exists(rows), name__in=environments).values_list("name", flat=True)
    names = set(found)
    return [name for name in environments if name in names]
