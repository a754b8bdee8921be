"""What a KPI's own page shows: evaluation, chart, table, breakdown, provenance. Templates only print it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.text import capfirst

from kpis.models import Baseline
from kpis.reading.evaluation import PERCENTILES, TOO_FEW_EVENTS, Evaluation
from kpis.reading.readings import Comparison, KpiReading
from kpis.registry import Kind, Kpi
from pages import charts, formatting
from pages.charts import Bar, Box
from pages.page_state import PageState
from pages.presentation import Link, view_box
from pages.wording import (
    BADGES,
    EXCLUSIONS,
    baseline_text,
    no_verdict_below,
    period_label,
    period_value,
    sample_text,
    short_label,
    span_words,
    target_text,
    value_name,
    value_of,
)

CHART = Box(width=1000, height=260, margin=2)
STRIP = Box(width=1000, height=48, margin=0)
SHOWN_SLICES = 12


@dataclass(frozen=True, kw_only=True)
class Chart:
    """The chart that the server draws: a line over a strip of bars, with labels beside it (both in HTML)."""

    view_box: str
    strip_view_box: str
    line: str
    area: str
    target: str
    baseline: str
    previous: str
    grid: Sequence[str]
    bars: Sequence[Bar]
    y_labels: Sequence[str]
    x_labels: Sequence[str]
    strip_label: str
    strip_top: str
    summary: str
    legend: Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Tile:
    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class PeriodTable:
    """Rows of texts; the first column is the row's name, the others are evaluation."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str


@dataclass(frozen=True, kw_only=True)
class SliceRow:
    label: str
    value: str
    sample: str
    bar_width: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Provenance:
    value: str
    since: str
    method: str
    sample: str
    set_by: str


def make_tiles(comparison: Comparison) -> list[Tile]:
    """The figures beside the value."""
    kpi, total = comparison.current.kpi, comparison.current.total
    tiles = [
        Tile(label="Target", value=target_text(kpi, total)),
        Tile(label="Baseline", value=baseline_text(kpi, total)),
        Tile(label="Previous period", value=value_of(comparison.previous)),
    ]
    return [*tiles, *sums_tiles(kpi, total)]


def sums_tiles(kpi: Kpi, total: Evaluation) -> list[Tile]:
    sample = Tile(label=kpi.denominator_label, value=formatting.count(total.denominator))
    if kpi.kind is Kind.RATIO:
        return [Tile(label=kpi.numerator_label, value=formatting.count(total.numerator)), sample]
    return [sample, Tile(label="Mean", value=formatting.value_text(total.mean, unit=kpi.unit))]


def percentile_tiles(reading: KpiReading) -> list[Tile]:
    """Empty where nothing was measured."""
    if not reading.total.denominator:
        return []
    return [
        Tile(label=f"{name[1:]}% within", value=formatting.value_text(value, unit="seconds"), note=name)
        for name, value in reading.total.percentiles.items()
    ]


def make_chart(comparison: Comparison, *, compares: bool) -> Chart | None:
    """None where no period has a value."""
    current = comparison.current
    values = [evaluation.value for evaluation in current.series]
    if all(value is None for value in values):
        return None
    targets = [evaluation.goal.target for evaluation in current.series]
    baselines = [evaluation.goal.baseline for evaluation in current.series]
    previous = previous_values(comparison) if compares else []
    counts = [float(evaluation.denominator) for evaluation in current.series]
    scale = value_scale(comparison, compares=compares)
    strip = count_scale(current)
    return Chart(
        view_box=view_box(CHART),
        strip_view_box=view_box(STRIP),
        line=charts.line_path(values, box=CHART, top=scale.top),
        area=charts.area_path(values, box=CHART, top=scale.top),
        target=charts.step_path(targets, box=CHART, top=scale.top),
        baseline=charts.step_path(baselines, box=CHART, top=scale.top),
        previous=charts.line_path(previous, box=CHART, top=scale.top),
        grid=[charts.height_at(tick, box=CHART, top=scale.top) for tick in scale.ticks],
        bars=charts.bars(counts, box=STRIP, top=strip.top),
        y_labels=[formatting.value_text(tick, unit=current.kpi.unit) for tick in reversed(scale.ticks)],
        x_labels=x_labels(current),
        strip_label=current.kpi.denominator_label,
        strip_top=formatting.count(strip.top),
        summary=f"{current.kpi.title}: {span_words(current)}",
        legend=legend_of(current, targets=targets, baselines=baselines, compares=compares),
    )


