"""What a KPI's own page shows: evaluation, chart, table, breakdown, provenance. Templates only print it."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.text import capfirst

from kpis.models import Baseline
from kpis.reading.evaluation import TOO_FEW_EVENTS, Evaluation
from kpis.reading.queries import Comparison, KpiReading
from kpis.registry import Kind, Kpi
from pages import charts, formatting
from pages.page_state import PageState
from pages.presentation import Link
from pages.wording import (
    BADGES,
    EXCLUSIONS,
    baseline_text,
    no_verdict_below,
    other_percentiles,
    percentile_lines,
    period_label,
    period_value,
    sample_text,
    target_text,
    value_name,
    value_of,
)

SHOWN_SLICES = 12


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
