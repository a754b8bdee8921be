"""The page of alerts: what fires, and what fired lately."""

from collections.abc import Sequence

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from alerts.reading import RECENT, firing, recent
from kpis.days import local_day, reporting_zone
from pages.alerting.texts import alert_texts
from pages.page_controls import Link
from pages.page_request import environments_of
from people.access import limit_of, needs_right
from people.models import Right


@require_safe
@needs_right(Right.VIEW_PAGES)
def show_alerts(request: HttpRequest) -> HttpResponse:
    """The page at /alerts/."""
    now, zone = timezone.now(), reporting_zone()
    names = environments_of(request)
    environment = environment_or_404(request, names=names)
    limit = limit_of(request.user)
    context = {
        "firing": alert_texts(firing(now=now, limit=limit, environment=environment), zone=zone, now=now),
        "recent": alert_texts(recent(now=now, limit=limit, environment=environment), zone=zone, now=now),
        "recent_days": RECENT.days,
        "environment": environment,
        "dates": local_day(now, zone=zone).isoformat(),
        "environments": filter_links(names, current=environment),
        "time_zone": zone.key,
    }
    return render(request, "pages/alerts.html", context)


def environment_or_404(request: HttpRequest, *, names: Sequence[str]) -> str:
    """The environment that the page is asked for; "" for all that the person may see. Raises Http404."""
    name = request.GET.get("environment", "")
    if name and name not in names:
        raise Http404("There is no environment of this name.")
    return name


def filter_links(names: Sequence[str], *, current: str) -> list[Link]:
    every = Link(label=_("All"), url="?", is_current=not current)
    return [
        every,
        *(Link(label=name, url=f"?environment={name}", is_current=name == current) for name in names),
    ]
