"""A KPI's sums since the beginning, as counters that never fall."""

from collections.abc import Iterator

from django.db.models import Sum

from kpis.models import KpiBucket, StoredGranularity
from kpis.registry import REGISTRY, Kind
from telemetry.counters.bridge import Increment, raise_to
from telemetry.plan.metrics import MICRO

NUMERATOR = "workbench_kpi_numerator_total"
DENOMINATOR = "workbench_kpi_denominator_total"


def raise_totals(*, environment: str) -> None:
    """Raises the environment's totals to the sums of its day rows, where those are higher.

    A late event can lower a day's sums: a draft turns out to have been accepted earlier, on another day. So can
    a rebuild. Prometheus would take a counter that falls for a restart, and add all of it once more. So the total
    stays at its highest until the sums pass it. Call it in the transaction that computed the day rows, else it
    raises TransactionManagementError. Safe to repeat.
    """
    raise_to(_levels(environment))


def _levels(environment: str) -> Iterator[Increment]:
    """What the day rows sum up to: numerators in millionths, denominators as they are."""
    # Index: kpi_bucket_unique (environment, kpi, granularity, dimension, …); the KPIs are named so that it serves.
    day_rows = KpiBucket.objects.filter(
        environment=environment, kpi__in=list(REGISTRY), granularity=StoredGranularity.DAY, dimension=""
    )
    sums = day_rows.values("kpi").annotate(numerators=Sum("numerator"), denominators=Sum("denominator"))
    # PostgreSQL's sum of big integers is a decimal.
    for slug, numerator, denominator in sums.values_list("kpi", "numerators", "denominators"):
        kpi = REGISTRY[slug]
        # Durations and costs are stored in millionths already.
        scale = MICRO if kpi.kind is Kind.RATIO else 1
        labels = (slug, kpi.persona.value)
        yield Increment(NUMERATOR, environment, labels, amount=int(numerator) * scale)
        yield Increment(DENOMINATOR, environment, labels, amount=int(denominator))
