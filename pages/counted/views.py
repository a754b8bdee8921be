"""The page at /kpis/<slug>/counted/: what a KPI counted in a range, and what it left out."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from kpis.counted.listing import list_counted
from kpis.counted.places import CountedCursor
from kpis.counted.sources import RowChoice, RowFilter, sources_of
from kpis.counted.totals import read_total
from kpis.formatting import words_of
from kpis.reading.periods import InvalidRange, previous_range
from kpis.registry import Kind, Kpi
from pages.counted.texts import (
    counts_events,
    empty_text,
    exclusion_figures,
    figures_of,
    gone_text,
    not_among,
    row_text,
)
from pages.kpi.texts import value_words
from pages.kpi.views import kpi_or_404
from pages.page_controls import Link, PageControls
from pages.page_request import (
    PageRequest,
    PageState,
    environments_of,
    no_environment_page,
    page_request_or_404,
)
from pages.things.frame import ThingFrame
from people.access import has_right, needs_right
from people.models import Right

LONGEST_VALUE = 200


@dataclass(frozen=True, kw_only=True)
class CountedRequest:
    """The list as a person asked for it. With a fault, choice and cursor are the defaults."""

    page: PageRequest
    filter: RowFilter
    cursor: CountedCursor | None
    state: PageState
    fault: InvalidRange | None = None


@require_safe
@needs_right(Right.EXPLORE)
def show_counted(request: HttpRequest, slug: str) -> HttpResponse:
    kpi = kpi_or_404(slug)
    environments = environments_of(request)
    if not environments:
        return no_environment_page(request)
    page = page_request_or_404(request, environments=environments, kpi=kpi)
    asked = counted_request(request, page=page)
    context = counted_context(asked, kpi=kpi, may_see_runs=has_right(request.user, Right.VIEW_RUNS))
    return render(request, "pages/counted/list.html", context, status=400 if asked.fault else 200)


def counted_request(request: HttpRequest, *, page: PageRequest) -> CountedRequest:
    fault = page.fault
    choice, cursor, value = RowChoice.COUNTED, None, request.GET.get("value", "")
    try:
        choice = read_choice(request.GET.get("show", ""))
        cursor = CountedCursor.read(request.GET.get("older", ""))
        if len(value) > LONGEST_VALUE or "\0" in value:
            raise InvalidRange(
                _("It takes up to %(number)s printable characters.") % {"number": LONGEST_VALUE},
                field="value",
            )
    except InvalidRange as error:
        fault, choice, cursor, value = error, RowChoice.COUNTED, None, ""
    breakdown = page.state.breakdown
    show = "" if choice is RowChoice.COUNTED else choice.value
    return CountedRequest(
        page=page,
        filter=RowFilter(environment=page.environment, choice=choice, breakdown=breakdown, value=value),
        cursor=cursor,
        state=page.state.with_extra(value=value if breakdown else "", show=show),
        fault=fault,
    )


def read_choice(text: str) -> RowChoice:
    """Raises InvalidRange."""
    try:
        return RowChoice(text or RowChoice.COUNTED)
    except ValueError:
        raise InvalidRange(
            _("It takes one of: %(names)s.") % {"names": ", ".join(RowChoice)}, field="show"
        ) from None


def counted_context(asked: CountedRequest, *, kpi: Kpi, may_see_runs: bool) -> dict[str, Any]:
    """What list.html prints."""
    page, zone = asked.page, asked.page.range.zone
    total = read_total(kpi, asked.filter, range=page.range)
    listed = list_counted(kpi, asked.filter, range=page.range, cursor=asked.cursor)
    frame = ThingFrame(environment=page.environment, may_see_runs=may_see_runs, zone=zone, now=page.now)
    rows = [row_text(row, kpi=kpi, frame=frame) for row in listed.rows]
    show = asked.filter.choice.value
    return {
        "title": _(kpi.title),
        "kpi_url": reverse("kpi", args=[kpi.slug]) + page.state.query(),
        "breakdown": words_of(asked.filter.breakdown),
        "value": asked.filter.value.replace("_", " ") or _("(none)"),
        "without_breakdown_url": page.state.with_extra(show=show).link(breakdown=""),
        "tiles": figures_of(kpi, total),
        "exclusions": exclusion_figures(total),
        "gone": gone_text(kpi, total, environment=page.environment, start=page.range.start, zone=zone),
        "counts_events": counts_events(kpi),
        "choices": choice_links(asked, kpi=kpi),
        "rows": rows,
        "empty": empty_text(total, has_older=listed.older is not None, show=show),
        "counts_name": value_words(kpi),
        "newest_url": asked.state.link() if asked.cursor else "",
        "older_url": asked.state.with_extra(older=str(listed.older)).link() if listed.older else "",
        "controls": PageControls.from_page(
            replace_state(asked),
            computed_until=total.computed_until,
            previous=previous_range(page.range, until=total.computed_until),
        ),
        "fault": asked.fault,
    }


def replace_state(asked: CountedRequest) -> PageRequest:
    """The page with the list's own parts in its state, so that another range keeps them."""
    return PageRequest(
        state=asked.state,
        environment=asked.page.environment,
        environments=asked.page.environments,
        range=asked.page.range,
        now=asked.page.now,
        fault=asked.fault,
    )


def choice_links(asked: CountedRequest, *, kpi: Kpi) -> list[Link]:
    labels = [(RowChoice.COUNTED, _("Counted"))]
    if kpi.kind is Kind.RATIO:
        labels.append((RowChoice.NUMERATOR, _(kpi.numerator_label)))
        labels.append((RowChoice.OTHERS, not_among(kpi.numerator_label)))
    if any(source.has_excluded for source in sources_of(kpi.slug)):
        labels.append((RowChoice.EXCLUDED, _("Not counted")))
    return [
        Link(
            label=label,
            url=asked.state.with_extra(show="" if choice is RowChoice.COUNTED else choice.value).link(),
            is_current=choice is asked.filter.choice,
        )
        for choice, label in labels
    ]
