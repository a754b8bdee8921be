"""What the pages show: readings turned into words, links and drawings. Templates only print what is in here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.text import capfirst

from kpis import charts, formatting
from kpis.charts import Bar, Box
from kpis.days import day_start, local_day
from kpis.figures import NO_EVENTS, NOT_MEASURABLE, OFF_TARGET, ON_TARGET, TOO_FEW_EVENTS, Figures
from kpis.models import Baseline
from kpis.page_state import DEFAULT_PRESET, GRANULARITIES, PRESETS, PageState
from kpis.periods import Granularity, Range, last_date
from kpis.reading import Comparison, KpiReading
from kpis.registry import Direction, Kind, Kpi, Persona

SPARK = Box(width=240, height=56, margin=4)
CHART = Box(width=1000, height=260, margin=2)
STRIP = Box(width=1000, height=48, margin=0)
SHOWN_SLICES = 12

PERSONAS = {
    Persona.AGENT: ("Agent", "Does the assistant put templates to work?"),
    Persona.END_USER: ("End user", "How quickly does an idea become a workflow?"),
    Persona.LEADERSHIP: ("Leadership", "Is the workbench where workflows are made?"),
    Persona.DOMAIN_EXPERT: ("Domain expert", "Is the experts' knowledge reused?"),
    Persona.OPERATOR: ("Operator", "Do workflows, approvals and agents run well, and at what cost?"),
}
EXCLUSIONS = {
    "no_creation": "No creation is known for the accepted draft",
    "created_after_acceptance": "The creation is dated after the acceptance",
    "no_request": "No request is known for the decision",
    "decided_before_request": "The decision is dated before the request",
    "no_start": "No start is known, and the completion reported no duration",
    "completed_before_start": "The completion is dated before the start",
}


@dataclass(frozen=True, kw_only=True)
class Badge:
    """A verdict: `tone` names the colour and the icon, `label` says it in words."""

    tone: str
    label: str
    hint: str


BADGES = {
    ON_TARGET: Badge(tone="good", label="On target", hint="The value reaches its target."),
    OFF_TARGET: Badge(tone="bad", label="Off target", hint="The value misses its target."),
    TOO_FEW_EVENTS: Badge(tone="few", label="Too few events to judge", hint="Below the minimum sample."),
    NOT_MEASURABLE: Badge(
        tone="none", label="Not measurable", hint="What it is compared with was never reported."
    ),
}
NO_TARGET = Badge(tone="none", label="No target set", hint="Targets are set in the admin.")
NOT_COMPUTED = Badge(tone="none", label="Not computed yet", hint="Nothing of this range is computed.")
REASONS = {
    NO_EVENTS: "No events in this range",
    NOT_MEASURABLE: "No other origin of workflows was ever reported here, so a share would be a guess.",
}


@dataclass(frozen=True, kw_only=True)
class Change:
    """Against the previous period: `tone` good, bad or flat; `arrow` up, down or flat."""

    text: str
    tone: str
    arrow: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Sparkline:
    view_box: str
    line: str
    area: str
    target_y: str
    end_x: str
    end_y: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Card:
    """A KPI on the overview."""

    title: str
    url: str
    value: str
    note: str
    badge: Badge
    target: str
    baseline: str
    sample: str
    change: Change | None
    sparkline: Sparkline | None


@dataclass(frozen=True, kw_only=True)
class Section:
    """A persona's cards."""

    persona: str
    question: str
    key: str
    cards: Sequence[Card]


@dataclass(frozen=True, kw_only=True)
class Link:
    label: str
    url: str
    is_current: bool


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What a page shows, in words, and the links that change it."""

    environment: str
    environments: Sequence[Link]
    ranges: Sequence[Link]
    granularities: Sequence[Link]
    start: str
    end: str
    range_text: str
    previous_text: str
    time_zone: str
    computed_until: str
    computed_until_iso: str
    is_custom: bool
    hidden: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Tick:
    label: str


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
class Table:
    """Rows of texts; the first column is the row's name, the others are figures."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


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


