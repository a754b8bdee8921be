"""A runbook: what to do about each alert, or each line of the health report."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from people.access import needs_right
from people.models import Right
from web.runbooks import read_runbook, runbook_names


@require_safe
@needs_right(Right.VIEW_PAGES)
def show_runbook(request: HttpRequest, name: str) -> HttpResponse:
    """The page at /runbooks/<name>/."""
    if name not in runbook_names():
        raise Http404("There is no runbook of this name.")
    return render(request, "pages/runbook.html", {"name": name, "sections": read_runbook(name)})
