"""The page of costs: by workflow, agent, model and day."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from kpis.days import local_day
from kpis.formatting import (
    Figure,
    compact_text,
    count_text,
    date_text,
    dollars_text,
    localized,
    mark,
    percent_text,
    value_text,
)
from kpis.reading.usage.breakdown import (
    USAGE_LIMIT,
    Usage,
    UsageComparison,
    UsageDimension,
    UsageReading,
    UsageSlice,
    compare_usage,
    computed_until_of,
    total_of,
)
from pages.kpi.headline import Change
from pages.page_controls import Link, PageControls
from pages.page_request import PageRequest, PageState, environments_of, no_environment_page
from pages.period_names import range_text
from pages.stacks import StackBar, StackSeries, make_stacks, round_top
from pages.usage.links import COST, cost_change, csv_url, left_out_text, runs_url, usage_page_or_404
from pages.usage.sorting import PARAMETER, SortColumn, SortOrder, headings, sort_rows
from people.access import has_right, needs_right
from people.models import Right
from web.languages import lazy_text

BY_DAY = "day"
TABS = {
    "workflow": lazy_text("Workflow"),
    "agent": lazy_text("Agent"),
    "model": lazy_text("Model"),
    BY_DAY: lazy_text("Day"),
}
# What the page says of the table of a tab.
TITLES = {
    "workflow": lazy_text("By workflow"),
    "agent": lazy_text("By agent"),
    "model": lazy_text("By model"),
    BY_DAY: lazy_text("By day"),
}
PICTURE_TITLES = {
    "workflow": lazy_text("Costs by workflow"),
    "agent": lazy_text("Costs by agent"),
    "model": lazy_text("Costs by model"),
    BY_DAY: lazy_text("Costs by day"),
}
CAPTIONS = {
    "workflow": lazy_text("Costs by workflow in %(range)s. The links in the headings sort it."),
    "agent": lazy_text("Costs by agent in %(range)s. The links in the headings sort it."),
    "model": lazy_text("Costs by model in %(range)s. The links in the headings sort it."),
    BY_DAY: lazy_text("Costs by day in %(range)s. The links in the headings sort it."),
}
LEFT_OUT = {
    "workflow": lazy_text("and %(count)s smaller workflows, which the totals count"),
    "agent": lazy_text("and %(count)s smaller agents, which the totals count"),
    "model": lazy_text("and %(count)s smaller models, which the totals count"),
    BY_DAY: "",
}
CHART_LABELS = {
    "workflow": lazy_text(
        "Cost by day and workflow: at most %(most)s a day. The table below has every figure."
    ),
    "agent": lazy_text("Cost by day and agent: at most %(most)s a day. The table below has every figure."),
    "model": lazy_text("Cost by day and model: at most %(most)s a day. The table below has every figure."),
    BY_DAY: lazy_text("Cost by day and day: at most %(most)s a day. The table below has every figure."),
}
DEFAULT_TAB = "workflow"
# As many as portal.css has colours for; the smaller ones are drawn as one.
MOST_COLOURS = 6
# What a value is called that is none.
WITHOUT = {
    "workflow": lazy_text("No workflow"),
    "agent": lazy_text("No agent"),
    "model": lazy_text("No model"),
}


@dataclass(frozen=True, kw_only=True)
class CostRow:
    """A value of the dimension or a day, as numbers to sort by. `order` is its name, or its day."""

    name: str
    order: str
    url: str
    usage: Usage
    share: float
    change: float | None
    change_text: Change | None


@dataclass(frozen=True, kw_only=True)
class CostText:
    """A row of the table; days have no change."""

    name: str
    url: str
    cost: str
    has_change: bool
    change: Change | None
    cells: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class StackedChart:
    """`ticks` are the labels of the axis from its top down, `days` those of the first, the middle and the last bar."""

    bars: Sequence[StackBar]
    legend: Sequence[StackSeries]
    ticks: Sequence[str]
    days: Sequence[str]
    label: str


COLUMNS: Sequence[SortColumn[CostRow]] = (
    SortColumn(name="name", label="", key=lambda row: row.order, is_text=True),
    SortColumn(
        name="cost",
        label=lazy_text("Cost"),
        key=lambda row: row.usage.cost_usd,
        hint=lazy_text("Reported and estimated"),
    ),
    SortColumn(
        name="change",
        label=lazy_text("Change"),
        key=lambda row: row.change,
        hint=lazy_text("Against the previous period"),
    ),
    SortColumn(
        name="share",
        label=lazy_text("Share"),
        key=lambda row: row.share,
        hint=lazy_text("Of the range's cost"),
    ),
    SortColumn(name="reported", label=lazy_text("Reported"), key=lambda row: row.usage.reported_usd),
    SortColumn(
        name="estimated",
        label=lazy_text("Estimated"),
        key=lambda row: row.usage.estimated_usd,
        hint=lazy_text("Minutes of runs of which nothing reports a cost"),
    ),
    SortColumn(name="input", label=lazy_text("Tokens in"), key=lambda row: row.usage.input_tokens),
    SortColumn(name="output", label=lazy_text("Tokens out"), key=lambda row: row.usage.output_tokens),
    SortColumn(
        name="calls",
        label=lazy_text("Model calls"),
        key=lambda row: row.usage.calls,
        hint=lazy_text("As spans report them"),
    ),
)


@require_safe
@needs_right(Right.VIEW_PAGES)
def show_costs(request: HttpRequest) -> HttpResponse:
    """The page at /costs/."""
    environments = environments_of(request)
    if not environments:
        return no_environment_page(request)
    page, context = read_costs_page(request, environments=environments)
    context["may_export"] = has_right(request.user, Right.EXPORT)
    return render(request, "pages/costs.html", context, status=page.status)


def read_costs_page(request: HttpRequest, *, environments: list[str]) -> tuple[PageRequest, dict[str, Any]]:
    """The page of the request's query, and what costs.html prints of it. Raises Http404."""
    tab = tab_or_404(request.GET.get("by", ""))
    columns, default = columns_of(tab), default_order(tab)
    order = SortOrder.from_query(
        request.GET.dict(), names=[column.name for column in columns], default=default
    )
    kept = {"by": "" if tab == DEFAULT_TAB else tab, PARAMETER: "" if order.text == default else order.text}
    page = usage_page_or_404(request, environments=environments, extra=kept)
    comparison = compare_usage(
        environment=page.environment,
        range=page.range,
        by=None if tab == BY_DAY else UsageDimension(tab),
        computed_until=computed_until_of(page.environment),
    )
    return page, costs_context(comparison, page=page, tab=tab, order=order)


