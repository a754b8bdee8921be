"""/favicon.ico, which browsers request on their own, sent on to the portal's icon."""

from django.contrib.staticfiles.storage import staticfiles_storage
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

ICON = "portal/icon.svg"


@require_safe
def favicon(request: HttpRequest) -> HttpResponseBase:
    return redirect(icon_url(request))


def icon_url(request: HttpRequest) -> str:
    """Address of the icon; unfold calls it with the request."""
    return staticfiles_storage.url(ICON)
