"""The value of a KPI's sums, as stored buckets hold them."""

from kpis.registry import Kind, Kpi
from telemetry.plan.metrics import MICRO


def value_of(kpi: Kpi, *, numerator: int, denominator: int, percentile: float | None) -> float | None:
    """The value in the KPI's unit; None where the denominator is 0.

    `percentile` is the one that the KPI names, in seconds, which is the value of a duration.
    """
    if not denominator:
        return None
    match kpi.kind:
        case Kind.RATIO:
            return numerator / denominator
        case Kind.SUM:
            return numerator / MICRO
        case Kind.DURATION:
            return percentile
