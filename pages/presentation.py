"""What every page shows and the overview: readings as cards, drawings and links. Templates only print it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from django.urls import reverse
from django.utils.text import capfirst

from kpis.reading.periods import Granularity, Range
from kpis.reading.readings import Comparison, KpiReading
from pages import charts, formatting
from pages.charts import Box
from pages.page_state import DEFAULT_PRESET, GRANULARITIES, PRESETS, PageState
from pages.wording import (
    PERSONAS,
    Badge,
    Change,
    badge_of,
    baseline_text,
    change_of,
    is_open,
    note_of,
    range_text,
    sample_text,
    span_words,
    target_text,
    value_of,
)

SPARK = Box(width=240, height=56, margin=4)


@dataclass(frozen=True, kw_only=True)
class Sparkline:
    """A line over the days that are over; a dotted one leads to the day that is not, if there is one."""

    view_box: str
    line: str
    area: str
    open_line: str
    is_open: bool
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
class PageControls:
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
    is_open: bool
    is_custom: bool
    hidden: Mapping[str, str]


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


def is_empty(comparisons: Iterable[Comparison]) -> bool:
    """Whether the range is computed, and nothing that any KPI counts happened in it."""
    return all(each.current.series and not each.current.total.denominator for each in comparisons)


def make_card(comparison: Comparison, *, state: PageState) -> Card:
    current = comparison.current
    return Card(
        title=current.kpi.title,
        url=reverse("kpi", args=[current.kpi.slug]) + state.shared().query(),
        value=value_of(current),
        note=note_of(current),
        badge=badge_of(current),
        target=target_text(current.kpi, current.total),
        baseline=baseline_text(current.kpi, current.total),
        sample=sample_text(current.kpi, current.total),
        change=change_of(comparison),
        sparkline=make_sparkline(current),
    )


def make_sparkline(reading: KpiReading) -> Sparkline | None:
    """None where no period has a value."""
    values = [evaluation.value for evaluation in reading.series]
    over = [None if is_open(reading, evaluation) else evaluation.value for evaluation in reading.series]
    target = reading.total.goal.target
    top = charts.make_scale([*values, target], unit=reading.kpi.unit).top
    end = charts.last_point(values, box=SPARK, top=top)
    if end is None:
        return None
    return Sparkline(
        view_box=view_box(SPARK),
        line=charts.line_path(over, box=SPARK, top=top),
        area=charts.area_path(over, box=SPARK, top=top),
        open_line=charts.line_path(last_step(values, over=over), box=SPARK, top=top),
        is_open=values[-1] != over[-1],
        target_y="" if target is None else charts.height_at(target, box=SPARK, top=top),
        end_x=end[0],
        end_y=end[1],
        label=f"{reading.kpi.title} by day: {span_words(reading)}",
    )


def last_step(values: charts.Values, *, over: charts.Values) -> charts.Values:
    """The values of the last two days, of which the last is not over; nothing where it is."""
    if values[-1] == over[-1]:
        return []
    return [None] * (len(values) - 2) + list(values[-2:])


def view_box(box: Box) -> str:
    return f"0 0 {charts.number_text(box.width)} {charts.number_text(box.height)}"


def make_scope(
    *,
    state: PageState,
    environment: str,
    environments: Sequence[str],
    shown: Range,
    previous: Range,
    computed_until: datetime | None,
) -> PageControls:
    zone = shown.zone
    return PageControls(
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
        is_open=computed_until is not None and shown.start < computed_until < shown.end,
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