def previous_values(comparison: Comparison) -> list[float | None]:
    """The previous range's values, as many as the current one has periods: the first beside the first."""
    values = [evaluation.value for evaluation in comparison.previous.series]
    length = len(comparison.current.series)
    return (values + [None] * length)[:length]


def legend_of(
    reading: KpiReading, *, targets: charts.Values, baselines: charts.Values, compares: bool
) -> list[tuple[str, str]]:
    entries = [
        ("value", value_name(reading.kpi), True),
        ("target", "Target", any(target is not None for target in targets)),
        ("baseline", "Baseline", any(baseline is not None for baseline in baselines)),
        ("previous", "Previous period", compares),
    ]
    return [(key, label) for key, label, is_shown in entries if is_shown]


def x_labels(reading: KpiReading) -> list[str]:
    """The first, the middle and the last period; fewer where there are fewer."""
    series, zone = reading.series, reading.range.zone
    chosen = sorted({0, len(series) // 2, len(series) - 1})
    return [short_label(series[index], granularity=reading.granularity, zone=zone) for index in chosen]


def chart_data(comparison: Comparison, *, compares: bool) -> dict[str, Any]:
    """What the script draws the chart from: raw values for heights, texts for what is read."""
    current = comparison.current
    series, zone, kpi = current.series, current.range.zone, current.kpi
    return {
        "unit": kpi.unit,
        "kind": kpi.kind.value,
        "title": kpi.title,
        "valueName": value_name(kpi),
        "countName": kpi.denominator_label,
        "axis": axis_of(comparison, compares=compares),
        "timeSteps": charts.TIME_STEPS if kpi.kind is Kind.DURATION else [],
        "countTop": count_scale(current).top,
        "labels": [short_label(each, granularity=current.granularity, zone=zone) for each in series],
        "names": [period_label(current, each) for each in series],
        "values": [each.value for each in series],
        "targets": [each.goal.target for each in series],
        "baselines": [each.goal.baseline for each in series],
        "previous": previous_values(comparison) if compares else [],
        "percentiles": percentile_series(current),
        "counts": [each.denominator for each in series],
        "details": [detail_lines(kpi, each) for each in series],
        "previousTexts": previous_texts(comparison) if compares else [],
        "summary": f"{kpi.title}: {span_words(current)}",
    }


def value_scale(comparison: Comparison, *, compares: bool) -> charts.Scale:
    """The axis that holds every line of the chart."""
    series = comparison.current.series
    values = [
        *(evaluation.value for evaluation in series),
        *(evaluation.goal.target for evaluation in series),
        *(evaluation.goal.baseline for evaluation in series),
        *(previous_values(comparison) if compares else []),
    ]
    return charts.make_scale(values, unit=comparison.current.kpi.unit)


def count_scale(reading: KpiReading) -> charts.Scale:
    """The axis of the strip of bars."""
    return charts.make_scale([evaluation.denominator for evaluation in reading.series], unit="count", steps=2)


def axis_of(comparison: Comparison, *, compares: bool) -> dict[str, float]:
    """The axis's top and step; empty for a duration, whose axis grows with the lines that are shown."""
    if comparison.current.kpi.kind is Kind.DURATION:
        return {}
    scale = value_scale(comparison, compares=compares)
    return {"max": scale.top, "interval": scale.ticks[1]}


def percentile_series(reading: KpiReading) -> dict[str, list[float | None]]:
    """A list a percentile, without the one that is the value itself."""
    if reading.kpi.kind is not Kind.DURATION:
        return {}
    return {
        name: [evaluation.percentiles[name] for evaluation in reading.series]
        for name in other_percentiles(reading.kpi)
    }


def other_percentiles(kpi: Kpi) -> list[str]:
    """Without the one that is the value itself."""
    return [name for name in PERCENTILES if name != f"p{round(kpi.statistic * 100)}"]


def previous_texts(comparison: Comparison) -> list[str]:
    unit = comparison.current.kpi.unit
    return [formatting.value_text(value, unit=unit) for value in previous_values(comparison)]


def detail_lines(kpi: Kpi, evaluation: Evaluation) -> list[tuple[str, str]]:
    """The lines of a tooltip: name and figure."""
    return [
        (value_name(kpi), period_value(kpi, evaluation)),
        *([(kpi.numerator_label, formatting.count(evaluation.numerator))] if kpi.kind is Kind.RATIO else []),
        (kpi.denominator_label, formatting.count(evaluation.denominator)),
        *percentile_lines(kpi, evaluation),
        ("Target", target_text(kpi, evaluation)),
    ]


def percentile_lines(kpi: Kpi, evaluation: Evaluation) -> list[tuple[str, str]]:
    if kpi.kind is not Kind.DURATION:
        return []
    return [
        (name, formatting.value_text(evaluation.percentiles[name], unit="seconds"))
        for name in other_percentiles(kpi)
    ]


def make_table(reading: KpiReading) -> PeriodTable:
    """The series, newest first."""
    kpi = reading.kpi
    return PeriodTable(
        columns=["Period", value_name(kpi), *sums_columns(kpi), "Target", "Verdict"],
        rows=[
            [
                period_label(reading, evaluation),
                period_value(kpi, evaluation),
                *sums_cells(kpi, evaluation),
                target_text(kpi, evaluation),
                BADGES[evaluation.verdict].short if evaluation.verdict else "\N{EN DASH}",
            ]
            for evaluation in reversed(reading.series)
        ],
        note=sample_note(reading),
    )


def sample_note(reading: KpiReading) -> str:
    """What "too few" means, where a row says it."""
    if all(evaluation.verdict != TOO_FEW_EVENTS for evaluation in reading.series):
        return ""
    return f"{BADGES[TOO_FEW_EVENTS].short}: {no_verdict_below(reading.kpi)}."


def sums_columns(kpi: Kpi) -> list[str]:
    if kpi.kind is Kind.RATIO:
        return [kpi.numerator_label, kpi.denominator_label]
    if kpi.kind is Kind.SUM:
        return [kpi.denominator_label, "Mean"]
    return [kpi.denominator_label, "Mean", *other_percentiles(kpi)]


def sums_cells(kpi: Kpi, evaluation: Evaluation) -> list[str]:
    sample = formatting.count(evaluation.denominator)
    if kpi.kind is Kind.RATIO:
        return [formatting.count(evaluation.numerator), sample]
    mean = formatting.value_text(evaluation.mean, unit=kpi.unit)
    return [sample, mean, *(text for _, text in percentile_lines(kpi, evaluation))]


def make_slices(reading: KpiReading) -> list[SliceRow]:
    """The largest values of the breakdown, each with a bar of its size against the largest."""
    largest = max((part.total.denominator for part in reading.slices), default=0) or 1
    return [
        SliceRow(
            label=part.value.replace("_", " ") or "(none)",
            value=period_value(reading.kpi, part.total),
            sample=sample_text(reading.kpi, part.total),
            bar_width=charts.number_text(100 * part.total.denominator / largest),
            note="" if part.total.verdict is None else BADGES[part.total.verdict].short,
        )
        for part in reading.slices
    ]


def breakdown_links(kpi: Kpi, *, state: PageState) -> list[Link]:
    """A link a dimension, and one for none."""
    return [
        Link(
            label=capfirst(name) if name else "None",
            url=state.query(breakdown=name) or "?",
            is_current=name == state.breakdown,
        )
        for name in ("", *kpi.dimensions)
    ]


def exclusions(reading: KpiReading) -> list[tuple[str, str]]:
    """Reason in words, and how many."""
    return [
        (EXCLUSIONS.get(reason, capfirst(reason.replace("_", " "))), formatting.count(number))
        for reason, number in reading.excluded.items()
        if number
    ]


def provenance(kpi: Kpi, row: Baseline | None) -> Provenance | None:
    if row is None:
        return None
    return Provenance(
        value=formatting.value_text(float(row.value), unit=kpi.unit),
        since=f"{row.effective_from.day} {row.effective_from:%b %Y}",
        method=row.method,
        sample=formatting.count(row.sample_size),
        set_by=row.set_by.get_username() if row.set_by else "not recorded",
    )
