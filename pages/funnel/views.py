"""The pages at /funnel/ and /funnel/sessions/."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from kpis.formatting import duration_text, moment_text
from kpis.reading.funnel import FunnelComparison, compare_funnel
from kpis.reading.periods import dates_of
from pages.funnel.state import FunnelRequest, funnel_request_or_404
from pages.funnel.texts import DONE, step_texts, verdict_of
from pages.page_controls import PageControls, environment_links, range_links
from pages.page_request import PageRequest, environments_of, no_environment_page
from pages.period_names import range_text
from pages.thing_links import session_url
from pages.usage.links import csv_url
from people.access import has_right, needs_right
from people.models import Right
from workbench.models import FunnelStep
from workbench.stopped_sessions import BadPlace, SessionPlace, StoppedSession, stopped_sessions


@require_safe
@needs_right(Right.VIEW_PAGES)
def show_funnel(request: HttpRequest) -> HttpResponse:
    """The page at /funnel/."""
    environments = environments_of(request)
    if not environments:
        return no_environment_page(request)
    page, context = read_funnel_page(request, environments=environments)
    context["may_export"] = has_right(request.user, Right.EXPORT)
    context["may_see_sessions"] = has_right(request.user, Right.EXPLORE)
    return render(request, "pages/funnel/funnel.html", context, status=page.status)


def read_funnel_page(
    request: HttpRequest, *, environments: Sequence[str]
) -> tuple[PageRequest, dict[str, Any]]:
    """The page of the request's query, and what funnel.html prints of it. Raises Http404."""
    asked = funnel_request_or_404(request, environments=environments)
    page = asked.page
    comparison = compare_funnel(environment=page.environment, range=page.range, chosen=asked.chosen)
    return page, funnel_context(comparison, asked=asked)


def funnel_context(comparison: FunnelComparison, *, asked: FunnelRequest) -> dict[str, Any]:
    """What funnel.html prints."""
    page, current = asked.page, comparison.current
    return {
        "controls": PageControls.from_page(
            page, computed_until=current.computed_until, previous=comparison.previous.range
        ),
        "fault": page.fault,
        "sources": asked.source_links(),
        "templates": asked.template_links(),
        "words": asked.words,
        "has_sessions": current.steps[0].sessions > 0,
        "verdict": verdict_of(current.steps, worst=current.worst),
        "steps": step_texts(comparison, state=page.state),
        "csv_url": csv_url(
            "api-funnel",
            environment=page.environment,
            range=page.range,
            compare="previous",
            **{name: value for name, value in page.state.extra if value},
        ),
    }


@dataclass(frozen=True, kw_only=True)
class SessionText:
    """A session's row. `took` is the time from its start to the step at which it stopped."""

    session_id: str
    url: str
    started: str
    started_iso: str
    took: str
    sources: str
    used_template: bool


@require_safe
@needs_right(Right.EXPLORE)
def show_stopped_sessions(request: HttpRequest) -> HttpResponse:
    """The page at /funnel/sessions/."""
    environments = environments_of(request)
    if not environments:
        return no_environment_page(request)
    step = step_or_404(request.GET.get("step", ""))
    place = place_or_404(request.GET.get("older", ""))
    asked = funnel_request_or_404(request, environments=environments, step=step.name.lower())
    page = asked.page
    found = stopped_sessions(
        step,
        environment=page.environment,
        start=page.range.start,
        end=page.range.end,
        chosen=asked.chosen,
        after=place,
    )
    context = {
        "environments": environment_links(page),
        "ranges": range_links(page.state),
        "environment": page.environment,
        "fault": page.fault,
        "done": DONE[step],
        "words": asked.words,
        "range_text": range_text(page.range),
        "dates": dates_of(page.range),
        "time_zone": page.range.zone.key,
        "sessions": [session_text(session, asked=asked) for session in found.sessions],
        "newest_url": page.state.link() if place else "",
        "older_url": page.state.with_extra(older=str(found.older)).link() if found.older else "",
        "funnel_url": reverse("funnel") + page.state.with_extra(step="").query(),
    }
    return render(request, "pages/funnel/sessions.html", context, status=page.status)


def session_text(session: StoppedSession, *, asked: FunnelRequest) -> SessionText:
    took = (session.last_step_at - session.started_at).total_seconds()
    return SessionText(
        session_id=session.session_id,
        url=session_url(session.session_id, environment=asked.page.environment),
        started=moment_text(session.started_at, zone=asked.page.range.zone),
        started_iso=session.started_at.isoformat(),
        took=duration_text(took) if took else "",
        sources=", ".join(session.sources),
        used_template=session.used_template,
    )


def step_or_404(name: str) -> FunnelStep:
    """A step at which a session can stop. Raises Http404."""
    for step in DONE:
        if step.name.lower() == name:
            return step
    raise Http404("No session stops at this step.")


def place_or_404(text: str) -> SessionPlace | None:
    try:
        return SessionPlace.read(text)
    except BadPlace:
        raise Http404("There is no such place in the list.") from None
