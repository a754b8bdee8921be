"""The page of the plan: every event with what came of it, and who sends what is rejected."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from kpis.days import local_day, reporting_zone
from kpis.formatting import date_text
from kpis.reading.periods import last_date
from kpis.reading.usage.breakdown import computed_until_of
from pages.page_controls import PageControls
from pages.page_request import PageRequest, environments_of, no_environment_page, page_request_or_404
from pages.plan.state import PlanState, group_links, shown_links
from pages.plan.texts import (
    SHOWN_ROWS,
    client_text,
    clock_text,
    code_texts,
    event_text,
    make_tiles,
    sender_text,
)
from pages.usage.sorting import PARAMETER, SortColumn, SortOrder, headings, sort_rows
from people.access import needs_right
from people.models import Right
from telemetry.plan import get_plan
from telemetry.quality.days import Sending, SendingClient
from telemetry.quality.events import EventFigures, PlanFigures, read_plan_figures
from web.languages import lazy_text

DEFAULT_ORDER = "plan"
COLUMNS: Sequence[SortColumn[tuple[int, EventFigures]]] = (
    SortColumn(
        name="plan",
        label=lazy_text("Event"),
        key=lambda row: row[0],
        is_text=True,
        hint=lazy_text("In the plan's order"),
    ),
    SortColumn(name="accepted", label=lazy_text("Accepted"), key=lambda row: row[1].traffic.accepted),
    SortColumn(
        name="rejected",
        label=lazy_text("Rejected"),
        key=lambda row: row[1].traffic.rejected,
        hint=lazy_text("Events, and their share of what was sent under this name"),
    ),
    SortColumn(
        name="properties",
        label=lazy_text("Properties"),
        key=lambda row: len(row[1].never_sent) if row[1].use else None,
        hint=lazy_text("In the plan; sorted by how many were never sent"),
    ),
    SortColumn(
        name="first",
        label=lazy_text("First seen"),
        key=lambda row: row[1].use.first_day.toordinal() if row[1].use else None,
    ),
    SortColumn(
        name="last",
        label=lazy_text("Last seen"),
        key=lambda row: row[1].use.last_day.toordinal() if row[1].use else None,
    ),
)


@require_safe
@needs_right(Right.VIEW_PAGES)
def show_plan(request: HttpRequest) -> HttpResponse:
    """The page at /plan/."""
    environments = environments_of(request)
    if not environments:
        return no_environment_page(request)
    names = [column.name for column in COLUMNS]
    order = SortOrder.from_query(request.GET.dict(), names=names, default=DEFAULT_ORDER)
    narrowed = PlanState.from_query(request.GET.dict())
    page = page_request_or_404(request, environments=environments)
    kept_order = "" if order.text == DEFAULT_ORDER else order.text
    page = replace(page, state=page.state.with_extra(**narrowed.parts, **{PARAMETER: kept_order}))
    figures = read_plan_figures(get_plan(), sending=sending_of(page, narrowed))
    context = {
        "controls": controls_of(page),
        "fault": page.fault,
        **list_context(figures, page=page, narrowed=narrowed, order=order),
    }
    return render(request, "pages/plan/list.html", context, status=page.status)


def sending_of(page: PageRequest, narrowed: PlanState) -> Sending:
    """The UTC days of the dates of the page's range."""
    zone = page.range.zone
    return Sending(
        environment=page.environment,
        first_day=local_day(page.range.start, zone=zone),
        last_day=last_date(page.range, zone=zone),
        source=narrowed.source,
        client=narrowed.client,
    )


def controls_of(page: PageRequest) -> PageControls:
    controls = PageControls.from_page(
        page, computed_until=computed_until_of(page.environment), previous=page.range
    )
    # What clients sent is counted by UTC day of receipt, whatever the reporting zone.
    return replace(controls, time_zone="UTC")


def list_context(
    figures: PlanFigures, *, page: PageRequest, narrowed: PlanState, order: SortOrder
) -> dict[str, Any]:
    """What list.html prints, besides the controls."""
    state, zone = page.state, reporting_zone()
    shown = [row for row in enumerate(figures.events) if narrowed.shows(row[1])]
    sorted_rows = sort_rows(shown, columns=COLUMNS, order=order)
    current = (
        None if narrowed.client is None else SendingClient(source=narrowed.source, client=narrowed.client)
    )
    senders = [
        sender_text(sender, traffic, state=state, current=current)
        for sender, traffic in figures.senders[:SHOWN_ROWS]
    ]
    return {
        "tiles": make_tiles(figures),
        "senders": senders,
        "senders_left_out": max(0, len(figures.senders) - SHOWN_ROWS),
        "codes": code_texts(figures, state=state, current=narrowed.code),
        "clocks": [clock_text(clock) for clock in figures.clocks],
        "events": [event_text(event, state=state, zone=zone) for place, event in sorted_rows],
        "event_count": len(figures.events),
        "headings": headings(COLUMNS, order=order, default=DEFAULT_ORDER, state=state),
        "groups": group_links(list(get_plan().events), state=state, current=narrowed.group),
        "lists": shown_links(state=state, current=narrowed.show),
        "search": narrowed.search,
        "search_fields": search_fields(page),
        "chips": chips_of(narrowed, page=page),
        "clear_url": state.shared().link(),
        "since": since_text(figures),
        "time_zone": zone.key,
        "api_url": reverse("api-plan-events") + f"?environment={page.environment}",
    }


def search_fields(page: PageRequest) -> list[tuple[str, str]]:
    """The hidden fields of the search: everything else of the URL."""
    state = page.state
    fields = {
        "environment": state.environment,
        "range": state.preset,
        "from": state.start,
        "to": state.end,
        **state.kept_fields(),
    }
    return [(name, value) for name, value in fields.items() if value and name != "q"]


def chips_of(narrowed: PlanState, *, page: PageRequest) -> list[tuple[str, str]]:
    """(what it says, the address without it) of each filter that has no segment to show it."""
    texts = {
        "q": _("Search: %(text)s") % {"text": narrowed.search} if narrowed.search else "",
        "code": _("Rejected as %(code)s") % {"code": narrowed.code} if narrowed.code else "",
        "source": _("Source: %(source)s") % {"source": narrowed.source} if narrowed.source else "",
        "client": ""
        if narrowed.client is None
        else _("Client: %(client)s") % {"client": client_text(narrowed.client)},
    }
    return [(text, page.state.with_extra(**{name: ""}).link()) for name, text in texts.items() if text]


def since_text(figures: PlanFigures) -> str:
    """Says when counting began, if that is within the days; "" if it is not, or nothing came yet."""
    counted_from = figures.counted_from
    if counted_from is None or counted_from <= figures.sending.first_day:
        return ""
    return date_text(counted_from)