def tab_or_404(name: str) -> str:
    if name and name not in TABS:
        raise Http404("Costs have no breakdown of this name.")
    return name or DEFAULT_TAB


def columns_of(tab: str) -> list[SortColumn[CostRow]]:
    """Days have no change: there is no day before that is like them."""
    name, *others = COLUMNS
    named = replace(name, label=TABS[tab])
    return [named, *(column for column in others if tab != BY_DAY or column.name != "change")]


def default_order(tab: str) -> str:
    """The newest day, or the highest cost first."""
    return "-name" if tab == BY_DAY else "-cost"


def costs_context(
    comparison: UsageComparison, *, page: PageRequest, tab: str, order: SortOrder
) -> dict[str, Any]:
    """What costs.html prints."""
    current, columns = comparison.current, columns_of(tab)
    rows = day_rows(current) if tab == BY_DAY else slice_rows(comparison, tab=tab, page=page)
    shown = sort_rows(rows, columns=columns, order=order)
    return {
        "controls": PageControls.from_page(
            page, computed_until=current.computed_until, previous=comparison.previous.range
        ),
        "fault": page.fault,
        "tab_title": TITLES[tab],
        "picture_title": PICTURE_TITLES[tab],
        "caption": CAPTIONS[tab] % {"range": range_text(page.range)},
        "tabs": tab_links(page.state, current=tab),
        "total": dollars_text(current.total.cost_usd),
        "change": cost_change(current.total.cost_usd, comparison.previous.total.cost_usd),
        "tiles": make_tiles(comparison),
        "is_empty": current.total == Usage(),
        "chart": make_chart(current, tab=tab),
        "headings": headings(columns, order=order, default=default_order(tab), state=page.state),
        "rows": [make_text(row, has_change=tab != BY_DAY) for row in shown],
        "sum": make_text(sum_row(current), has_change=tab != BY_DAY),
        "left_out": left_out_text(len(current.slices), sentence=LEFT_OUT[tab]),
        "rate": rate_text(settings.COST_USD_PER_MINUTE),
        "kpi_url": reverse("kpi", args=[COST.slug]) + page.state.shared().query(),
        "csv_url": csv_url("api-costs", environment=page.environment, range=page.range, by=tab),
    }


def rate_text(usd: float) -> str:
    """Exactly as it is set: $0.0125."""
    return mark("TEXT_DOLLARS").format(localized(f"{usd:g}"))


def tab_links(state: PageState, *, current: str) -> list[Link]:
    return [
        Link(
            label=label,
            url=state.with_extra(**{"by": "" if name == DEFAULT_TAB else name, PARAMETER: ""}).link(),
            is_current=name == current,
        )
        for name, label in TABS.items()
    ]


def make_tiles(comparison: UsageComparison) -> list[Figure]:
    usage, before = comparison.current.total, comparison.previous.total
    return [
        Figure(_("Reported"), dollars_text(usage.reported_usd)),
        Figure(_("Estimated"), dollars_text(usage.estimated_usd)),
        Figure(_("Previous period"), value_text(None if before == Usage() else before.cost_usd, unit="usd")),
        Figure(_("Tokens in"), compact_text(usage.input_tokens)),
        Figure(_("Tokens out"), compact_text(usage.output_tokens)),
        Figure(_("Model calls"), count_text(usage.calls)),
    ]


