"""The KPI pages: the state from the URL, one reading, a template."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from kpis.days import reporting_zone
from kpis.reading.environments import UnknownEnvironment, choose_environment, environments
from kpis.reading.periods import InvalidRange, Range
from kpis.reading.query import UnknownKpi, find_kpi
from kpis.reading.readings import Comparison, compare_kpi, compare_kpis
from kpis.registry import Kpi
from pages import kpi as kpi_page
from pages import presentation, wording
from pages.page_state import PageState

CHART_SCRIPT = "build/charts.js"


@require_safe
@login_required
def show_overview(request: HttpRequest) -> HttpResponse:
    """Every KPI by persona."""
    known = environments()
    if not known:
        return render(request, "pages/first_run.html")
    asked = what_is_asked(request)
    comparisons = compare_kpis(
        environment=environment_of(asked.state, known=known), range=asked.range, now=asked.now
    )
    context = {
        "sections": presentation.make_sections(comparisons, state=asked.state),
        "scope": scope_of(comparisons[0], state=asked.state, known=known),
        "is_empty": presentation.is_empty(comparisons),
        "fault": asked.fault,
    }
    return render(request, "pages/overview.html", context, status=400 if asked.fault else 200)


@require_safe
@login_required
def show_kpi(request: HttpRequest, slug: str) -> HttpResponse:
    """One KPI, with all there is to say of it."""
    kpi = kpi_of(slug)
    known = environments()
    if not known:
        return render(request, "pages/first_run.html")
    asked = what_is_asked(request, kpi=kpi)
    comparison = compare_kpi(
        kpi=kpi,
        environment=environment_of(asked.state, known=known),
        range=asked.range,
        granularity=asked.state.granularity,
        breakdown=asked.state.breakdown,
        slices=kpi_page.SHOWN_SLICES,
        is_previous_by_period=asked.state.compares,
        now=asked.now,
    )
    context = kpi_context(comparison, state=asked.state) | {
        "scope": scope_of(comparison, state=asked.state, known=known),
        "fault": asked.fault,
    }
    return render(request, "pages/kpi.html", context, status=400 if asked.fault else 200)


def kpi_of(slug: str) -> Kpi:
    try:
        return find_kpi(slug)
    except UnknownKpi:
        raise Http404("There is no KPI of this name.") from None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a page shall show; with a fault it is the default, because the URL asks for what there is not."""

    state: PageState
    range: Range
    now: datetime
    fault: InvalidRange | None = None


def what_is_asked(request: HttpRequest, *, kpi: Kpi | None = None) -> Asked:
    now, zone = timezone.now(), reporting_zone()
    try:
        asked = PageState.parse(request.GET.dict(), kpi=kpi)
        # The overview always shows days.
        state = asked if kpi else asked.shared()
        return Asked(state=state, range=state.range(zone=zone, now=now), now=now)
    except InvalidRange as error:
        state = PageState(environment=request.GET.get("environment", ""))
        return Asked(state=state, range=state.range(zone=zone, now=now), now=now, fault=error)


def environment_of(state: PageState, *, known: list[str]) -> str:
    try:
        return choose_environment(state.environment, known=known)
    except UnknownEnvironment:
        raise Http404("There is no environment of this name.") from None


def scope_of(comparison: Comparison, *, state: PageState, known: list[str]) -> presentation.PageControls:
    return presentation.make_scope(
        state=state,
        environment=comparison.current.environment,
        environments=known,
        shown=comparison.current.range,
        previous=comparison.previous.range,
        computed_until=comparison.current.computed_until,
    )


def kpi_context(comparison: Comparison, *, state: PageState) -> dict[str, Any]:
    current = comparison.current
    kpi = current.kpi
    return {
        "kpi": kpi,
        "persona": wording.PERSONAS[kpi.persona][0],
        "card": presentation.make_card(comparison, state=state),
        "tiles": kpi_page.make_tiles(comparison),
        "percentiles": kpi_page.percentile_tiles(current),
        "chart": kpi_page.make_chart(comparison, compares=state.compares),
        "chart_data": kpi_page.chart_data(comparison, compares=state.compares),
        "chart_script": chart_script_url(),
        "table": kpi_page.make_table(current),
        "slices": kpi_page.make_slices(current),
        "slices_left_out": current.slices_left_out,
        "breakdowns": kpi_page.breakdown_links(kpi, state=state),
        "breakdown": state.breakdown,
        "exclusions": kpi_page.exclusions(current),
        "provenance": kpi_page.provenance(kpi, current.total.goal.baseline_row),
        "judgement": wording.judgement_words(kpi),
        "compares": state.compares,
        "compare_url": state.query(compares=not state.compares) or "?",
        "overview_url": reverse("overview") + state.shared().query(),
        "csv_url": csv_url(comparison, state=state),
    }


def csv_url(comparison: Comparison, *, state: PageState) -> str:
    """The API's address of the same series, with the range in moments: it stays what it is tomorrow."""
    current = comparison.current
    query = PageState(
        environment=current.environment,
        start=f"{current.range.start:%Y-%m-%dT%H:%M:%SZ}",
        end=f"{current.range.end:%Y-%m-%dT%H:%M:%SZ}",
        granularity=state.granularity,
        breakdown=state.breakdown,
    ).query()
    return f"{reverse('api-kpi', args=[current.kpi.slug])}{query}&format=csv"


def chart_script_url() -> str:
    """Where the charts' script is served; "" where it was not built: the page reads without it."""
    if finders.find(CHART_SCRIPT) is None:
        return ""
    try:
        return staticfiles_storage.url(CHART_SCRIPT)
    except ValueError:
        return ""
