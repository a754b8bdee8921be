from datetime import datetime, timedelta

import pytest
from django.db import transaction
from django.db.transaction import TransactionManagementError

from kpis.compute.cumulative import DENOMINATOR, NUMERATOR, raise_totals
from kpis.models import KpiBucket, StoredGranularity
from kpis.registry import REGISTRY
from metrics.collector import read_snapshot

pytestmark = pytest.mark.django_db


def count(
    kpi: str,
    day: datetime,
    *,
    numerator: int,
    denominator: int,
    environment: str = "production",
    granularity: str = StoredGranularity.DAY,
    dimension: str = "",
) -> KpiBucket:
    return KpiBucket.objects.create(
        kpi=kpi,
        persona=REGISTRY[kpi].persona if kpi in REGISTRY else "agent",
        environment=environment,
        granularity=granularity,
        period_start=day,
        dimension=dimension,
        value="chat" if dimension else "",
        numerator=numerator,
        denominator=denominator,
        definition_version=1,
    )


def totals(*, now: datetime) -> dict[tuple[str, str, str], tuple[float, float]]:
    """(numerator, denominator) by KPI, persona and environment, as they are scraped."""
    families = {family.name: family for family in read_snapshot(now=now).workbench}
    both = [families[name.removesuffix("_total")].samples for name in (NUMERATOR, DENOMINATOR)]
    return {
        (above.labels["kpi"], above.labels["persona"], above.labels["environment"]): (
            above.value,
            below.value,
        )
        for above, below in zip(*both, strict=True)
    }


def test_totals_are_the_sums_of_all_days_in_the_kpis_unit(now: datetime) -> None:
    for days in (0, 400):
        day = now - timedelta(days=days)
        count("template-usage-rate", day, numerator=3, denominator=4)
        count("time-to-create-workflow", day, numerator=2_500_000, denominator=2)
        count("execution-cost", day, numerator=250_000, denominator=1)

    raise_totals(environment="production")

    assert totals(now=now) == {
        ("template-usage-rate", "domain_expert", "production"): (6.0, 8.0),
        ("time-to-create-workflow", "end_user", "production"): (5.0, 4.0),
        ("execution-cost", "operator", "production"): (0.5, 2.0),
    }


def test_only_the_environments_whole_day_rows_of_known_kpis_count(now: datetime) -> None:
    count("template-usage-rate", now, numerator=1, denominator=2)
    count("template-usage-rate", now, numerator=50, denominator=50, environment="staging")
    count("template-usage-rate", now, numerator=50, denominator=50, granularity=StoredGranularity.BASE)
    count("template-usage-rate", now, numerator=50, denominator=50, dimension="source")
    count("retired-kpi", now, numerator=50, denominator=50)

    raise_totals(environment="production")

    assert totals(now=now) == {("template-usage-rate", "domain_expert", "production"): (1.0, 2.0)}


def test_a_total_never_falls_and_rises_again_past_its_highest(now: datetime) -> None:
    row = count("template-usage-rate", now, numerator=5, denominator=9)
    seen = []

    for numerator, denominator in [(5, 9), (3, 8), (5, 9), (6, 10)]:
        KpiBucket.objects.filter(pk=row.pk).update(numerator=numerator, denominator=denominator)
        raise_totals(environment="production")
        seen += totals(now=now).values()

    assert seen == [(5.0, 9.0), (5.0, 9.0), (5.0, 9.0), (6.0, 10.0)]


def test_raising_twice_changes_nothing(now: datetime) -> None:
    count("template-usage-rate", now, numerator=5, denominator=9)
    raise_totals(environment="production")
    once = totals(now=now)

    raise_totals(environment="production")

    assert totals(now=now) == once


def test_an_environment_without_days_has_no_totals(now: datetime) -> None:
    raise_totals(environment="production")

    assert totals(now=now) == {}


@pytest.mark.django_db(transaction=True)
def test_totals_are_raised_in_the_rollups_transaction_only(now: datetime) -> None:
    count("template-usage-rate", now, numerator=5, denominator=9)

    with pytest.raises(TransactionManagementError):
        raise_totals(environment="production")

    with transaction.atomic():
        raise_totals(environment="production")

    assert len(totals(now=now)) == 1
