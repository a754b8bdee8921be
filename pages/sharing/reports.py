"""What a shared link shows: the page's template, with what the page itself reads, and no links.

Alerts are left out, and the names of people: they are for who has an account.
"""

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, QueryDict
from django.utils.http import urlencode

from kpis.annotations import annotations_within
from kpis.reading.readings import Comparison, load_context
from pages.annotating import annotation_texts
from pages.funnel.views import read_funnel_page
from pages.kpi.views import SET_BY, kpi_context, kpi_or_404, read_kpi
from pages.overview.views import overview_context
from pages.page_request import PageRequest, page_request_or_404
from pages.usage.agents import read_agents_page
from pages.usage.costs import read_costs_page
from sharing.links import Place
from sharing.models import SharedPage


@dataclass(frozen=True, kw_only=True)
class Report:
    """A page as it is shown to strangers."""

    template: str
    context: Mapping[str, Any]


def make_report(place: Place, *, request: HttpRequest) -> Report:
    """The page in the link's state, whatever the request's own query says.

    Raises Http404, also where the page has no such state any more: a range by hours grows too long, for example.
    """
    return REPORTS[place.page](place, asked_of(place, request=request))


def readable(page: PageRequest) -> PageRequest:
    """The page as it was asked for. Raises Http404 where it would show its defaults in place of that."""
    if page.fault:
        raise Http404("There is no such state of this page any more.")
    return page


def asked_of(place: Place, *, request: HttpRequest) -> HttpRequest:
    """The request with the link's state as its query, which pages read their state from."""
    asked = copy(request)
    asked.GET = QueryDict(urlencode({**place.state, "environment": place.environment}))
    return asked


def overview_report(place: Place, request: HttpRequest) -> Report:
    page = readable(page_request_or_404(request, environments=[place.environment], has_comparison=True))
    judged_by = load_context(environment=page.environment, now=page.now)
    context = overview_context(page, judged_by=judged_by, has_links=False)
    return Report(template="pages/overview.html", context=context)


def kpi_report(place: Place, request: HttpRequest) -> Report:
    comparison, page = read_shared_kpi(place, request=request)
    annotations = annotations_within(
        environment=page.environment, start=page.range.start, end=page.range.end, kpi=place.kpi
    )
    context = kpi_context(comparison, page=page, annotations=annotations)
    context["baseline"] = [fact for fact in context["baseline"] if fact.name != SET_BY]
    context["annotations"] = annotation_texts(annotations, zone=page.range.zone, may_edit=False, back="")
    return Report(template="pages/kpi.html", context=context)


def read_shared_kpi(place: Place, *, request: HttpRequest) -> tuple[Comparison, PageRequest]:
    """`request` has the link's state. Raises Http404 for a KPI that there is no more."""
    kpi = kpi_or_404(place.kpi)
    page = readable(page_request_or_404(request, environments=[place.environment], kpi=kpi))
    return read_kpi(kpi, page=page), page


def funnel_report(place: Place, request: HttpRequest) -> Report:
    page, context = read_funnel_page(request, environments=[place.environment])
    readable(page)
    return Report(template="pages/funnel/funnel.html", context=context)


def agents_report(place: Place, request: HttpRequest) -> Report:
    page, context = read_agents_page(request, environments=[place.environment])
    readable(page)
    return Report(template="pages/agents.html", context=context)


def costs_report(place: Place, request: HttpRequest) -> Report:
    page, context = read_costs_page(request, environments=[place.environment])
    readable(page)
    return Report(template="pages/costs.html", context=context)


REPORTS: Mapping[SharedPage, Callable[[Place, HttpRequest], Report]] = {
    SharedPage.OVERVIEW: overview_report,
    SharedPage.KPI: kpi_report,
    SharedPage.FUNNEL: funnel_report,
    SharedPage.AGENTS: agents_report,
    SharedPage.COSTS: costs_report,
}