# The overview ---------------------------------------------------------------------------------------------


def make_sections(comparisons: Iterable[Comparison], *, state: PageState) -> list[Section]:
    """The cards by persona, in registry order."""
    grouped = groupby(comparisons, key=lambda comparison: comparison.current.kpi.persona)
    return [
        Section(
            persona=PERSONAS[persona][0],
            question=PERSONAS[persona][1],
            key=persona.value,
            cards=[make_card(comparison, state=state) for comparison in group],
        )
        for persona, group in grouped
    ]


def make_card(comparison: Comparison, *, state: PageState) -> Card:
    current = comparison.current
    return Card(
        title=current.kpi.title,
        url=reverse("kpi", args=[current.kpi.slug]) + state.shared_query(),
        value=value_of(current),
        note=note_of(current),
        badge=badge_of(current),
        target=target_text(current.kpi, current.total),
        baseline=baseline_text(current.kpi, current.total),
        sample=sample_text(current.kpi, current.total),
        change=change_of(comparison),
        sparkline=make_sparkline(current),
    )


def value_of(reading: KpiReading) -> str:
    return formatting.value_text(reading.total.value, unit=reading.kpi.unit)


def note_of(reading: KpiReading) -> str:
    """Why there is no value; "" where there is one."""
    if reading.computed_until is None or not reading.series:
        return "Not computed yet"
    return REASONS.get(reading.total.reason or "", "")


def badge_of(reading: KpiReading) -> Badge:
    if reading.total.verdict is None:
        return NO_TARGET
    if not reading.series:
        return NOT_COMPUTED
    return BADGES[reading.total.verdict]


def target_text(kpi: Kpi, figures: Figures) -> str:
    if figures.standard.target is None:
        return "needs a baseline" if kpi.baseline_factor is not None else "none"
    sign = (
        "\N{GREATER-THAN OR EQUAL TO}" if kpi.direction is Direction.AT_LEAST else "\N{LESS-THAN OR EQUAL TO}"
    )
    return f"{sign} {formatting.value_text(figures.standard.target, unit=kpi.unit)}"


def baseline_text(kpi: Kpi, figures: Figures) -> str:
    if figures.standard.baseline is None:
        return "none"
    return formatting.value_text(figures.standard.baseline, unit=kpi.unit)


def sample_text(kpi: Kpi, figures: Figures) -> str:
    """What the value is made of: 31 of 100 chat messages sent."""
    label = kpi.denominator_label.lower()
    if kpi.kind is Kind.RATIO:
        return f"{formatting.count(figures.numerator)} / {formatting.count(figures.denominator)} {label}"
    return f"{formatting.count(figures.denominator)} {label}"


def change_of(comparison: Comparison) -> Change | None:
    """None where one of both has no value."""
    kpi = comparison.current.kpi
    current, previous = comparison.current.total.value, comparison.previous.total.value
    if current is None or previous is None:
        return None
    text = formatting.change_text(current, previous, unit=kpi.unit)
    if text.startswith("±"):
        return Change(text="no change", tone="flat", arrow="flat", words="unchanged")
    is_better = (current > previous) is (kpi.direction is Direction.AT_LEAST)
    return Change(
        text=text,
        tone="good" if is_better else "bad",
        arrow="up" if current > previous else "down",
        words="better" if is_better else "worse",
    )


def make_sparkline(reading: KpiReading) -> Sparkline | None:
    """None where no period has a value."""
    values = [figures.value for figures in reading.series]
    target = reading.total.standard.target
    top = charts.make_scale([*values, target], unit=reading.kpi.unit).top
    end = charts.last_point(values, box=SPARK, top=top)
    if end is None:
        return None
    return Sparkline(
        view_box=view_box(SPARK),
        line=charts.line_path(values, box=SPARK, top=top),
        area=charts.area_path(values, box=SPARK, top=top),
        target_y="" if target is None else charts.height_at(target, box=SPARK, top=top),
        end_x=end[0],
        end_y=end[1],
        label=f"{reading.kpi.title} by day: {span_words(reading)}",
    )


