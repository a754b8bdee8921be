"""The page of agents: how each does, and where its runs are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from kpis.compute.usage import OTHER_ERRORS
from kpis.formatting import Figure, compact_text, count_text, dollars_text, value_text
from kpis.reading.usage.agents import FAILURE_RATE, AgentFigures, AgentReading, AgentsReading, read_agents
from kpis.reading.usage.breakdown import USAGE_LIMIT
from kpis.statistics.changes import judge_change
from pages.kpi.headline import Change, change_text_of
from pages.page_controls import PageControls
from pages.page_request import PageRequest, environments_of, no_environment_page
from pages.sparkline import Sparkline, make_sparkline
from pages.usage.links import cost_change, count_change, csv_url, left_out_text, runs_url, usage_page_or_404
from pages.usage.sorting import PARAMETER, SortColumn, SortOrder, headings, sort_rows
from people.access import has_right, needs_right
from people.models import Right
from web.languages import lazy_text

DEFAULT_ORDER = "-runs"
SHOWN_ERRORS = 3


@dataclass(frozen=True, kw_only=True)
class ErrorLink:
    """A type of errors, how often it was, and its runs."""

    name: str
    count: str
    url: str


@dataclass(frozen=True, kw_only=True)
class AgentText:
    """An agent's row. `failed` is how many failed of how many that completed or failed."""

    name: str
    url: str
    runs: str
    runs_change: Change | None
    rate: str
    failed: str
    rate_change: Change | None
    p50: str
    p95: str
    retries: str
    input_tokens: str
    output_tokens: str
    cost: str
    cost_change: Change | None
    errors: Sequence[ErrorLink]
    more_errors: str
    sparkline: Sparkline | None
    sparkline_label: str


COLUMNS: Sequence[SortColumn[AgentReading]] = (
    SortColumn(name="agent", label=lazy_text("Agent"), key=lambda row: row.agent.casefold(), is_text=True),
    SortColumn(
        name="runs",
        label=lazy_text("Runs"),
        key=lambda row: row.figures.usage.agent_runs,
        hint=lazy_text("Runs that ended, cancelled ones included"),
    ),
    SortColumn(
        name="failures",
        label=lazy_text("Failure rate"),
        key=lambda row: row.figures.failure_rate,
        hint=lazy_text("Failed runs of those that completed or failed"),
    ),
    SortColumn(
        name="trend",
        label=lazy_text("By day"),
        key=lambda row: rise_of(row),
        hint=lazy_text("Failure rate by day"),
    ),
    SortColumn(
        name="p50", label="p50", key=lambda row: row.p50, hint=lazy_text("Half of the runs took no longer")
    ),
    SortColumn(
        name="p95", label="p95", key=lambda row: row.p95, hint=lazy_text("95% of the runs took no longer")
    ),
    SortColumn(
        name="retries",
        label=lazy_text("Retries"),
        key=lambda row: row.figures.usage.retries,
        hint=lazy_text("Runs that were no first attempt"),
    ),
    SortColumn(name="input", label=lazy_text("Tokens in"), key=lambda row: row.figures.usage.input_tokens),
    SortColumn(name="output", label=lazy_text("Tokens out"), key=lambda row: row.figures.usage.output_tokens),
    SortColumn(
        name="cost",
        label=lazy_text("Cost"),
        key=lambda row: row.figures.usage.cost_usd,
        hint=lazy_text("As reported"),
    ),
    SortColumn(
        name="errors",
        label=lazy_text("Most frequent errors"),
        key=lambda row: row.figures.failed,
        hint=lazy_text("Sorted by failed runs"),
    ),
)


@require_safe
@needs_right(Right.VIEW_PAGES)
def show_agents(request: HttpRequest) -> HttpResponse:
    """The page at /agents/."""
    environments = environments_of(request)
    if not environments:
        return no_environment_page(request)
    page, context = read_agents_page(request, environments=environments)
    context["may_export"] = has_right(request.user, Right.EXPORT)
    return render(request, "pages/agents.html", context, status=page.status)


def read_agents_page(request: HttpRequest, *, environments: list[str]) -> tuple[PageRequest, dict[str, Any]]:
    """The page of the request's query, and what agents.html prints of it. Raises Http404."""
    names = [column.name for column in COLUMNS]
    order = SortOrder.from_query(request.GET.dict(), names=names, default=DEFAULT_ORDER)
    kept_order = "" if order.text == DEFAULT_ORDER else order.text
    page = usage_page_or_404(request, environments=environments, extra={PARAMETER: kept_order})
    reading = read_agents(environment=page.environment, range=page.range)
    return page, agents_context(reading, page=page, order=order)


