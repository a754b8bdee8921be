"""The portal's icon, for browsers that ask for it without being told where it is."""

from django.contrib.staticfiles.storage import staticfiles_storage
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

ICON = "portal/icon.svg"


@require_safe
def favicon(request: HttpRequest) -> HttpResponseBase:
    return redirect(icon_url(request))


def icon_url(request: HttpRequest) -> str:
    """Where the icon is served."""
    return staticfiles_storage.url(ICON)
