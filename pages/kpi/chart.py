"""What the script draws a KPI's chart from. How lines look is in portal.css, how they are drawn in charts.js."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

from django.utils.translation import gettext as _

from alerts.models import Alert
from kpis.changed.days import ChangedDay
from kpis.formatting import Figure, words_within
from kpis.models import Annotation
from kpis.reading.evaluation import Evaluation
from kpis.reading.periods import Period
from kpis.reading.readings import Comparison, KpiReading
from kpis.registry import Kind, Kpi
from pages.kpi.change_texts import marks_of
from pages.kpi.texts import INTERVAL_NAME, PeriodText, summary_text, value_name
from web.languages import lazy_text

Values = Sequence[float | None]
CHANGED_NAME = lazy_text("Changed afterwards")


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
    """JSON for the script. `unit` is the KPI's; `count_name` says what the lower bars count, within a sentence."""

    unit: str
    summary: str
    count_name: str
    periods: Sequence[ChartPeriod]
    lines: Sequence[ChartLine]


def make_chart(
    comparison: Comparison,
    *,
    periods: Sequence[PeriodText],
    compared_name: str,
    fired: Sequence[Alert] = (),
    annotations: Sequence[Annotation] = (),
    changed: Sequence[ChangedDay] = (),
    now: datetime,
) -> Chart | None:
    """The chart of the current series, whose texts are `periods`; None where no period has a value.

    `compared_name` says what the values of the other range are; "" leaves them out.
    The periods in which one of the alerts fired, those of the annotations, and those of days that changed afterwards
    are marked.
    """
    current = comparison.current
    if all(evaluation.value is None for evaluation in current.series):
        return None
    previous = previous_values(comparison) if compared_name else []
    alerts = [names_of_alerts(fired, period=evaluation.period, now=now) for evaluation in current.series]
    notes = [texts_of_annotations(annotations, period=evaluation.period) for evaluation in current.series]
    changes = [
        marks_of(changed, period=evaluation.period, kpi=current.kpi, zone=current.range.zone)
        for evaluation in current.series
    ]
    return Chart(
        unit=current.kpi.unit,
        summary=f"{_(current.kpi.title)}: {summary_text(current)}",
        count_name=words_within(current.kpi.denominator_label),
        periods=make_periods(
            periods, compared_name=compared_name, marks=mark_figures(alerts, notes, changes), kpi=current.kpi
        ),
        lines=[
            *make_lines(current, previous=previous, compared_name=compared_name),
            *mark_lines("alert", _("Alert"), alerts, is_bar=True),
            *mark_lines("annotation", _("Annotation"), notes, is_bar=False),
            *mark_lines("changed", CHANGED_NAME, changes, is_bar=False),
        ],
    )


def mark_figures(
    alerts: Sequence[Sequence[str]], notes: Sequence[Sequence[str]], changes: Sequence[Sequence[str]]
) -> list[list[Figure]]:
    """What marks each period, for the pointer."""
    named = ((_("Alert"), alerts), (_("Annotation"), notes), (CHANGED_NAME, changes))
    return [
        [Figure(name, text) for name, texts in named for text in texts[number]]
        for number in range(len(alerts))
    ]


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


def make_lines(reading: KpiReading, *, previous: Values, compared_name: str) -> list[ChartLine]:
    """The lines that have any value, in the order of the legend; the bars of the sample come last."""
    kpi, series = reading.kpi, reading.series
    percentiles = [name for name in series[0].percentiles if name != kpi.percentile_name]
    lines = [
        make_line(
            "value", value_name(kpi), [evaluation.value for evaluation in series], is_bar=kpi.kind is Kind.SUM
        ),
        make_band(series),
        make_line("previous", compared_name, previous),
        make_line("target", _("Target"), [evaluation.goal.target for evaluation in series]),
        make_line("baseline", _("Baseline"), [evaluation.goal.baseline for evaluation in series]),
        *(
            make_line(name, name, [evaluation.percentiles[name] for evaluation in series], is_shown=False)
            for name in percentiles
        ),
        make_line(
            "count", _(kpi.denominator_label), [evaluation.denominator for evaluation in series], is_bar=True
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
    periods: Sequence[PeriodText], *, compared_name: str, marks: Sequence[Sequence[Figure]], kpi: Kpi
) -> list[ChartPeriod]:
    """`marks` are what marks each period."""
    return [
        ChartPeriod(
            label=period.label,
            name=period.name,
            url=period.url,
            figures=[*pointer_figures(period, compared_name=compared_name, kpi=kpi), *figures],
        )
        for period, figures in zip(periods, marks, strict=True)
    ]


def pointer_figures(period: PeriodText, *, compared_name: str, kpi: Kpi) -> list[Figure]:
    """What is shown of a period where the pointer is."""
    evaluation = period.evaluation
    return [
        Figure(value_name(kpi), evaluation.value_or_reason),
        *evaluation.interval_column,
        *evaluation.counts,
        *evaluation.other_percentiles,
        Figure(_("Target"), evaluation.target),
        *([Figure(compared_name, period.previous)] if period.previous else []),
    ]
