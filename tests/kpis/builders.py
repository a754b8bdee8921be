"""Builders of stored KPI rows, as the rollup would write them."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from kpis.histogram import bin_of, merge
from kpis.models import Baseline, Freshness, KpiBucket, LaterChange, StoredGranularity, Target
from kpis.registry import REGISTRY
from telemetry.models import Environment
from tests.builders import NOW

DAY = datetime(2026, 2, 10, tzinfo=UTC)


def make_environment(name: str = "production", *, computed_until: datetime | None = NOW) -> None:
    Environment.objects.get_or_create(name=name)
    Freshness.objects.create(environment=name, computed_until=computed_until, time_zone="UTC")


def make_bucket(kpi: str = "template-suggestion-rate", **fields: Any) -> KpiBucket:
    """A day row of 2026-02-10 with 3 of 10, unless said otherwise."""
    return KpiBucket.objects.create(
        **{
            "kpi": kpi,
            "persona": REGISTRY[kpi].persona.value,
            "environment": "production",
            "granularity": StoredGranularity.DAY,
            "period_start": DAY,
            "numerator": 3,
            "denominator": 10,
            "definition_version": 1,
            **fields,
        }
    )


def make_shift(
    kpi: str,
    *,
    at: datetime,
    dimension: str = "",
    value: str = "",
    days: int = 60,
    of: int = 20,
    before: int = 20,
    since: int = 4,
) -> None:
    """So many of so many on each of the days before a moment, and others from then on, also of the whole KPI."""
    for number in range(-days, days):
        counts = {"numerator": since if number >= 0 else before, "denominator": of}
        for place in {("", ""), (dimension, value)}:
            make_bucket(
                kpi,
                dimension=place[0],
                value=place[1],
                period_start=at + timedelta(days=number),
                **counts,
            )


def make_base_bucket(kpi: str = "template-suggestion-rate", **fields: Any) -> KpiBucket:
    return make_bucket(kpi, granularity=StoredGranularity.BASE, **fields)


def make_durations(kpi: str, seconds: Iterable[float], **fields: Any) -> KpiBucket:
    """A row of a duration KPI that measured these seconds."""
    durations = [round(number * 1_000_000) for number in seconds]
    histogram = merge({bin_of(microseconds): 1} for microseconds in durations)
    return make_bucket(
        kpi,
        numerator=sum(durations),
        denominator=len(durations),
        histogram={str(index): count for index, count in histogram.items()},
        **fields,
    )


def make_target(kpi: str, value: str, *, since: date, environment: str = "") -> Target:
    return Target.objects.create(kpi=kpi, environment=environment, value=Decimal(value), effective_from=since)


def make_baseline(kpi: str, value: str, *, since: date, environment: str = "") -> Baseline:
    return Baseline.objects.create(
        kpi=kpi,
        environment=environment,
        value=Decimal(value),
        effective_from=since,
        method="Stopwatch",
        sample_size=36,
    )


def make_later_change(kpi: str = "template-suggestion-rate", **fields: Any) -> LaterChange:
    """On NOW, late events made of 3 of 10 on 2026-02-10 4 of 12, unless said otherwise."""
    return LaterChange.objects.create(
        **{
            "environment": "production",
            "kpi": kpi,
            "date": DAY.date(),
            "cause": "late_events",
            "first_changed_at": NOW,
            "last_changed_at": fields.get("first_changed_at", NOW),
            "numerator_before": 3,
            "denominator_before": 10,
            "value_before": 0.3,
            "numerator_after": 4,
            "denominator_after": 12,
            "value_after": 1 / 3,
            **fields,
        }
    )