def span_words(reading: KpiReading) -> str:
    """Lowest, highest and last value, for those who hear the chart."""
    known = [figures.value for figures in reading.series if figures.value is not None]
    if not known:
        return "no values"
    low, high, last = (
        formatting.value_text(value, unit=reading.kpi.unit) for value in (min(known), max(known), known[-1])
    )
    return f"between {low} and {high}, last {last}"


def view_box(box: Box) -> str:
    return f"0 0 {charts.number_text(box.width)} {charts.number_text(box.height)}"


# The scope of a page --------------------------------------------------------------------------------------


def make_scope(
    *,
    state: PageState,
    environment: str,
    environments: Sequence[str],
    shown: Range,
    previous: Range,
    computed_until: datetime | None,
) -> Scope:
    zone = shown.zone
    return Scope(
        environment=environment,
        environments=environment_links(state, environment=environment, environments=environments),
        ranges=range_links(state),
        granularities=granularity_links(state),
        start=f"{shown.start.astimezone(zone):%Y-%m-%d}" if state.is_custom else "",
        end=f"{shown.end.astimezone(zone):%Y-%m-%d}" if state.is_custom else "",
        range_text=range_text(shown),
        previous_text=range_text(previous),
        time_zone=zone.key,
        computed_until=formatting.moment_text(computed_until, zone=zone) if computed_until else "",
        computed_until_iso=computed_until.isoformat() if computed_until else "",
        is_custom=state.is_custom,
        hidden=hidden_fields(state),
    )


def environment_links(state: PageState, *, environment: str, environments: Sequence[str]) -> list[Link]:
    return [
        Link(label=name, url=state.query(environment=name), is_current=name == environment)
        for name in environments
    ]


def range_links(state: PageState) -> list[Link]:
    current = "" if state.is_custom else state.preset or DEFAULT_PRESET
    return [
        Link(
            label=f"{days} days",
            url=state.query(preset=name, start="", end="") or "?",
            is_current=name == current,
        )
        for name, days in PRESETS.items()
    ]


def granularity_links(state: PageState) -> list[Link]:
    return [
        Link(
            label=capfirst(granularity.value),
            url=state.query(granularity=granularity) or "?",
            is_current=granularity is state.granularity,
        )
        for granularity in GRANULARITIES
    ]


def hidden_fields(state: PageState) -> dict[str, str]:
    """What the environment and range form must carry along, so that it keeps the rest of the state."""
    fields = {
        "granularity": state.granularity.value if state.granularity is not Granularity.DAY else "",
        "breakdown": state.breakdown,
        "compare": "1" if state.compares else "",
    }
    return {name: value for name, value in fields.items() if value}


def range_text(shown: Range) -> str:
    """1 Feb 2026 to 28 Feb 2026, both included; with the time of day where an end is not a day's start."""
    zone = shown.zone
    last = last_date(shown, zone=zone)
    start = formatting.date_text(shown.start, zone=zone)
    if shown.start != day_start(local_day(shown.start, zone=zone), zone=zone):
        start = formatting.moment_text(shown.start, zone=zone)
    end = f"{last.day} {last:%b %Y}"
    if shown.end != day_start(local_day(shown.end, zone=zone), zone=zone):
        end = formatting.moment_text(shown.end, zone=zone)
    return f"{start} \N{EN DASH} {end}"


# A KPI's page ---------------------------------------------------------------------------------------------


def make_tiles(comparison: Comparison) -> list[Tile]:
    """The figures beside the value."""
    kpi, total = comparison.current.kpi, comparison.current.total
    tiles = [
        Tile(label="Target", value=target_text(kpi, total)),
        Tile(label="Baseline", value=baseline_text(kpi, total)),
        Tile(label="Previous period", value=value_of(comparison.previous)),
    ]
    return [*tiles, *sums_tiles(kpi, total)]


