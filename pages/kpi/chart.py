"""What the script draws a KPI's chart from. How lines look is in portal.css, how they are drawn in charts.js."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

from alerts.models import Alert
from kpis.formatting import Figure, value_text
from kpis.models import Annotation
from kpis.reading.evaluation import Evaluation
from kpis.reading.periods import Period
from kpis.reading.readings import Comparison, KpiReading
from kpis.registry import Kind, Kpi
from pages.kpi.texts import INTERVAL_NAME, EvaluationText, PeriodText, summary_text, value_name

Values = Sequence[float | None]


class ChartLine(TypedDict):
    """A line (or the bars) of the chart, and its entry in the legend. `key` names its look in portal.css.

    The line with the key `interval` is a band: `values` are its upper ends and `lows` its lower ones, None where the
    end is open. Of other lines `lows` is empty.
    """

    key: str
    name: str
    is_bar: bool
    is_shown: bool
    values: Values
    lows: Values


class ChartPeriod(TypedDict):
    """A place on the horizontal axis: its label there, and what is shown where the pointer is.

    A click leads to the `url`; "" for nowhere.
    """

    label: str
    name: str
    url: str
    figures: Sequence[Figure]


class Chart(TypedDict):
    """JSON for the script. `unit` is the KPI's; `count_name` says what the bars below the lines count."""

    unit: str
    summary: str
    count_name: str
    periods: Sequence[ChartPeriod]
    lines: Sequence[ChartLine]


def make_chart(
    comparison: Comparison,
    *,
    periods: Sequence[PeriodText],
    compares: bool,
    fired: Sequence[Alert] = (),
    annotations: Sequence[Annotation] = (),
    now: datetime,
) -> Chart | None:
    """The chart of the current series, whose texts are `periods`; None where no period has a value.

    The periods in which one of the alerts fired, and those of the annotations, are marked.
    """
    current = comparison.current
    if all(evaluation.value is None for evaluation in current.series):
        return None
    previous = previous_values(comparison) if compares else []
    alerts = [names_of_alerts(fired, period=evaluation.period, now=now) for evaluation in current.series]
    notes = [texts_of_annotations(annotations, period=evaluation.period) for evaluation in current.series]
    marks = [
        [*(Figure("Alert", name) for name in names), *(Figure("Annotation", text) for text in texts)]
        for names, texts in zip(alerts, notes, strict=True)
    ]
    return Chart(
        unit=current.kpi.unit,
        summary=f"{current.kpi.title}: {summary_text(current)}",
        count_name=current.kpi.denominator_label,
        periods=make_periods(periods, previous=previous, marks=marks, kpi=current.kpi),
        lines=[
            *make_lines(current, previous=previous),
            *mark_lines("alert", "Alert", alerts, is_bar=True),
            *mark_lines("annotation", "Annotation", notes, is_bar=False),
        ],
    )


def names_of_alerts(fired: Sequence[Alert], *, period: Period, now: datetime) -> list[str]:
    """The names of the alerts that fired at some time in the period, each once, in their order."""
    names = [
        alert.name
        for alert in fired
        if alert.started_at < period.end and (alert.end_at(now) or now) >= period.start
    ]
    return list(dict.fromkeys(names))


def texts_of_annotations(annotations: Sequence[Annotation], *, period: Period) -> list[str]:
    return [annotation.text for annotation in annotations if period.start <= annotation.at < period.end]


def mark_lines(key: str, name: str, marks: Sequence[Sequence[str]], *, is_bar: bool) -> list[ChartLine]:
    """A mark at the height of the chart for each period that has one; nothing where none has."""
    values = [1.0 if texts else None for texts in marks]
    return [make_line(key, name, values, is_bar=is_bar)] if any(marks) else []


def previous_values(comparison: Comparison) -> list[float | None]:
    """The values of the range before, cut or filled to as many as the current range has periods."""
    values = [evaluation.value for evaluation in comparison.previous.series]
    length = len(comparison.current.series)
    return (values + [None] * length)[:length]


def make_lines(reading: KpiReading, *, previous: Values) -> list[ChartLine]:
    """The lines that have any value, in the order of the legend; the bars of the sample come last."""
    kpi, series = reading.kpi, reading.series
    percentiles = [name for name in series[0].percentiles if name != kpi.percentile_name]
    lines = [
        make_line(
            "value", value_name(kpi), [evaluation.value for evaluation in series], is_bar=kpi.kind is Kind.SUM
        ),
        make_band(series),
        make_line("previous", "Previous period", previous),
        make_line("target", "Target", [evaluation.goal.target for evaluation in series]),
        make_line("baseline", "Baseline", [evaluation.goal.baseline for evaluation in series]),
        *(
            make_line(name, name, [evaluation.percentiles[name] for evaluation in series], is_shown=False)
            for name in percentiles
        ),
        make_line(
            "count", kpi.denominator_label, [evaluation.denominator for evaluation in series], is_bar=True
        ),
    ]
    return [line for line in lines if any(value is not None for value in [*line["values"], *line["lows"]])]


def make_line(
    key: str, name: str, values: Values, *, is_bar: bool = False, is_shown: bool = True
) -> ChartLine:
    return ChartLine(key=key, name=name, is_bar=is_bar, is_shown=is_shown, values=values, lows=[])


def make_band(series: Sequence[Evaluation]) -> ChartLine:
    """The intervals of the values. In the legend it looks like bars: it is an area."""
    intervals = [evaluation.interval for evaluation in series]
    return ChartLine(
        key="interval",
        name=INTERVAL_NAME,
        is_bar=True,
        is_shown=True,
        values=[interval.high if interval else None for interval in intervals],
        lows=[interval.low if interval else None for interval in intervals],
    )


def make_periods(
    periods: Sequence[PeriodText], *, previous: Values, marks: Sequence[Sequence[Figure]], kpi: Kpi
) -> list[ChartPeriod]:
    """`previous` has a value a period, or none at all; `marks` are what marks each period."""
    before = [value_text(value, unit=kpi.unit) for value in previous] or [""] * len(periods)
    return [
        ChartPeriod(
            label=period.label,
            name=period.name,
            url=period.url,
            figures=[
                *pointer_figures(period.evaluation, previous=previous_value, kpi=kpi),
                *figures,
            ],
        )
        for period, previous_value, figures in zip(periods, before, marks, strict=True)
    ]


def pointer_figures(evaluation: EvaluationText, *, previous: str, kpi: Kpi) -> list[Figure]:
    """What is shown of a period where the pointer is; `previous` is "" without a comparison."""
    return [
        Figure(value_name(kpi), evaluation.value_or_reason),
        *evaluation.interval_column,
        *evaluation.counts,
        *evaluation.other_percentiles,
        Figure("Target", evaluation.target),
        *([Figure("Previous period", previous)] if previous else []),
    ]
