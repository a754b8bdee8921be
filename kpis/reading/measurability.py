"""Which KPIs can be measured, and where.

A KPI that compares origins means nothing until somebody reported an origin besides the KPI's own.
"""

from collections.abc import Collection, Iterable

from django.db.models import QuerySet

from kpis.models import KpiBucket, StoredGranularity
from kpis.registry import Kpi

# KPI → its dimension, and the value of that dimension that does not suffice.
NEEDS_ANOTHER_VALUE = {"workbench-adoption": ("origin", "workbench")}


def unmeasurable_kpis(kpis: Iterable[Kpi], *, environment: str) -> frozenset[str]:
    """Slugs of the KPIs that cannot be measured in the environment; a query for each KPI that compares."""
    return frozenset(
        kpi.slug
        for kpi in kpis
        if kpi.slug in NEEDS_ANOTHER_VALUE
        and not _rows_of_other_values(kpi.slug).filter(environment=environment).exists()
    )


def environments_measuring(slug: str, *, environments: Collection[str]) -> set[str]:
    """Those of the environments in which a KPI of NEEDS_ANOTHER_VALUE can be measured, in one query."""
    # Index: kpi_bucket_unique, whose first column is the environment.
    rows = _rows_of_other_values(slug).filter(environment__in=environments)
    return set(rows.values_list("environment", flat=True).distinct())


def _rows_of_other_values(slug: str) -> QuerySet[KpiBucket]:
    dimension, own_value = NEEDS_ANOTHER_VALUE[slug]
    return KpiBucket.objects.filter(
        kpi=slug, granularity=StoredGranularity.DAY, dimension=dimension, denominator__gt=0
    ).exclude(value=own_value)