def slice_rows(comparison: UsageComparison, *, tab: str, page: PageRequest) -> list[CostRow]:
    before = comparison.previous.totals()
    return [
        slice_row(
            part,
            previous=before.get(part.value, Usage()).cost_usd,
            whole=comparison.current.total.cost_usd,
            tab=tab,
            page=page,
        )
        for part in comparison.current.slices[:USAGE_LIMIT]
    ]


def slice_row(part: UsageSlice, *, previous: float, whole: float, tab: str, page: PageRequest) -> CostRow:
    cost, has_runs = part.total.cost_usd, tab != UsageDimension.MODEL and part.value
    return CostRow(
        name=part.value or WITHOUT[tab],
        order=part.value.casefold(),
        url=runs_url(environment=page.environment, range=page.range, **{tab: part.value}) if has_runs else "",
        usage=part.total,
        share=cost / whole if whole else 0,
        change=cost / previous - 1 if previous else None,
        change_text=cost_change(cost, previous),
    )


def day_rows(reading: UsageReading) -> list[CostRow]:
    zone, whole = reading.range.zone, reading.total.cost_usd
    return [
        CostRow(
            name=date_text(local_day(period.start, zone=zone)),
            order=period.start.isoformat(),
            url="",
            usage=usage,
            share=usage.cost_usd / whole if whole else 0,
            change=None,
            change_text=None,
        )
        for period, usage in zip(reading.periods, reading.series, strict=True)
    ]


def sum_row(reading: UsageReading) -> CostRow:
    return CostRow(
        name=_("All"),
        order="",
        url="",
        usage=reading.total,
        share=1 if reading.total.cost_usd else 0,
        change=None,
        change_text=None,
    )


def make_text(row: CostRow, *, has_change: bool) -> CostText:
    usage = row.usage
    cells = [
        percent_text(row.share),
        dollars_text(usage.reported_usd),
        dollars_text(usage.estimated_usd),
        compact_text(usage.input_tokens),
        compact_text(usage.output_tokens),
        count_text(usage.calls),
    ]
    return CostText(
        name=row.name,
        url=row.url,
        cost=dollars_text(usage.cost_usd),
        has_change=has_change,
        change=row.change_text,
        cells=cells,
    )


def make_chart(reading: UsageReading, *, tab: str) -> StackedChart | None:
    """Stacked bars by day; None where nothing cost anything."""
    highest = max((usage.cost_usd for usage in reading.series), default=0)
    if highest <= 0:
        return None
    zone, top = reading.range.zone, round_top(highest)
    days = [date_text(local_day(period.start, zone=zone)) for period in reading.periods]
    series = day_series(reading) if tab == BY_DAY else slice_series(reading, tab=tab)
    return StackedChart(
        bars=make_stacks(series, hints=make_hints(series, days=days), top=top),
        legend=series,
        ticks=[dollars_text(top), dollars_text(top / 2), dollars_text(0)],
        days=list(dict.fromkeys([days[0], days[len(days) // 2], days[-1]])),
        label=CHART_LABELS[tab] % {"most": dollars_text(highest)},
    )


def make_hints(series: Sequence[StackSeries], *, days: Sequence[str]) -> list[str]:
    """What a day's bar shows: its sum, and its parts from the top down."""
    return [
        "\n".join(
            [
                f"{day}: {dollars_text(sum(part.values[number] for part in series))}",
                *(
                    f"{part.name}: {dollars_text(part.values[number])}"
                    for part in reversed(series)
                    if part.values[number] > 0
                ),
            ]
        )
        for number, day in enumerate(days)
    ]


def day_series(reading: UsageReading) -> list[StackSeries]:
    series = [
        make_series("1", _("Reported"), [usage.reported_usd for usage in reading.series]),
        make_series("none", _("Estimated"), [usage.estimated_usd for usage in reading.series]),
    ]
    return [part for part in series if any(part.values)]


def slice_series(reading: UsageReading, *, tab: str) -> list[StackSeries]:
    """The values with the highest cost, then all others as one, then what has no value."""
    costly = [part for part in reading.slices if part.total.cost_usd > 0]
    named = [part for part in costly if part.value]
    series = [
        make_series(str(number), part.value, costs_of(part.series))
        for number, part in enumerate(named[:MOST_COLOURS], start=1)
    ]
    others = named[MOST_COLOURS:]
    if others:
        values = [total_of(of_day).cost_usd for of_day in zip(*(part.series for part in others), strict=True)]
        series.append(make_series("other", _("%(count)s others") % {"count": len(others)}, values))
    return series + [
        make_series("none", WITHOUT[tab], costs_of(part.series)) for part in costly if not part.value
    ]


def costs_of(series: Sequence[Usage]) -> list[float]:
    return [usage.cost_usd for usage in series]


def make_series(key: str, name: str, values: Sequence[float]) -> StackSeries:
    return StackSeries(key=key, name=name, text=dollars_text(sum(values)), values=values)
