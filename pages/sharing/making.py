"""The pages with which people share: the form, and the list of their links."""

from datetime import datetime
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from kpis.days import reporting_zone
from kpis.formatting import moment_text
from pages.page_request import environments_of, no_environment_page
from pages.period_names import range_text
from pages.sharing.forms import Dates, ShareForm
from pages.sharing.places import is_relative, pinned, range_of, shared_place_or_404
from pages.sharing.reports import make_report
from pages.sharing.texts import LinkText, preset_text, title_of
from people.access import needs_right
from people.models import Right
from sharing.links import CannotShare, Place, links_of, revoke_link, share
from sharing.models import SharedLink, SharedPage, ShareKind


@require_http_methods(["GET", "HEAD", "POST"])
@needs_right(Right.SHARE_PAGES)
def share_page(request: HttpRequest) -> HttpResponse:
    """The page at /shared-links/add/. `address` in its URL is what is shared."""
    environments = environments_of(request)
    if not environments:
        return no_environment_page(request)
    now, address = timezone.now(), request.GET.get("address", "")
    place = shared_place_or_404(address, environments=environments)
    # A page that cannot be made cannot be shared: it is answered 404 here.
    make_report(place, request=request)
    has_chart = place.page is SharedPage.KPI
    form = ShareForm(request.POST or None, dates=date_choices(place, now=now), has_chart=has_chart, now=now)
    context = {
        "form": form,
        "title": title_of(place.page, kpi=place.kpi),
        "environment": place.environment,
        "has_chart": has_chart,
        "origins": settings.EMBED_ALLOWED_ORIGINS,
        "back": address,
    }
    made = made_link(form, place=place, person=cast(User, request.user), now=now) if form.is_valid() else None
    if made is None:
        return render(request, "pages/sharing/share.html", context, status=400 if form.errors else 200)
    # Not redirected: the link is shown this once, and stored nowhere.
    context |= link_context(*made, request=request)
    return render(request, "pages/sharing/made.html", context)


def date_choices(place: Place, *, now: datetime) -> list[tuple[Dates, str]]:
    """Whether a range that moves on with the days does so, or stays where it is; of other dates only the latter."""
    shown = range_of(place, now=now)
    always = _("Always %(dates)s") % {"dates": range_text(shown)}
    if shown.unit:
        # Dates are no month or quarter: they are compared with as many days.
        always = _("Always %(dates)s, against as many days before") % {"dates": range_text(shown)}
    stays: tuple[Dates, str] = ("pinned", always)
    if not is_relative(place):
        return [stays]
    is_preset = not (place.state.get("from") or place.state.get("to"))
    moves = capfirst(preset_text(place.state.get("range", ""))) if is_preset else _("As the page has them")
    return [("moving", _("%(dates)s, whenever somebody looks") % {"dates": moves}), stays]


def made_link(form: ShareForm, *, place: Place, person: User, now: datetime) -> tuple[SharedLink, str] | None:
    """The link of a valid form with its token; None where the form now says why there is none."""
    is_pinned = form.cleaned_data["dates"] == "pinned"
    try:
        return share(
            pinned(place, now=now) if is_pinned else place,
            kind=ShareKind(form.cleaned_data["kind"]),
            note=form.cleaned_data["note"],
            by=person,
            expires_at=form.expires_at,
            now=now,
        )
    except CannotShare as error:
        form.add_error(None, str(error))
        return None


def link_context(link: SharedLink, token: str, *, request: HttpRequest) -> dict[str, Any]:
    """What made.html prints of the link."""
    is_chart = link.kind == ShareKind.CHART
    name = "embedded-chart" if is_chart else "shared-page"
    origin = settings.PUBLIC_URL or f"{request.scheme}://{request.get_host()}"
    return {
        "url": origin + reverse(name, args=[token]),
        "is_chart": is_chart,
        "until": moment_text(link.expires_at, zone=reporting_zone()),
    }


@require_safe
@needs_right(Right.SHARE_PAGES)
def show_links(request: HttpRequest) -> HttpResponse:
    """The page at /shared-links/: the person's own links."""
    now, zone = timezone.now(), reporting_zone()
    links = links_of(cast(User, request.user), now=now)
    context = {
        "links": [LinkText.from_link(link, zone=zone, now=now) for link in links],
        "time_zone": zone.key,
    }
    return render(request, "pages/sharing/links.html", context)


@require_POST
@needs_right(Right.SHARE_PAGES)
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """A link of the person's own; others do not exist for them."""
    link = SharedLink.objects.filter(pk=pk, created_by=cast(User, request.user)).first()
    if link is None:
        raise Http404("You have no link of this number.")
    if revoke_link(link, now=timezone.now()):
        messages.success(request, _("The link was revoked. It opens nothing any more."))
    return redirect("shared-links")
