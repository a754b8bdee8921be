"""The page at /."""

from typing import Any, cast

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from alerts.reading import firing
from kpis.reading.activity.users import compare_activity
from kpis.reading.context import EvaluationContext
from kpis.reading.environments import first_day_of
from kpis.reading.readings import compare_kpis, load_context
from pages.alerting.texts import AlertStrip
from pages.overview.activity import activity_texts
from pages.overview.cards import is_empty, kpi_url, make_sections
from pages.overview.sentences import make_sentences
from pages.overview.since import sentence_since_visit
from pages.page_controls import PageControls
from pages.page_request import PageRequest, environments_of, no_environment_page, page_request_or_404
from pages.period_names import begin_note
from people.access import limit_of, needs_right
from people.models import Right
from people.overview.arranging import DEFAULT, Arrangement, arrangement_of


@require_safe
@needs_right(Right.VIEW_PAGES)
def show_overview(request: HttpRequest) -> HttpResponse:
    environments = environments_of(request)
    if not environments:
        return no_environment_page(request)
    page = page_request_or_404(request, environments=environments, has_comparison=True)
    user, now = cast(User, request.user), page.now
    judged_by = load_context(environment=page.environment, now=now)
    context = overview_context(page, judged_by=judged_by, arrangement=arrangement_of(user))
    alerts = firing(now=now, limit=limit_of(user), environment=page.environment)
    context["alerts"] = AlertStrip.from_alerts(
        alerts, environment=page.environment, zone=page.range.zone, now=now
    )
    context["since_visit"] = sentence_since_visit(request, user=user, page=page, context=judged_by)
    context["arrange_url"] = reverse("arrange-overview") + page.state.query()
    return render(request, "pages/overview.html", context, status=page.status)


def overview_context(
    page: PageRequest,
    *,
    judged_by: EvaluationContext,
    arrangement: Arrangement = DEFAULT,
    has_links: bool = True,
) -> dict[str, Any]:
    """What overview.html prints for everybody who sees the page."""
    comparisons = compare_kpis(
        environment=page.environment,
        range=page.range,
        now=page.now,
        against=page.state.against,
        context=judged_by,
    )
    activity = compare_activity(
        environment=page.environment,
        range=page.range,
        computed_until=judged_by.computed_until,
        against=page.state.against,
    )
    begin = first_day_of(page.environment)
    nothing_happened = is_empty(comparisons)
    sentences = make_sentences(
        comparisons, url_of=lambda kpi: kpi_url(kpi.slug, state=page.state) if has_links else ""
    )
    return {
        # The page says at length where nothing is computed, and where nothing happened.
        "sentences": [] if nothing_happened or judged_by.computed_until is None else sentences,
        "begin_note": begin_note(begin, compared=comparisons[0].previous.range)
        if page.state.compares
        else "",
        "activity": activity_texts(activity, begin=begin),
        "sections": make_sections(comparisons, arrangement=arrangement, state=page.state),
        "controls": PageControls.from_comparison(comparisons[0], page=page),
        "is_empty": nothing_happened,
        "fault": page.fault,
    }
