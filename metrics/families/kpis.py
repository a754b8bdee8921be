"""Gauges of the KPIs: value, target, baseline and verdict."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric

from kpis.reading.evaluation import OFF_TARGET, ON_TARGET
from kpis.reading.windows import WindowReading, read_windows

VERDICTS = {ON_TARGET: 1.0, OFF_TARGET: 0.0}


def kpi_families(*, now: datetime) -> Iterator[Metric]:
    """KPIs over today and over 7 and 28 days up to now; no sample where there is no value or no verdict."""
    readings = read_windows(now=now)
    gauges: list[tuple[str, str, Callable[[WindowReading], float | None]]] = [
        ("value", "A KPI's value over the window.", lambda reading: reading.value),
        ("target", "The target in force today, in the KPI's unit.", lambda reading: reading.target),
        ("baseline", "The baseline in force today, in the KPI's unit.", lambda reading: reading.baseline),
        (
            "on_target",
            "1: on target, 0: off target; no sample where events are too few to judge.",
            lambda reading: VERDICTS.get(reading.verdict or ""),
        ),
        (
            "too_close_to_call",
            "1 where the interval of the value reaches to the other side of the target, else 0; samples as on_target.",
            lambda reading: reading.is_too_close_to_call if reading.verdict in VERDICTS else None,
        ),
    ]
    for suffix, text, value_of in gauges:
        values = ((reading, value_of(reading)) for reading in readings)
        yield kpi_gauge(f"workbench_kpi_{suffix}", text, values)


def kpi_gauge(
    name: str, text: str, values: Iterable[tuple[WindowReading, float | None]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=["kpi", "persona", "environment", "window"])
    for reading, value in values:
        if value is not None:
            family.add_metric([reading.kpi, reading.persona, reading.environment, reading.window], value)
    return family
