"""What the script draws a KPI's chart from. How lines look is in portal.css, how they are drawn in charts.js."""

from collections.abc import Sequence
from typing import TypedDict

from kpis.reading.evaluation import Evaluation
from kpis.reading.queries import Comparison, KpiReading
from kpis.registry import Kind, Kpi
from pages import formatting
from pages.wording import (
    other_percentiles,
    percentile_lines,
    period_label,
    period_value,
    short_label,
    span_words,
    target_text,
    value_name,
)

Values = Sequence[float | None]


class ChartLine(TypedDict):
    """A line (or the bars) of the chart, and its entry in the legend. `key` names its look in portal.css."""

    key: str
    name: str
    is_bar: bool
    is_shown: bool
    values: Values


class ChartPeriod(TypedDict):
    """A place on the horizontal axis: its label there, and what is shown where the pointer is."""

    label: str
    name: str
    figures: Sequence[tuple[str, str]]


class Chart(TypedDict):
    """JSON for the script. `unit` is the KPI's; `count_name` says what the bars below the lines count."""

    unit: str
    summary: str
    count_name: str
    periods: Sequence[ChartPeriod]
    lines: Sequence[ChartLine]


def make_chart(comparison: Comparison, *, compares: bool) -> Chart | None:
    """None where no period has a value."""
    current = comparison.current
    if all(evaluation.value is None for evaluation in current.series):
        return None
    previous = previous_values(comparison) if compares else []
    return Chart(
        unit=current.kpi.unit,
        summary=f"{current.kpi.title}: {span_words(current)}",
        count_name=current.kpi.denominator_label,
        periods=make_periods(current, previous=previous),
        lines=make_lines(current, previous=previous),
    )


def previous_values(comparison: Comparison) -> list[float | None]:
    """The values of the range before, cut or filled to as many as the current range has periods."""
    values = [evaluation.value for evaluation in comparison.previous.series]
    length = len(comparison.current.series)
    return (values + [None] * length)[:length]


def make_lines(reading: KpiReading, *, previous: Values) -> list[ChartLine]:
    """The lines that have any value, in the order of the legend; the bars of the sample come last."""
    kpi, series = reading.kpi, reading.series
    lines = [
        make_line("value", value_name(kpi), [each.value for each in series], is_bar=kpi.kind is Kind.SUM),
        make_line("previous", "Previous period", previous),
        make_line("target", "Target", [each.goal.target for each in series]),
        make_line("baseline", "Baseline", [each.goal.baseline for each in series]),
        *(
            make_line(name, name, [each.percentiles[name] for each in series], is_shown=False)
            for name in other_percentiles(kpi)
        ),
        make_line("count", kpi.denominator_label, [each.denominator for each in series], is_bar=True),
    ]
    return [line for line in lines if any(value is not None for value in line["values"])]


def make_line(
    key: str, name: str, values: Values, *, is_bar: bool = False, is_shown: bool = True
) -> ChartLine:
    return ChartLine(key=key, name=name, is_bar=is_bar, is_shown=is_shown, values=values)


def make_periods(reading: KpiReading, *, previous: Values) -> list[ChartPeriod]:
    """The periods in order; with the range before only where there is one to compare with."""
    kpi, zone = reading.kpi, reading.range.zone
    return [
        ChartPeriod(
            label=short_label(evaluation, granularity=reading.granularity, zone=zone),
            name=period_label(reading, evaluation),
            figures=[
                *figures_of(kpi, evaluation),
                *(
                    ("Previous period", formatting.value_text(value, unit=kpi.unit))
                    for value in previous[index : index + 1]
                ),
            ],
        )
        for index, evaluation in enumerate(reading.series)
    ]


def figures_of(kpi: Kpi, evaluation: Evaluation) -> list[tuple[str, str]]:
    """The lines of a tooltip: name and figure."""
    return [
        (value_name(kpi), period_value(kpi, evaluation)),
        *([(kpi.numerator_label, formatting.count(evaluation.numerator))] if kpi.kind is Kind.RATIO else []),
        (kpi.denominator_label, formatting.count(evaluation.denominator)),
        *percentile_lines(kpi, evaluation),
        ("Target", target_text(kpi, evaluation)),
    ]
