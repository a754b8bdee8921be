"""What whoever has a link sees, without signing in: a page, or a chart in a frame of another site."""

from collections.abc import Callable
from datetime import datetime
from functools import partial, wraps
from http import HTTPStatus

from allauth.core.internal.ratelimit import consume_or_429
from csp.constants import NONE
from csp.decorators import csp_replace
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from kpis.days import reporting_zone
from pages.kpi.views import kpi_context
from pages.overview.cards import sparkline_of
from pages.sharing.reports import asked_of, make_report, read_shared_kpi
from pages.sharing.texts import SharedText
from sharing.links import LinkUnusable, Place, find_link, note_use
from sharing.models import SharedLink, SharedPage, ShareKind

TokenView = Callable[..., HttpResponseBase]
OVER = "pages/sharing/over.html"
EMBEDDED_OVER = "pages/sharing/embedded_over.html"


def for_strangers(view: TokenView) -> TokenView:
    """Limits how often an address may ask, keeps the answer out of search engines, and hides where it is."""

    @wraps(view)
    def guarded(request: HttpRequest, token: str) -> HttpResponseBase:
        refused: HttpResponse | None = consume_or_429(
            request, app="allauth.account", action="shared_page", limit_get=True
        )
        response = refused or view(request, token)
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
        # The address is the key to the page.
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return guarded


def framed(view: TokenView) -> TokenView:
    """Lets pages of EMBED_ALLOWED_ORIGINS show the answer in a frame, and nobody else."""

    @wraps(view)
    def allowed(request: HttpRequest, token: str) -> HttpResponseBase:
        origins = settings.EMBED_ALLOWED_ORIGINS
        response = csp_replace({"frame-ancestors": origins or [NONE]})(partial(view, token=token))(request)
        # X-Frame-Options knows no list; browsers that know frame-ancestors do not read it.
        response.xframe_options_exempt = bool(origins)  # type: ignore[attr-defined]  # The middleware looks for it.
        return response

    return allowed


@require_safe
@for_strangers
def show_shared_page(request: HttpRequest, token: str) -> HttpResponse:
    """The page at /shared/<token>/."""
    now = timezone.now()
    try:
        link = find_link(token, kind=ShareKind.PAGE, now=now)
        report = make_report(place_of(link), request=request)
    except (LinkUnusable, Http404):
        return render(request, OVER, status=HTTPStatus.NOT_FOUND)
    note_use(link, now=now)
    context = {**report.context, **stranger_context(link)}
    return render(request, report.template, context)


def stranger_context(link: SharedLink) -> dict[str, object]:
    """What tells a page that it is shown to strangers: it has no navigation, links or forms then."""
    return {
        "base": "pages/sharing/base.html",
        "shared": SharedText.from_link(link, zone=reporting_zone()),
    }


@require_safe
@framed
@for_strangers
def show_embedded_chart(request: HttpRequest, token: str) -> HttpResponse:
    """The page at /embed/<token>/."""
    now = timezone.now()
    try:
        link = find_link(token, kind=ShareKind.CHART, now=now)
        context = chart_context(place_of(link), request=request, now=now)
    except (LinkUnusable, Http404):
        return render(request, EMBEDDED_OVER, status=HTTPStatus.NOT_FOUND)
    note_use(link, now=now)
    return render(request, "pages/sharing/embedded.html", context)


def chart_context(place: Place, *, request: HttpRequest, now: datetime) -> dict[str, object]:
    """What embedded.html prints. Raises Http404."""
    comparison, page = read_shared_kpi(place, request=asked_of(place, request=request))
    return {
        **kpi_context(comparison, page=page),
        "sparkline": sparkline_of(comparison.current),
        "shared": True,
        "is_embedded": True,
    }


def place_of(link: SharedLink) -> Place:
    return Place(page=SharedPage(link.page), kpi=link.kpi, environment=link.environment, state=link.parts)
