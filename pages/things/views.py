"""The pages at /sessions/<id>/, /drafts/<id>/ and /approvals/<id>/."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from kpis.days import reporting_zone
from kpis.reading.environments import UnknownEnvironment, choose_environment
from kpis.reading.periods import FIRST_DATE, LAST_DATE
from pages.page_request import environments_of, no_environment_page
from pages.things.frame import ThingFrame
from pages.things.texts import approval_context, draft_context, session_context
from people.access import has_right, needs_right
from people.models import Right
from telemetry.plan.values import parse_timestamp
from workbench.timelines.approvals import UnknownApproval, read_approval
from workbench.timelines.drafts import UnknownDraft, read_draft
from workbench.timelines.sessions import UnknownSession, read_session

# Reads the thing, and makes its page's context.
MakeContext = Callable[[ThingFrame], dict[str, Any]]


@require_safe
@needs_right(Right.EXPLORE)
def show_session(request: HttpRequest, session_id: str) -> HttpResponse:
    """The page at /sessions/<id>/. `near` is a moment of a session that nothing but raw events knows."""
    near = read_moment(request.GET.get("near", ""))

    def make(frame: ThingFrame) -> dict[str, Any]:
        detail = read_session(session_id, environment=frame.environment, now=frame.now, near=near)
        return session_context(detail, frame=frame)

    return show_thing(request, make)


def read_moment(text: str) -> datetime | None:
    """Of a link; None for any other text, and for a year in which nothing was measured."""
    moment = parse_timestamp(text)
    is_measured = moment is not None and FIRST_DATE < moment.date() < LAST_DATE
    return moment if is_measured else None


@require_safe
@needs_right(Right.EXPLORE)
def show_draft(request: HttpRequest, draft_id: str) -> HttpResponse:
    """The page at /drafts/<id>/."""

    def make(frame: ThingFrame) -> dict[str, Any]:
        detail = read_draft(draft_id, environment=frame.environment)
        return draft_context(detail, frame=frame)

    return show_thing(request, make)


@require_safe
@needs_right(Right.EXPLORE)
def show_approval(request: HttpRequest, approval_id: str) -> HttpResponse:
    """The page at /approvals/<id>/."""

    def make(frame: ThingFrame) -> dict[str, Any]:
        detail = read_approval(approval_id, environment=frame.environment)
        return approval_context(detail, frame=frame)

    return show_thing(request, make)


def show_thing(request: HttpRequest, make: MakeContext) -> HttpResponse:
    """Raises Http404 for a thing that the environment does not have, and for an environment that one may not see."""
    names = environments_of(request)
    if not names:
        return no_environment_page(request)
    try:
        environment = choose_environment(request.GET.get("environment", ""), environments=names)
        frame = ThingFrame(
            environment=environment,
            may_see_runs=has_right(request.user, Right.VIEW_RUNS),
            zone=reporting_zone(),
            now=timezone.now(),
        )
        context = make(frame)
    except UnknownEnvironment:
        raise Http404("There is no environment of this name.") from None
    except (UnknownSession, UnknownDraft, UnknownApproval):
        raise Http404("Nothing has this id here.") from None
    context |= {
        "environment": environment,
        "overview_url": f"{reverse('overview')}?environment={environment}",
        "time_zone": reporting_zone().key,
    }
    return render(request, "pages/things/thing.html", context)
