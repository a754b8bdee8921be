"""A baseline taken from the KPI's own past."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from kpis.days import day_start, reporting_zone
from kpis.reading.periods import Granularity, Range
from kpis.reading.readings import KpiReading, read_kpi
from kpis.registry import Kind, Kpi

STORED_DIGITS = Decimal("0.000001")
STATISTICS = {"p50": "Median"}


class NoPastValue(ValueError):
    """The range gives no value that a KPI could be compared with. The message says why."""


@dataclass(frozen=True, kw_only=True)
class PastValue:
    """A KPI's value over a past range, in its unit, and what it is based on."""

    value: Decimal
    sample_size: int
    method: str


def past_value(kpi: Kpi, *, environment: str, first: date, last: date, now: datetime) -> PastValue:
    """The KPI's value over days of the reporting zone, first and last included. Five queries at most.

    Raises NoPastValue for a range that is not computed yet, or has fewer events than the KPI needs for a verdict,
    and where the KPI cannot be measured.
    """
    reading = read_days(kpi, environment=environment, first=first, last=last, now=now)
    sample = reading.total.denominator
    if not reading.is_measurable:
        raise NoPastValue(f"{kpi.title} cannot be measured in {environment}.")
    if sample < kpi.minimum_sample or reading.total.value is None:
        raise NoPastValue(
            f"There are {sample} measurements in this range; {kpi.title} needs {kpi.minimum_sample} or more."
        )
    return PastValue(
        value=Decimal(repr(reading.total.value)).quantize(STORED_DIGITS),
        sample_size=sample,
        method=method_text(kpi, environment=environment, first=first, last=last, sample=sample),
    )


def read_days(kpi: Kpi, *, environment: str, first: date, last: date, now: datetime) -> KpiReading:
    """Raises NoPastValue for days that are not computed to their end."""
    zone = reporting_zone()
    end = day_start(last + timedelta(days=1), zone=zone)
    days = Range(start=day_start(first, zone=zone), end=end, zone=zone)
    reading = read_kpi(kpi=kpi, environment=environment, range=days, granularity=Granularity.TOTAL, now=now)
    if reading.computed_until is None:
        raise NoPastValue(f"Nothing is computed in {environment} yet.")
    if reading.computed_until < end:
        computed = reading.computed_until.astimezone(zone)
        raise NoPastValue(
            f"The KPIs of {environment} are computed until {computed:%Y-%m-%d %H:%M}; "
            "choose a last day that is computed to its end."
        )
    return reading


def method_text(kpi: Kpi, *, environment: str, first: date, last: date, sample: int) -> str:
    """`Median of 1 February to 28 February 2026 in production, 412 drafts measured`."""
    year = "" if first.year == last.year else f" {first.year}"
    days = f"{first.day} {first:%B}{year} to {last.day} {last:%B} {last.year}"
    if first == last:
        days = f"{last.day} {last:%B} {last.year}"
    things = (kpi.denominator_label or "measurements").lower()
    return f"{statistic_name(kpi)} of {days} in {environment}, {sample} {things}"


def statistic_name(kpi: Kpi) -> str:
    if kpi.kind is Kind.DURATION:
        return STATISTICS.get(kpi.percentile_name, kpi.percentile_name)
    return "Sum" if kpi.kind is Kind.SUM else "Share"