def sums_tiles(kpi: Kpi, total: Figures) -> list[Tile]:
    sample = Tile(label=kpi.denominator_label, value=formatting.count(total.denominator))
    if kpi.kind is Kind.RATIO:
        return [Tile(label=kpi.numerator_label, value=formatting.count(total.numerator)), sample]
    return [sample, Tile(label="Mean", value=formatting.value_text(total.mean, unit=kpi.unit))]


def percentile_tiles(reading: KpiReading) -> list[Tile]:
    return [
        Tile(label=f"{name[1:]}% within", value=formatting.value_text(value, unit="seconds"), note=name)
        for name, value in reading.total.percentiles.items()
    ]


def period_label(figures: Figures, *, granularity: Granularity, zone: ZoneInfo) -> str:
    start = figures.period.start
    if granularity is Granularity.HOUR:
        return formatting.moment_text(start, zone=zone) + f" ({start.astimezone(zone):%Z})"
    if granularity is Granularity.MONTH:
        return f"{start.astimezone(zone):%b %Y}"
    text = formatting.date_text(start, zone=zone)
    return f"Week of {text}" if granularity is Granularity.WEEK else text


def short_label(figures: Figures, *, granularity: Granularity, zone: ZoneInfo) -> str:
    start = figures.period.start.astimezone(zone)
    if granularity is Granularity.HOUR:
        return f"{start.day} {start:%b %H:%M}"
    return f"{start:%b %Y}" if granularity is Granularity.MONTH else f"{start.day} {start:%b}"


def make_chart(comparison: Comparison, *, compares: bool) -> Chart | None:
    """None where no period has a value."""
    current = comparison.current
    values = [figures.value for figures in current.series]
    if all(value is None for value in values):
        return None
    targets = [figures.standard.target for figures in current.series]
    baselines = [figures.standard.baseline for figures in current.series]
    previous = previous_values(comparison) if compares else []
    counts = [float(figures.denominator) for figures in current.series]
    scale = value_scale(comparison, compares=compares)
    strip = charts.make_scale(counts, unit="count", steps=2)
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
    values = [figures.value for figures in comparison.previous.series]
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


def value_name(kpi: Kpi) -> str:
    if kpi.kind is not Kind.DURATION:
        return kpi.title
    return "Median" if kpi.statistic == 0.5 else f"p{round(kpi.statistic * 100)}"


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
        "labels": [short_label(each, granularity=current.granularity, zone=zone) for each in series],
        "names": [period_label(each, granularity=current.granularity, zone=zone) for each in series],
        "values": [each.value for each in series],
        "targets": [each.standard.target for each in series],
        "baselines": [each.standard.baseline for each in series],
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
        *(figures.value for figures in series),
        *(figures.standard.target for figures in series),
        *(figures.standard.baseline for figures in series),
        *(previous_values(comparison) if compares else []),
    ]
    return charts.make_scale(values, unit=comparison.current.kpi.unit)


def axis_of(comparison: Comparison, *, compares: bool) -> dict[str, float]:
    """The axis's top and step; empty for a duration, whose axis grows with the percentiles that are shown."""
    if comparison.current.kpi.kind is Kind.DURATION:
        return {}
    scale = value_scale(comparison, compares=compares)
    return {"max": scale.top, "interval": scale.ticks[1]}


def percentile_series(reading: KpiReading) -> dict[str, list[float | None]]:
    """A list a percentile, without the one that is the value itself."""
    if reading.kpi.kind is not Kind.DURATION:
        return {}
    names = [name for name in reading.total.percentiles if name != f"p{round(reading.kpi.statistic * 100)}"]
    return {name: [figures.percentiles[name] for figures in reading.series] for name in names}


def previous_texts(comparison: Comparison) -> list[str]:
    unit = comparison.current.kpi.unit
    return [formatting.value_text(value, unit=unit) for value in previous_values(comparison)]