def agents_context(reading: AgentsReading, *, page: PageRequest, order: SortOrder) -> dict[str, Any]:
    """What agents.html prints."""
    rows = sort_rows(reading.agents[:USAGE_LIMIT], columns=COLUMNS, order=order)
    return {
        "controls": PageControls.from_page(
            page, computed_until=reading.computed_until, previous=reading.previous_range
        ),
        "fault": page.fault,
        "tiles": make_tiles(reading.total),
        "headings": headings(COLUMNS, order=order, default=DEFAULT_ORDER, state=page.state),
        "agents": [make_text(row, reading=reading, page=page) for row in rows],
        "left_out": left_out_text(
            len(reading.agents), sentence=_("and %(count)s smaller agents, which the totals count")
        ),
        "costs_url": reverse("costs") + page.state.shared().with_extra(by="agent").query(),
        "kpi_url": reverse("kpi", args=[FAILURE_RATE.slug]) + page.state.shared().query(breakdown="agent"),
        "csv_url": csv_url("api-agents", environment=page.environment, range=page.range),
    }


def failure_change(figures: AgentFigures, *, previous: AgentFigures) -> Change | None:
    change = judge_change(FAILURE_RATE, current=figures.failures, previous=previous.failures)
    return change_text_of(change, kpi=FAILURE_RATE)


def make_tiles(total: AgentReading) -> list[tuple[Figure, Change | None]]:
    """All agents together; each figure with its change."""
    figures, previous = total.figures, total.previous
    usage, used_before = figures.usage, previous.usage
    changes = (
        count_change(usage.agent_runs, used_before.agent_runs),
        failure_change(figures, previous=previous),
        None,
        None,
        count_change(usage.retries, used_before.retries),
        count_change(usage.input_tokens, used_before.input_tokens),
        count_change(usage.output_tokens, used_before.output_tokens),
        cost_change(usage.cost_usd, used_before.cost_usd),
    )
    texts = (
        Figure(_("Runs"), count_text(usage.agent_runs)),
        Figure(_("Failure rate"), value_text(figures.failure_rate, unit="ratio")),
        Figure("p50", value_text(total.p50, unit="seconds")),
        Figure("p95", value_text(total.p95, unit="seconds")),
        Figure(_("Retries"), count_text(usage.retries)),
        Figure(_("Tokens in"), compact_text(usage.input_tokens)),
        Figure(_("Tokens out"), compact_text(usage.output_tokens)),
        Figure(_("Cost"), dollars_text(usage.cost_usd)),
    )
    return list(zip(texts, changes, strict=True))


def make_text(row: AgentReading, *, reading: AgentsReading, page: PageRequest) -> AgentText:
    figures, usage = row.figures, row.figures.usage
    return AgentText(
        name=row.agent,
        url=runs_url(environment=page.environment, range=page.range, agent=row.agent),
        runs=count_text(usage.agent_runs),
        runs_change=count_change(usage.agent_runs, row.previous.usage.agent_runs),
        rate=value_text(figures.failure_rate, unit="ratio"),
        failed=_("%(part)s of %(whole)s")
        % {"part": count_text(figures.failed), "whole": count_text(figures.finished)},
        rate_change=failure_change(figures, previous=row.previous),
        p50=value_text(row.p50, unit="seconds"),
        p95=value_text(row.p95, unit="seconds"),
        retries=count_text(usage.retries),
        input_tokens=compact_text(usage.input_tokens),
        output_tokens=compact_text(usage.output_tokens),
        cost=dollars_text(usage.cost_usd),
        cost_change=cost_change(usage.cost_usd, row.previous.usage.cost_usd),
        errors=[error_link(name, number, agent=row.agent, page=page) for name, number in named_errors(row)],
        more_errors=more_errors(row),
        sparkline=make_sparkline(row.rates, target=None, is_open=is_open(reading)),
        sparkline_label=_("Failure rate of %(agent)s by day: %(values)s")
        % {"agent": row.agent, "values": rates_text(row.rates)},
    )


def named_errors(row: AgentReading) -> list[tuple[str, int]]:
    return [error for error in row.error_types if error[0] != OTHER_ERRORS][:SHOWN_ERRORS]


def error_link(name: str, number: int, *, agent: str, page: PageRequest) -> ErrorLink:
    url = runs_url(environment=page.environment, range=page.range, agent=agent, agent_error=name)
    return ErrorLink(name=name, count=count_text(number), url=url)


def more_errors(row: AgentReading) -> str:
    """How many failed runs the row's errors leave out; "" for none."""
    shown = sum(number for _, number in named_errors(row))
    others = sum(number for _, number in row.error_types) - shown
    return _("%(count)s others") % {"count": count_text(others)} if others else ""


def is_open(reading: AgentsReading) -> bool:
    """Whether the last day is not over, or not computed to its end."""
    until = reading.computed_until
    return bool(reading.periods) and until is not None and until < reading.periods[-1].end


def rise_of(row: AgentReading) -> float | None:
    """By how much the failure rate is above that of the range before; None where one of both has none."""
    current, previous = row.figures.failure_rate, row.previous.failure_rate
    return None if current is None or previous is None else current - previous


def rates_text(rates: Sequence[float | None]) -> str:
    known = [rate for rate in rates if rate is not None]
    if not known:
        return _("no values")
    low, high, last = (value_text(rate, unit="ratio") for rate in (min(known), max(known), known[-1]))
    return _("between %(low)s and %(high)s, last %(last)s") % {"low": low, "high": high, "last": last}
