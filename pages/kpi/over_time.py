"""A breakdown over time: the largest values and all others together, as a chart and as a table.

Ratios and percentiles are lines, because they do not add up. What adds up is stacked: dollars, or what was counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypedDict

from django.utils.translation import gettext as _

from kpis.formatting import DASH, Figure, count_text, value_text, within, words_of
from kpis.reading.evaluation import Evaluation, Slice
from kpis.reading.readings import KpiReading
from kpis.registry import Kind, Kpi
from pages.kpi.chart import ChartLine, ChartPeriod, Values
from pages.kpi.texts import SHORT_REASONS, PeriodText, counts_text, slice_label, value_name
from pages.page_controls import Link
from pages.page_request import LINES, STACKED, PageState

SHOWN_VALUES = 5


class OverTimeChart(TypedDict):
    """JSON for the script. `unit` is the KPI's, or `count`."""

    unit: str
    summary: str
    is_stacked: bool
    periods: Sequence[ChartPeriod]
    lines: Sequence[ChartLine]


@dataclass(frozen=True, kw_only=True)
class PartSeries:
    """One value of the breakdown, or all others. `key` names its look in portal.css."""

    key: str
    name: str
    evaluations: Sequence[Evaluation]


@dataclass(frozen=True)
class OverTimeCell:
    """A figure, and what it is made of ("" for nothing)."""

    text: str
    sample: str = ""


@dataclass(frozen=True, kw_only=True)
class OverTimeRow:
    """A period: a cell for each value."""

    name: str
    cells: Sequence[OverTimeCell]


@dataclass(frozen=True, kw_only=True)
class OverTime:
    """The newest row comes first. `measure` is what is shown of each value of the `dimension`; `links` choose it."""

    chart: OverTimeChart
    measure: str
    dimension: str
    columns: Sequence[str]
    rows: Sequence[OverTimeRow]
    links: Sequence[Link]

    @classmethod
    def from_reading(
        cls, reading: KpiReading, *, periods: Sequence[PeriodText], state: PageState
    ) -> Self | None:
        """None without a breakdown, and where nothing is in it. `periods` are the texts of the reading's series."""
        parts = parts_of(reading)
        if not parts:
            return None
        kpi, shape = reading.kpi, shape_of(reading.kpi, state=state)
        counts = shape == STACKED and kpi.kind is not Kind.SUM
        measure = _(kpi.denominator_label) if counts else value_name(kpi)
        dimension = within(words_of(reading.breakdown))
        names = [part.name for part in parts]
        rows = [
            OverTimeRow(
                name=period.name,
                cells=[cell_of(part.evaluations[number], kpi=kpi, counts=counts) for part in parts],
            )
            for number, period in enumerate(periods)
        ]
        chart = OverTimeChart(
            unit="count" if counts else kpi.unit,
            summary=_("%(measure)s by %(dimension)s over time: %(names)s")
            % {"measure": measure, "dimension": dimension, "names": ", ".join(names)},
            is_stacked=shape == STACKED,
            periods=chart_periods(periods, rows=rows, names=names),
            lines=[line_of(part, counts=counts, is_bar=shape == STACKED) for part in parts],
        )
        return cls(
            chart=chart,
            measure=measure,
            dimension=dimension,
            columns=names,
            rows=rows[::-1],
            links=shape_links(kpi, shape=shape, state=state),
        )


def chart_periods(
    periods: Sequence[PeriodText], *, rows: Sequence[OverTimeRow], names: Sequence[str]
) -> list[ChartPeriod]:
    """Where the pointer is, each value has its figure."""
    return [
        ChartPeriod(
            label=period.label,
            name=period.name,
            url="",
            figures=[Figure(name, cell.text) for name, cell in zip(names, row.cells, strict=True)],
        )
        for period, row in zip(periods, rows, strict=True)
    ]


def parts_of(reading: KpiReading) -> list[PartSeries]:
    """The largest values, and all others as the last one. A single other one has its own name."""
    top = [part for part in reading.slices if part.series]
    parts = [
        PartSeries(key=f"series-{number}", name=slice_label(part.value), evaluations=part.series)
        for number, part in enumerate(top, start=1)
    ]
    return parts + ([other_part(reading.other, reading=reading)] if reading.other else [])


def other_part(other: Slice, *, reading: KpiReading) -> PartSeries:
    rest = reading.slices[SHOWN_VALUES:]
    is_one = reading.other_count == len(rest) == 1
    name = _("Other (%(count)s)") % {"count": count_text(reading.other_count)}
    return PartSeries(
        key="series-other",
        name=slice_label(rest[0].value) if is_one else name,
        evaluations=other.series,
    )


def shape_of(kpi: Kpi, *, state: PageState) -> str:
    return state.shape or (STACKED if kpi.kind is Kind.SUM else LINES)


def shape_links(kpi: Kpi, *, shape: str, state: PageState) -> list[Link]:
    """Lines show the value. What is stacked is the value of a sum, and else what was counted."""
    labels = {LINES: _("Lines"), STACKED: _("Stacked")}
    if kpi.kind is not Kind.SUM:
        labels = {LINES: value_name(kpi), STACKED: _(kpi.denominator_label)}
    return [
        Link(label=label, url=state.link(shape=name), is_current=name == shape)
        for name, label in labels.items()
    ]


def cell_of(evaluation: Evaluation, *, kpi: Kpi, counts: bool) -> OverTimeCell:
    """What is shown of a value in a period, and what it is made of."""
    if counts:
        return OverTimeCell(count_text(evaluation.denominator))
    if evaluation.value is None:
        return OverTimeCell(SHORT_REASONS.get(evaluation.reason or "", DASH))
    counted = counts_text(evaluation, kpi=kpi)
    return OverTimeCell(value_text(evaluation.value, unit=kpi.unit), counted)


def line_of(part: PartSeries, *, counts: bool, is_bar: bool) -> ChartLine:
    values: Values = [
        evaluation.denominator if counts else evaluation.value for evaluation in part.evaluations
    ]
    return ChartLine(key=part.key, name=part.name, is_bar=is_bar, is_shown=True, values=values, lows=[])