def detail_lines(kpi: Kpi, figures: Figures) -> list[tuple[str, str]]:
    """The lines of a tooltip: name and figure."""
    return [
        (value_name(kpi), period_value(kpi, figures)),
        *([(kpi.numerator_label, formatting.count(figures.numerator))] if kpi.kind is Kind.RATIO else []),
        (kpi.denominator_label, formatting.count(figures.denominator)),
        *percentile_lines(kpi, figures),
        ("Target", target_text(kpi, figures)),
    ]


def percentile_lines(kpi: Kpi, figures: Figures) -> list[tuple[str, str]]:
    return [
        (name, formatting.value_text(value, unit="seconds"))
        for name, value in figures.percentiles.items()
        if name != f"p{round(kpi.statistic * 100)}"
    ]


def period_value(kpi: Kpi, figures: Figures) -> str:
    if figures.reason == NO_EVENTS:
        return "no events"
    return (
        "not measurable"
        if figures.reason == NOT_MEASURABLE
        else formatting.value_text(figures.value, unit=kpi.unit)
    )


def make_table(reading: KpiReading) -> Table:
    """The series, newest first."""
    kpi = reading.kpi
    return Table(
        columns=["Period", value_name(kpi), *sums_columns(kpi), "Target", "Verdict"],
        rows=[
            [
                period_label(figures, granularity=reading.granularity, zone=reading.range.zone),
                period_value(kpi, figures),
                *sums_cells(kpi, figures),
                target_text(kpi, figures),
                BADGES[figures.verdict].label if figures.verdict else "\N{EN DASH}",
            ]
            for figures in reversed(reading.series)
        ],
    )


def sums_columns(kpi: Kpi) -> list[str]:
    if kpi.kind is Kind.RATIO:
        return [kpi.numerator_label, kpi.denominator_label]
    if kpi.kind is Kind.SUM:
        return [kpi.denominator_label, "Mean"]
    return [kpi.denominator_label, "Mean", "p50", "p75", "p90", "p95", "p99"]


def sums_cells(kpi: Kpi, figures: Figures) -> list[str]:
    sample = formatting.count(figures.denominator)
    if kpi.kind is Kind.RATIO:
        return [formatting.count(figures.numerator), sample]
    mean = formatting.value_text(figures.mean, unit=kpi.unit)
    spread = [formatting.value_text(value, unit=kpi.unit) for value in figures.percentiles.values()]
    return [sample, mean, *spread]


def make_slices(reading: KpiReading) -> list[SliceRow]:
    """The largest values of the breakdown, each with a bar of its size against the largest."""
    largest = max((part.total.denominator for part in reading.slices), default=0) or 1
    return [
        SliceRow(
            label=part.value.replace("_", " ") or "(none)",
            value=period_value(reading.kpi, part.total),
            sample=sample_text(reading.kpi, part.total),
            bar_width=charts.number_text(100 * part.total.denominator / largest),
            note="" if part.total.verdict is None else BADGES[part.total.verdict].label,
        )
        for part in reading.slices[:SHOWN_SLICES]
    ]


def slices_left_out(reading: KpiReading) -> int:
    return reading.slices_left_out + max(0, len(reading.slices) - SHOWN_SLICES)


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
        set_by=row.set_by.get_username() if row.set_by else "unknown",
    )


def judgement_words(kpi: Kpi) -> str:
    """How the target judges, in a sentence."""
    side = "at least" if kpi.direction is Direction.AT_LEAST else "at most"
    if kpi.baseline_factor is not None:
        return (
            f"On target when the value is {side} the target, which is a factor of the baseline "
            f"({formatting.percent(float(kpi.baseline_factor))} of it unless set otherwise). "
            f"Judged from {kpi.minimum_sample} {kpi.denominator_label.lower()} on."
        )
    return (
        f"On target when the value is {side} the target. "
        f"Judged from {kpi.minimum_sample} {kpi.denominator_label.lower()} on."
    )
