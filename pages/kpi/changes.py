"""The page at /kpis/<slug>/changes/: what changed of a KPI's days after they were shown, and what judges them."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from kpis.changed.days import changes_within
from kpis.changed.goals import goal_changes
from kpis.reading.lag import computed_until
from kpis.reading.periods import previous_range
from kpis.registry import Kpi
from pages.kpi.change_texts import ChangedText, GoalChangeText
from pages.kpi.views import kpi_or_404
from pages.page_controls import PageControls
from pages.page_request import (
    PageRequest,
    PageState,
    environments_of,
    no_environment_page,
    page_request_or_404,
)
from people.access import has_right, needs_right
from people.models import Right
from web.moments import rfc3339


@require_safe
@needs_right(Right.VIEW_PAGES)
def show_changes(request: HttpRequest, slug: str) -> HttpResponse:
    kpi = kpi_or_404(slug)
    environments = environments_of(request)
    if not environments:
        return no_environment_page(request)
    page = page_request_or_404(request, environments=environments)
    zone, until = page.range.zone, computed_until().get(page.environment)
    changes, has_more = changes_within(kpi, environment=page.environment, range=page.range)
    goals = goal_changes(kpi, environment=page.environment, range=page.range)
    context = {
        "kpi": kpi,
        "kpi_url": reverse("kpi", args=[kpi.slug]) + page.state.shared().query(),
        "changes": [ChangedText.from_change(change, kpi=kpi, zone=zone) for change in changes],
        "has_more": has_more,
        "goals": [GoalChangeText.from_change(change, kpi=kpi, zone=zone) for change in goals],
        "csv_url": csv_url(kpi, page=page),
        "may_export": has_right(request.user, Right.EXPORT),
        "controls": PageControls.from_page(
            page, computed_until=until, previous=previous_range(page.range, until=until)
        ),
        "fault": page.fault,
    }
    return render(request, "pages/changes.html", context, status=page.status)


def csv_url(kpi: Kpi, *, page: PageRequest) -> str:
    """The API's address of the same changes, with the range in moments."""
    query = PageState(
        environment=page.environment, start=rfc3339(page.range.start), end=rfc3339(page.range.end)
    ).query()
    return f"{reverse('api-kpi-changes', args=[kpi.slug])}{query}&format=csv"
