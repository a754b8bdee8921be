"""Answers a page's table as CSV: the page itself is made, in the state of its URL, and its table is taken."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import override

from kpis.api.csv_export import write_csv
from pages.exporting.tables import NoSuchTable, read_table
from people.access import has_right
from people.models import Right

PARAMETER = "csv"
PageView = Callable[..., HttpResponse]


def with_csv(view: PageView) -> PageView:
    """The page; with `?csv=` and the name of one of its tables, that table as a file for who may export."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        name = request.GET.get(PARAMETER, "")
        if not name:
            return view(request, *args, **kwargs)
        # A file is for programs: its columns and numbers are the same whatever language its reader has.
        with override(settings.LANGUAGE_CODE):
            response = view(request, *args, **kwargs)
        if response.status_code != 200:
            return response
        if not has_right(request.user, Right.EXPORT):
            raise PermissionDenied
        return csv_answer(response.content.decode(), name=name, request=request)

    return answer


def csv_answer(page: str, *, name: str, request: HttpRequest) -> HttpResponse:
    """Raises Http404."""
    try:
        rows = read_table(page, name=name)
    except NoSuchTable:
        raise Http404("The page has no such table.") from None
    route = request.resolver_match.url_name if request.resolver_match else ""
    headers = {
        "Content-Disposition": f'attachment; filename="{route}-{name}.csv"',
        "Content-Language": settings.LANGUAGE_CODE,
    }
    return HttpResponse(write_csv(rows), content_type="text/csv; charset=utf-8", headers=headers)
